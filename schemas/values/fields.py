"""Validators for pydantic's fields whose numbers may be written as text, and faults of what was validated, as texts.

The validators stand last in an annotation, after the bounds, so that JSON schemas show these.
"""

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def file_faults(file: str, variable: str) -> Iterator[None]:
    """Turn what reading and validating a configuration file raises into a ``ValueError`` that says what is wrong where.

    ``file`` names it in the message, ``variable`` is the setting that names it.
    """
    try:
        yield
    except OSError as exc:
        raise ValueError(f"{file} cannot be read: {exc.strerror}; see {variable}") from exc
    except ValidationError as exc:
        raise ValueError(f"{file} is wrong at {first_fault(exc, 'file')}; see {variable}") from exc
