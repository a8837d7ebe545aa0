"""Places in UTF-8 bytes as places in the text."""

from collections.abc import Collection, Mapping

#: How a text becomes bytes. A lone surrogate becomes one byte, so that the places of all others stay.
ENCODING, ERRORS = "utf-8", "replace"


def encoded(text: str) -> bytes:
    """Return a text's bytes."""
    return text.encode(ENCODING, ERRORS)


def code_points(data: bytes, places: Collection[int]) -> Mapping[int, int]:
    """Return the code point of each place in bytes; each lies at the start of a character. Linear in the text."""
    found: dict[int, int] = {}
    last, points = 0, 0
    for place in sorted(places):
        if place != last:
            points += len(data[last:place].decode(ENCODING, ERRORS))
            last = place
        found[place] = points
    return found
