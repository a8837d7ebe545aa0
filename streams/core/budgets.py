"""The fold of ``cost-events``: what each organisation has spent, exactly, by dimension and window.

An organisation is one entity with one entry per spend field, in decimal text, which the Lua of holds reads. A
settled call is one entity ``settled:<call id>`` with one entry, kept for ``SETTLED_HORIZON_MS``. The rules:

    remembered   actual comes              presumed comes
    nothing      spend it, release         spend it, release
    presumed     spend the difference      ignore
    actual       ignore                    ignore

So the spend is the sum of the final settlements of distinct calls, whatever the order and however often each
comes.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from schemas.budgets import spend_fields
from schemas.errors import BadRecord
from schemas.metrics import COST_SETTLEMENTS_TOTAL
from schemas.records.money import CostEvent
from streams.core.commands import Command, Count, ExpireAt, Release
from streams.core.state import State

#: How long a settlement is remembered, and so how late a repeat of it may come and still be told apart. It is
#: half of the topic's retention: long past any worker's retry, short enough for a table in memory.
SETTLED_HORIZON_MS = 45 * 86_400_000

_SETTLED = "settled:"
_FIELD = "settlement"
_ORG_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")

Effect = Literal["booked", "corrected", "repeated"]


@dataclass(frozen=True, slots=True)
class Actual:
    """The call's real cost is booked."""

    amount_nano: int


@dataclass(frozen=True, slots=True)
class Presumed:
    """The call's estimate is booked, in these fields, until its real cost comes."""

    amount_nano: int
    fields: tuple[str, ...]


Settlement = Actual | Presumed


class BudgetsFold:
    """The rules of the table ``budgets``; see ``streams.core.state.Fold``."""

    def touches(self, event: CostEvent) -> tuple[str, ...]:
        """Return the organisation and the call."""
        return event.org_id, settled_entity(event.call_id)

    def follows(self, state: State, event: CostEvent) -> tuple[str, ...]:
        """Return nothing: an event names all that it touches."""
        return ()

    def fold(self, state: State, event: CostEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply one settlement. Raises ``BadRecord`` for an organisation id that may name another entity."""
        if not _ORG_PATTERN.fullmatch(event.org_id):
            raise BadRecord("org_id", f"organisation id {event.org_id!r} is not letters, digits, '-' and '_'")
        known: Settlement | None = state.get(settled_entity(event.call_id), _FIELD)
        if known is None:
            return _book(state, event, now_ms)
        if isinstance(known, Presumed) and event.kind == "actual":
            return _correct(state, event, known, now_ms)
        return [_count(event, "repeated")]

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Nothing more."""
        return ()

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return nothing: spend waits for nobody."""
        return []

    def encode(self, entity: str, field: str, value: int | Settlement) -> bytes:
        """Return spend as decimal text, a settlement as a JSON list."""
        return b"%d" % value if isinstance(value, int) else encode_settlement(value)

    def decode(self, entity: str, field: str, data: bytes) -> int | Settlement:
        """Return spend as an int, a settlement as ``Actual`` or ``Presumed``."""
        return decode_settlement(data) if entity.startswith(_SETTLED) else int(data)

    def timer(self, entity: str, field: str, data: bytes) -> None:
        """Return nothing: the timers of this table are those of holds."""

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Return whether it is a call, which has one entry."""
        return entity.startswith(_SETTLED)

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return everything: the settlement is what must be remembered."""
        return fields


def settled_entity(call_id: str) -> str:
    """Return the entity that remembers a call's settlement."""
    return f"{_SETTLED}{call_id}"


def encode_settlement(settlement: Settlement) -> bytes:
    """Return ``[amount]`` of an actual settlement, ``[amount, [fields]]`` of a presumed one."""
    if isinstance(settlement, Actual):
        return b"[%d]" % settlement.amount_nano
    return orjson.dumps([settlement.amount_nano, settlement.fields])


def decode_settlement(data: bytes) -> Settlement:
    """Return the settlement in ``encode_settlement``'s bytes."""
    amount, *rest = orjson.loads(data)
    return Presumed(amount, tuple(rest[0])) if rest else Actual(amount)


def _book(state: State, event: CostEvent, now_ms: int) -> list[Command]:
    fields = spend_fields(event.workflow_name, event.provider, event.model, event.booked_at_ms)
    _spend(state, event.org_id, fields, event.amount_nano)
    amount = event.amount_nano
    settlement = Actual(amount) if event.kind == "actual" else Presumed(amount, tuple(fields))
    return [*_remember(state, event, settlement, now_ms), _count(event, "booked")]


def _correct(state: State, event: CostEvent, presumed: Presumed, now_ms: int) -> list[Command]:
    """Replace the estimate by the cost in the very fields that the estimate was booked into."""
    _spend(state, event.org_id, presumed.fields, event.amount_nano - presumed.amount_nano)
    return [*_remember(state, event, Actual(event.amount_nano), now_ms), _count(event, "corrected")]


def _spend(state: State, org_id: str, fields: Iterable[str], amount_nano: int) -> None:
    for field in fields:
        state.put(org_id, field, (state.get(org_id, field) or 0) + amount_nano)


def _remember(state: State, event: CostEvent, settlement: Settlement, now_ms: int) -> list[Command]:
    entity = settled_entity(event.call_id)
    state.put(entity, _FIELD, settlement)
    return [ExpireAt(entity, now_ms + SETTLED_HORIZON_MS), Release(event.org_id, event.call_id)]


def _count(event: CostEvent, effect: Effect) -> Count:
    return Count(COST_SETTLEMENTS_TOTAL, (("kind", event.kind), ("effect", effect)))
