"""What was learned of routes is the fold of its log: every outcome counts once, also after crashes of its owners.

Beside the fold of production, which says what the sums must be, outcomes are counted by their ids alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from msgspec.structs import asdict

from schemas.records.routes import RouteOutcome, RouteScored
from schemas.tables.routes import LEARNED, NOTHING, Learned, arms_entity, decode_learned
from streams.core.routes.fold import RoutesFold
from tests.chaos.evidence import Evidence
from tests.chaos.judges.violation import Violation, short
from tests.chaos.scenarios.calls import LEARN
from topics.catalogue import ROUTE_OUTCOMES
from topics.codec import decode


def judge(evidence: Evidence) -> list[Violation]:
    """Judge the table's entries, and that every answer of a learned step is in its log."""
    folded, decisions = Folded(), defaultdict(set)
    for one in sorted(evidence.route_events, key=lambda one: (one.partition, one.offset)):
        folded.fold(one.value, one.offset)
        if one.outcome:
            decisions[one.group].add(one.outcome)
    found: list[Violation] = []
    for group in sorted(decisions.keys() | evidence.learned.keys()):
        stored = decode_learned(evidence.learned.get(group, "{}").encode())
        right = folded.learned(group)
        if stored.count != len(decisions[group]):
            text = f"the table counts {stored.count} outcomes, the log has {len(decisions[group])} decisions"
            found.append(Violation("an outcome is learned once", group, text))
        if stored != right:
            text = f"the table has {short(asdict(stored))}, the log folds to {short(asdict(right))}"
            found.append(Violation("what is learned follows from the log", group, text))
    return found + [
        Violation("every answer is learned", decision, "no outcome in the log names it")
        for decision in sorted(_answered(evidence) - {one for group in decisions.values() for one in group})
    ]


def _answered(evidence: Evidence) -> set[str]:
    """Return the attempts that answered, of steps that learn."""
    runs = {run for run, seen in evidence.runs.items() if seen.workflow == LEARN}
    outcomes = (one for run in runs for one in evidence.counted.get(run, ()))
    return {f"{one.run}:{one.step}:{one.attempt}" for one in outcomes if one.kind == "succeeded"}


class Folded:
    """The table as the fold makes it of the log alone."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Any] = {}
        self._rules = RoutesFold()

    def fold(self, value: str, offset: int) -> None:
        """Fold one record."""
        event = decode(ROUTE_OUTCOMES, value.encode())
        if isinstance(event, RouteOutcome | RouteScored):
            self._rules.fold(self, event, 0, offset)

    def learned(self, group: str) -> Learned:
        """Return the entry of an arm group."""
        return self.get(arms_entity(group), LEARNED) or NOTHING

    def get(self, entity: str, name: str) -> Any | None:
        return self._entries.get((entity, name))

    def put(self, entity: str, name: str, value: Any) -> None:
        self._entries[entity, name] = value

    def drop(self, entity: str, name: str) -> None:
        self._entries.pop((entity, name), None)

    def fields(self, entity: str) -> Iterable[str]:
        return [name for of, name in self._entries if of == entity]
