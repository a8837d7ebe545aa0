"""The ``local`` models' view of an image: they cannot see, so they get its measurements in words."""

from typing import Any

from connectors.images.inspect import analyzed

CANNOT_SEE = "This model cannot see what a picture shows. What is measured of it:"


def described(facts: dict[str, Any]) -> str:
    """Return what ``image_facts.analyzed`` found, as sentences."""
    colours = ", ".join(f"{one['color']} ({one['share']:.0%})" for one in facts["dominant_colors"])
    frames = f" in {facts['frames']} frames" if facts["frames"] > 1 else ""
    return (
        f"The picture is a {facts['format']} of {facts['width']} by {facts['height']} pixels{frames} in mode "
        f"{facts['mode']}, with {facts['bytes']} bytes. "
        f"Its brightness is {facts['brightness']:.2f} and its contrast is {facts['contrast']:.2f}, of 1. "
        f"Its most frequent colours are {colours}."
    )


def describe(data: bytes) -> str:
    """Return what is measured of an image's bytes, as sentences. Raises a final ``StepError``."""
    return described(analyzed(data))


def together(said: list[str]) -> str:
    """Return what is said of several pictures, in their order."""
    if len(said) == 1:
        return said[0]
    return "\n\n".join(f"ImageInput {number}: {one}" for number, one in enumerate(said, start=1))
