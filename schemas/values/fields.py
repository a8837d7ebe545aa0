"""Fields of bodies and documents whose numbers may be written as text."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

from schemas.values.text import ascii_decimal, ascii_integer

Integer = Annotated[int, BeforeValidator(ascii_integer)]
"""An integer, or its ASCII decimal digits as text."""
Amount = Annotated[Decimal, BeforeValidator(ascii_decimal)]
"""A number, or an ASCII decimal as text, without loss of digits."""
