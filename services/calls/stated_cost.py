"""Which cost is booked where a provider states its own: the organisation's choice, as long as the stated one can be.

=================  ===========================================================================================
a note             the stated cost is not taken, since
=================  ===========================================================================================
cost:unreadable    it is no number
cost:negative      it is less than nothing
cost:over_hold     it is more than ``MOST_TIMES_HOLD`` times what was held for the call
=================  ===========================================================================================
"""

from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

from schemas.money import from_usd
from schemas.price_lists import CostSource

#: A hold is the most that a call can cost by prices; a provider's own may be higher, and not by any factor.
MOST_TIMES_HOLD = 2


class Booked(NamedTuple):
    """The cost that is booked in nano-dollars, and what it is: see ``CostEvent``. ``note`` says why none was taken."""

    amount_nano: int
    source: Literal["", "provider", "refused"] = ""
    difference_nano: int = 0
    note: str = ""


NOTHING_BOOKED = Booked(0)


def booked(stated_usd: object, computed_nano: int, held_nano: int, source: CostSource) -> Booked:
    """Return which of two costs of a call is booked. ``stated_usd`` is as the provider wrote it; ``None`` for none."""
    if stated_usd is None:
        return Booked(computed_nano)
    stated_nano = _nano(stated_usd)
    fault = _fault(stated_nano, held_nano)
    if stated_nano is None or fault:
        return Booked(computed_nano, "refused" if source == "provider" else "", 0, f"cost:{fault}")
    difference = stated_nano - computed_nano
    if source == "provider":
        return Booked(stated_nano, "provider", difference)
    return Booked(computed_nano, "", difference)


def _fault(stated_nano: int | None, held_nano: int) -> str:
    if stated_nano is None:
        return "unreadable"
    if stated_nano < 0:
        return "negative"
    return "over_hold" if stated_nano > MOST_TIMES_HOLD * held_nano else ""


def _nano(stated_usd: object) -> int | None:
    """Return an amount, ``None`` for what is none. A number that is too large for a record is far over any hold."""
    if isinstance(stated_usd, bool) or not isinstance(stated_usd, int | float | str | Decimal):
        return None
    try:
        exact = Decimal(str(stated_usd))
    except InvalidOperation:
        return None
    if not exact.is_finite():
        return None
    if abs(exact) > _TOO_MUCH_USD:
        return _TOO_MUCH_NANO if exact > 0 else -1
    # A cost that is not nothing but under half a nano-dollar, and less than nothing, is still less than nothing.
    return from_usd(exact) or (-1 if exact < 0 else 0)


_TOO_MUCH_USD = 1_000_000
_TOO_MUCH_NANO = 2**63
