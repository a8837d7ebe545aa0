"""Budgets of a simulated organisation: how they are defined, and what a perfect ledger says of their past."""

from collections.abc import Sequence
from typing import Any

from connectors.ports.engine import InRecord
from schemas.records.base import Record
from schemas.records.budgets import BudgetDefined, BudgetOpened, BudgetRemoved
from schemas.records.money import CostEvent
from tests.support.runs import ORG
from topics import catalogue
from topics.codec import decode

#: The offset of Asia/Kathmandu from UTC, which never changes.
KATHMANDU_MS = 20_700_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
THRESHOLDS = [10, 50, 90, 100]
LIMIT = 2_000


def _defined(budget_id: str, version: int = 1, **fields: Any) -> BudgetDefined:
    plain: dict[str, Any] = {"name": budget_id, "scope": "org", "limit_nano": LIMIT, "thresholds": THRESHOLDS}
    return BudgetDefined(org_id=ORG, budget_id=budget_id, version=version, **(plain | fields))


#: Two of them are changed, one is removed.
DEFINITIONS: tuple[Record, ...] = (
    _defined("all", period="total"),
    _defined("hours", period="hour", timezone="Asia/Kathmandu"),
    _defined("gone", period="minute"),
    _defined("minutes", period="minute"),
    _defined("slides", period="minute", sliding=True),
    _defined("hours", 2, period="hour", timezone="Asia/Kathmandu", limit_nano=2 * LIMIT),
    BudgetRemoved(org_id=ORG, budget_id="gone"),
    _defined("minutes", 2, period="minute", paused=True),
)
#: Those whose past is told.
OPENED = ("hours",)


def start_of(budget_id: str, at_ms: int) -> int:
    """Return the window that an instant is booked into."""
    if budget_id == "hours":
        return at_ms - (at_ms + KATHMANDU_MS) % HOUR_MS
    return at_ms - at_ms % (1_000 if budget_id == "slides" else MINUTE_MS)


def opening(records: Sequence[InRecord], budget_id: str) -> BudgetOpened | None:
    """Return what was settled before a budget was defined; ``None`` before it is."""
    first: dict[str, CostEvent] = {}
    last: dict[str, CostEvent] = {}
    for record in records:
        said = decode(catalogue.COST_EVENTS, record.value)
        if isinstance(said, BudgetDefined) and said.budget_id == budget_id:
            return _opened(budget_id, record.offset, first, last)
        if isinstance(said, CostEvent):
            first.setdefault(said.call_id, said)
            if said.call_id not in last or (last[said.call_id].kind, said.kind) == ("presumed", "actual"):
                last[said.call_id] = said
    return None


def _opened(budget_id: str, offset: int, first: dict[str, CostEvent], last: dict[str, CostEvent]) -> BudgetOpened:
    amounts: dict[str, int] = {}
    for call_id, event in first.items():
        start = str(start_of(budget_id, event.booked_at_ms))
        amounts[start] = amounts.get(start, 0) + last[call_id].amount_nano
    return BudgetOpened(org_id=ORG, budget_id=budget_id, as_of_offset=offset, amounts=amounts, counted_since_ms=0)
