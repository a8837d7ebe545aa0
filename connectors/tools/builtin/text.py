"""Finds the text input of a function."""

from typing import Any

from schemas.errors import StepError

_NAMES = ("text", "content")


def text_of(what: str, inputs: dict[str, Any]) -> str:
    """Return the input ``text`` or ``content``, or else the only input that is a text. Raises ``bad_arguments``."""
    for name in _NAMES:
        if isinstance(inputs.get(name), str):
            return str(inputs[name])
    texts = [value for value in inputs.values() if isinstance(value, str)]
    if len(texts) == 1:
        return texts[0]
    has = ", ".join(f"{name} ({type(value).__name__})" for name, value in inputs.items()) or "none"
    raise StepError("bad_arguments", f"{what} needs one text: give an input named 'text'; its inputs are: {has}")
