"""Amounts of money as texts."""

import pytest

from schemas.money import from_cents, from_usd


@pytest.mark.parametrize("text", ["x", "NaN", "1e400", "9e999999", "-9e999999"])
def test_text_that_is_no_amount_says_how_one_is_written(text: str) -> None:
    for read in (from_usd, from_cents):
        with pytest.raises(ValueError, match=r"is not an amount of money; write a number such as 12.5"):
            read(text)
