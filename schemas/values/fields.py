"""Validators for pydantic's fields whose numbers may be written as text.

They stand last in an annotation, after the bounds, so that JSON schemas show these.
"""

from pydantic import BeforeValidator

from schemas.values.text import ascii_decimal, ascii_integer

ASCII_INTEGER = BeforeValidator(ascii_integer)
"""An integer in a text has the digits 0 to 9 alone."""
ASCII_DECIMAL = BeforeValidator(ascii_decimal)
"""A decimal number in a text has the digits 0 to 9, and one point between them."""
