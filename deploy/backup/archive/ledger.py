"""What records of money say, without the fold: each call once, at its actual cost or else the presumed one.

This is the rule of the fold and of ClickHouse's ledger, counted by itself, so that a restored site can be compared with
its backup.
"""

from collections.abc import Iterable

from connectors.ports.archive import LogRow
from deploy.backup.archive.manifest import Ledger
from schemas.errors import BadRecord, NewerMajor
from schemas.records.money import CallStarted, CostEvent
from topics.catalogue import COST_EVENTS
from topics.codec import decode


class Counting:
    """Takes records of ``cost-events`` in any order of partitions; of one call the order is the log's."""

    def __init__(self) -> None:
        self._actual: dict[str, int] = {}
        self._presumed: dict[str, int] = {}
        self._started: dict[str, CallStarted] = {}

    def take(self, rows: Iterable[LogRow]) -> None:
        """Count records; what is no record of money, or not ours, is left out as the fold leaves it out."""
        for row in rows:
            try:
                event = decode(COST_EVENTS, row.value)
            except (BadRecord, NewerMajor):
                continue
            if isinstance(event, CostEvent):
                (self._actual if event.kind == "actual" else self._presumed).setdefault(
                    event.call_id, event.amount_nano
                )
                self._started.pop(event.call_id, None)
            elif isinstance(event, CallStarted) and not self.settled(event.call_id):
                self._started.setdefault(event.call_id, event)

    def settled(self, call_id: str) -> bool:
        """Return true if a settlement of the call was counted."""
        return call_id in self._actual or call_id in self._presumed

    def open_calls(self) -> list[CallStarted]:
        """Return the calls that started and are not settled: nobody knows how they ended."""
        return list(self._started.values())

    def ledger(self) -> Ledger:
        """Return the sums."""
        settled = self._presumed | self._actual
        return Ledger(calls=len(settled), nano=sum(settled.values()), open_calls=len(self._started))
