"""Money is an integer count of nano-dollars (1e-9 USD) inside and a decimal string outside.

Integers keep every sum exact and associative, so a rebuilt table equals the live one to the last digit.
Amounts of calls and runs stay under 2**53, which JSON's numbers hold everywhere. Limits of budgets may be larger.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, DecimalException

NANO_PER_DOLLAR = 1_000_000_000
NANO_PER_CENT = NANO_PER_DOLLAR // 100
MAX_NANO = 2**53 - 1
#: The largest limit of a budget, about 9 billion dollars: sums of it and a call stay within 64 bits.
MAX_LIMIT_NANO = 9 * 10**18


def from_cents(cents: int | str | Decimal, most: int = MAX_NANO) -> int:
    """Convert an amount in cents (fractions allowed) to nano-dollars, rounded half up."""
    return _to_nano(cents, NANO_PER_CENT, most)


def from_usd(usd: int | str | Decimal, most: int = MAX_NANO) -> int:
    """Convert an amount in US dollars to nano-dollars, rounded half up."""
    return _to_nano(usd, NANO_PER_DOLLAR, most)


def check_cents(amount: Decimal) -> Decimal:
    """Return an amount in cents. Raises ``ValueError`` for one that is not 0 and would become 0."""
    return _visible(amount, NANO_PER_CENT, "cents")


def check_usd(amount: Decimal) -> Decimal:
    """Return an amount in US dollars. Raises ``ValueError`` for one that is not 0 and would become 0."""
    return _visible(amount, NANO_PER_DOLLAR, "US dollars")


def usd(nano: int) -> str:
    """Render nano-dollars as a plain decimal string of US dollars, e.g. ``"0.00125"``."""
    return _plain(Decimal(nano) / NANO_PER_DOLLAR)


def cents(nano: int) -> str:
    """Render nano-dollars as a plain decimal string of cents, e.g. ``"0.125"``."""
    return _plain(Decimal(nano) / NANO_PER_CENT)


def _visible(amount: Decimal, unit: int, named: str) -> Decimal:
    if amount and not _to_nano(amount, unit, MAX_LIMIT_NANO):
        raise ValueError(f"is less than the smallest amount, {_plain(Decimal(1) / unit)} {named}")
    return amount


def _to_nano(amount: int | str | Decimal, unit: int, most: int) -> int:
    try:
        exact = Decimal(str(amount)) * unit
        nano = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except (DecimalException, OverflowError, ValueError) as exc:
        raise ValueError(f"{amount!r} is not an amount of money; write a number such as 12.5") from exc
    if abs(nano) > most:
        raise ValueError(f"{amount} is too large; the maximum is {usd(most)} USD")
    return nano


def _plain(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return "0" if text in ("-0", "") else text


def apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """Return whole parts of ``total`` in the ratio of ``weights``, by the method of the largest remainder.

    Their sum is ``total``. Of equal remainders the earlier part gets one more. Raises ``ValueError`` when no weight is
    positive, or one is negative.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be 0 or more, and one of them positive")
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in by_remainder[: total - sum(parts)]:
        parts[at] += 1
    return parts
