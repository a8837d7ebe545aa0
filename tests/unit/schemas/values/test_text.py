"""Texts and numbers in texts."""

from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.values.fields import ASCII_DECIMAL, ASCII_INTEGER
from schemas.values.text import text_fault

NOT_NUMBERS = ("1_0", "１０", "١", " 1", "1 ", "+1", "1e3", "0x10", "", "-", "1.", ".5", "nan", "Infinity", "1\n")


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "1.5"])
def test_an_integer_in_a_text_is_ascii_digits(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[int, ASCII_INTEGER]).validate_python(text)


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_an_amount_in_a_text_is_an_ascii_decimal(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[Decimal, ASCII_DECIMAL]).validate_python(text)


def test_digits_are_read() -> None:
    assert TypeAdapter(Annotated[int, ASCII_INTEGER]).validate_python("-12") == -12
    assert str(TypeAdapter(Annotated[Decimal, ASCII_DECIMAL]).validate_python("12.50")) == "12.50"
    assert str(TypeAdapter(Annotated[Decimal, ASCII_DECIMAL]).validate_python(0.1)) == "0.1"


@pytest.mark.parametrize(("text", "fault"), [("a\0", "U+0000"), ("\ud800", "U+D800"), ("é\U0001f600\x7f\x01", "")])
def test_faults_of_texts(text: str, fault: str) -> None:
    assert text_fault(text).endswith(fault)
    assert bool(text_fault(text)) == bool(fault)
