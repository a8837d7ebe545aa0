"""Budgets: each counter is what was settled for it, and each threshold was reported, once and in the same words."""

from collections.abc import Iterator
from typing import Any

from schemas.records.budgets import BudgetDefined
from schemas.records.money import CostEvent
from tests.simulation.oracle.history import Event, History
from tests.simulation.world.budgets import HOUR_MS, LIMIT, MINUTE_MS, OPENED, THRESHOLDS, start_of
from tests.simulation.world.world import World
from tests.support.runs import ORG
from topics import catalogue
from topics.codec import decode

#: How many windows a counter remembers; of a sliding one, how many milliseconds.
REMEMBERED = 64
SLIDING_MS = 2 * MINUTE_MS


def check(world: World, history: History) -> Iterator[str]:
    """Yield what is wrong with the budgets."""
    if not world.budgets:
        return
    costs = sorted(history.costs, key=lambda event: event.at)
    entries = {
        name: data.decode() for p in range(world.partitions) for name, data in world.money.entity(p, ORG).items()
    }
    clock_ms = max(event.ms for event in costs)
    for budget_id in ("hours", "minutes", "slides"):
        yield from _counter(budget_id, costs, entries[f"c:{budget_id}"], clock_ms)
    yield from (f"{name} of a budget that is gone" for name in ("c:gone", "r:gone") if name in entries)
    yield from _reports(world, costs)


def _counter(budget_id: str, costs: list[Event], stored: str, clock_ms: int) -> Iterator[str]:
    found = {int(start): int(amount) for start, amount in (pair.split(":") for pair in stored.split())}
    expected: dict[int, int] = {}
    defined_at = _defined_at(budget_id, costs)
    for first, last in _final(costs).values():
        if first.at > defined_at or budget_id in OPENED:
            start = start_of(budget_id, first.said.booked_at_ms)
            expected[start] = expected.get(start, 0) + last.amount_nano
    since = clock_ms - (SLIDING_MS - 1_000 if budget_id == "slides" else REMEMBERED * _length(budget_id))
    for start in sorted(found.keys() | expected.keys()):
        if start >= since and found.get(start, 0) != expected.get(start, 0):
            yield f"{budget_id} has {found.get(start, 0)} from {start} on, and {expected.get(start, 0)} was settled"


def _length(budget_id: str) -> int:
    return HOUR_MS if budget_id == "hours" else MINUTE_MS


def _defined_at(budget_id: str, costs: list[Event]) -> int:
    return next(e.at for e in costs if isinstance(e.said, BudgetDefined) and e.said.budget_id == budget_id)


def _final(costs: list[Event]) -> dict[str, tuple[Event, CostEvent]]:
    """Return the first settlement of each call, and the one that counts."""
    found: dict[str, tuple[Event, CostEvent]] = {}
    for event in costs:
        if isinstance(event.said, CostEvent):
            first, last = found.get(event.said.call_id, (event, event.said))
            corrects = (last.kind, event.said.kind) == ("presumed", "actual")
            found[event.said.call_id] = first, event.said if corrects else last
    return found


def _reports(world: World, costs: list[Event]) -> Iterator[str]:
    """A total is reported exactly where the log says that it was reached."""
    said: dict[str, Any] = {}
    topic = catalogue.events_topic(ORG)
    for record in world.log.everything(topic):
        report = decode(topic, record.value)
        if said.setdefault(report.id, report) != report:
            yield f"{report.id} was reported in other words: {report}"
    found = {one.data["threshold"] for one in said.values() if one.subject == "all"}
    expected = _reached(costs)
    if found != expected:
        yield f"the thresholds {sorted(found)} of the total were reported, and {sorted(expected)} were reached"


def _reached(costs: list[Event]) -> set[int]:
    amounts: dict[str, tuple[str, int]] = {}
    reached: set[int] = set()
    defined_at = _defined_at("all", costs)
    for event in costs:
        said = event.said
        if isinstance(said, CostEvent):
            kind, _ = amounts.get(said.call_id, ("", 0))
            if kind and (kind, said.kind) != ("presumed", "actual"):
                continue
            amounts[said.call_id] = said.kind, said.amount_nano
            spent = sum(amount for _, amount in amounts.values())
            if event.at > defined_at:
                reached |= {one for one in THRESHOLDS if 0 < spent * 100 >= one * LIMIT}
    return reached
