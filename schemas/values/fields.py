"""Validators for pydantic's fields whose numbers may be written as text, and the first fault of a validation.

They stand last in an annotation, after the bounds, so that JSON schemas show these.
"""

from pydantic import BeforeValidator, ValidationError

from schemas.values.text import ascii_decimal, ascii_integer

ASCII_INTEGER = BeforeValidator(ascii_integer)
"""An integer in a text has the digits 0 to 9 alone."""
ASCII_DECIMAL = BeforeValidator(ascii_decimal)
"""A decimal number in a text has the digits 0 to 9, and one point between them."""


def first_fault(exc: ValidationError, whole: str = "") -> str:
    """Return the place and the message of a validation's first fault; ``whole`` names the place of the whole value."""
    first = exc.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    return f"{where}: {first['msg']}"
