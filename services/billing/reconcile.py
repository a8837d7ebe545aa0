"""A provider's charges compared with what was booked, by day and model, each difference with a likely reason.

==============  =======================================================================================================
a reason        it is likely, since
==============  =======================================================================================================
time_zone       the amounts agree when our days begin at another hour, the same for all models
presumed        we booked more, and not more than what was presumed for calls whose cost was never known
price           theirs is the same multiple of ours on at least three days: their price differs from our list
other_calls     they charge for more than we know: calls outside AgentFlow, or with charges that are not of calls
not_charged     we booked what they do not charge: another account or key of theirs, or charges to come
==============  =======================================================================================================
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from services.billing.exports import Charge

Status = Literal["matched", "different", "ours_only", "theirs_only"]
Reason = Literal["", "time_zone", "presumed", "price", "other_calls", "not_charged"]

#: Amounts agree up to a cent for a model and day, or a thousandth: exports are rounded.
CENT_NANO = 10_000_000
_THOUSANDTH = 1_000
_EPOCH = date(1970, 1, 1)
_HOUR_MS = 3_600_000
#: Zones of whole hours, the nearest first.
_SHIFTS = sorted(range(-14, 15), key=abs)
#: Days of one price that differs by the same factor, and how much the factors may differ from their middle.
_PRICE_DAYS = 3
_PRICE_SPREAD = Decimal("0.01")


class Spent(NamedTuple):
    """What calls of a model were booked at in one hour; milliseconds and nano-dollars."""

    hour_ms: int
    model: str
    amount_nano: int
    presumed_nano: int


@dataclass(frozen=True, slots=True)
class Line:
    """One model on one day. ``share`` is the difference as a part of ours; of theirs, where we have nothing."""

    day: date
    model: str
    status: Status
    ours_nano: int
    theirs_nano: int
    presumed_nano: int
    reason: Reason = ""

    @property
    def difference_nano(self) -> int:
        """What they charge more than we booked."""
        return self.theirs_nano - self.ours_nano

    @property
    def share(self) -> Decimal:
        """The difference as a part of what we booked, to four places."""
        whole = self.ours_nano or self.theirs_nano
        found = Decimal(self.difference_nano) / whole if whole else Decimal(0)
        return found.quantize(Decimal("0.0001"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All lines in order; ``offset_hours`` is the zone of their days, where it is likely another than UTC."""

    lines: tuple[Line, ...]
    offset_hours: int = 0


_Key = tuple[date, str]
_Hour = tuple[int, str]
_Days = Mapping[_Key, int]


def reconcile(charges: Iterable[Charge], spent: Sequence[Spent], name: Callable[[str], str]) -> Reconciliation:
    """Compare charges with what was spent.

    ``name`` maps what either side calls a model to one name. Spend may reach a day beyond the charges' days on both
    ends, which finds days that begin at another hour; only the charges' days are compared.
    """
    theirs = _theirs(charges, name)
    days = {day for day, _ in theirs}
    first, last = min(days), max(days)
    hours = _by_hour(spent, name, lambda one: one.amount_nano)
    by_shift = {shift: _by_day(hours, shift) for shift in _SHIFTS}
    offset = _offset(theirs, by_shift, (first, last))
    presumed = _by_day(_by_hour(spent, name, lambda one: one.presumed_nano), 0)
    lines = [
        _line(key, by_shift[0].get(key, 0), theirs.get(key, 0), presumed.get(key, 0), has_theirs=key in theirs)
        for key in sorted({key for key in by_shift[0] if first <= key[0] <= last} | theirs.keys())
    ]
    explained = _with_reasons(lines, by_shift[offset] if offset else None, _factors(lines))
    return Reconciliation(tuple(explained), offset)


def agrees(ours_nano: int, theirs_nano: int) -> bool:
    """Return whether two amounts are the same but for rounding."""
    return abs(ours_nano - theirs_nano) <= max(CENT_NANO, max(ours_nano, theirs_nano) // _THOUSANDTH)


def _theirs(charges: Iterable[Charge], name: Callable[[str], str]) -> dict[_Key, int]:
    exact: dict[_Key, Decimal] = defaultdict(Decimal)
    for one in charges:
        exact[one.day, name(one.model)] += one.amount
    return {key: int(amount.to_integral_value(ROUND_HALF_UP)) for key, amount in exact.items()}


def _by_hour(spent: Iterable[Spent], name: Callable[[str], str], amount: Callable[[Spent], int]) -> dict[_Hour, int]:
    """Return amounts by the hour since the epoch and the name of the model; each model is named once."""
    names: dict[str, str] = {}
    found: dict[_Hour, int] = defaultdict(int)
    for one in spent:
        if one.model not in names:
            names[one.model] = name(one.model)
        found[one.hour_ms // _HOUR_MS, names[one.model]] += amount(one)
    return found


def _by_day(hours: Mapping[_Hour, int], shift: int) -> dict[_Key, int]:
    """Return amounts by day, of days that begin ``shift`` hours before those in UTC."""
    found: dict[_Hour, int] = defaultdict(int)
    for (hour, model), amount in hours.items():
        found[(hour + shift) // 24, model] += amount
    return {(_EPOCH + timedelta(days=day), model): amount for (day, model), amount in found.items()}


def _offset(theirs: _Days, by_shift: Mapping[int, _Days], days: tuple[date, date]) -> int:
    """Return the zone in which the amounts agree but for a tenth of what differs in UTC; 0 where none does."""
    apart = {shift: _apart(theirs, ours, days) for shift, ours in by_shift.items()}
    best = min(_SHIFTS, key=lambda shift: apart[shift])
    return best if apart[best] * 10 <= apart[0] and apart[0] > CENT_NANO else 0


def _apart(theirs: _Days, ours: _Days, days: tuple[date, date]) -> int:
    keys = {key for key in ours if days[0] <= key[0] <= days[1]} | theirs.keys()
    pairs = ((ours.get(key, 0), theirs.get(key, 0)) for key in keys)
    return sum(abs(a - b) for a, b in pairs if not agrees(a, b))


def _line(key: _Key, ours: int, theirs: int, presumed: int, *, has_theirs: bool) -> Line:
    if agrees(ours, theirs):
        status: Status = "matched"
    elif not has_theirs or theirs == 0:
        status = "ours_only"
    else:
        status = "different" if ours else "theirs_only"
    return Line(*key, status, ours, theirs, presumed)


def _factors(lines: Iterable[Line]) -> dict[str, Decimal]:
    """Return by which factor a model's charges differ from what was booked, where it is the same on all its days."""
    by_model: dict[str, list[Decimal]] = defaultdict(list)
    for line in lines:
        if line.ours_nano > CENT_NANO and line.theirs_nano:
            by_model[line.model].append(Decimal(line.theirs_nano) / line.ours_nano)
    found = {}
    for model, factors in by_model.items():
        middle = sorted(factors)[len(factors) // 2]
        if len(factors) >= _PRICE_DAYS and all(abs(one - middle) <= _PRICE_SPREAD * middle for one in factors):
            found[model] = middle
    return found


def _with_reasons(lines: Iterable[Line], shifted: _Days | None, factors: Mapping[str, Decimal]) -> list[Line]:
    return [
        line
        if line.status == "matched"
        else Line(
            line.day,
            line.model,
            line.status,
            line.ours_nano,
            line.theirs_nano,
            line.presumed_nano,
            _reason(line, shifted, factors),
        )
        for line in lines
    ]


def _reason(line: Line, shifted: _Days | None, factors: Mapping[str, Decimal]) -> Reason:
    if shifted is not None and agrees(shifted.get((line.day, line.model), 0), line.theirs_nano):
        return "time_zone"
    if 0 < -line.difference_nano <= line.presumed_nano + CENT_NANO and line.presumed_nano:
        return "presumed"
    if line.status == "different" and line.model in factors:
        return "price"
    return "other_calls" if line.difference_nano > 0 else "not_charged"
