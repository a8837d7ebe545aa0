"""Deletes the runs that ended longer ago than their organisation keeps them.

Invariant: what is deleted had ended, was older than its organisation's days, and was held by nobody when it was looked
for. Traces go first: a sweep that is cut short finds the rest by the runs that are left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.configuration.days import read_days
from services.retention.deletion import Traces

DAY_MS = 86_400_000
#: Batches of one organisation in one sweep, so that one that begins to expire does not keep others waiting.
BATCHES = 5


@dataclass(frozen=True, slots=True)
class KeptDays:
    """Days for which something is kept: ``days`` by default, 0 for ever, and those of single organisations."""

    days: int = 0
    days_of: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, days: int, days_of: str) -> "KeptDays":
        """Return the days that two settings say, the second of which is ``acme=7,other=365``. Raises ``ValueError``."""
        return cls(days, read_days(days_of))

    @property
    def some(self) -> bool:
        """Whether anything is not kept for ever."""
        return bool(self.days or self.days_of)

    def of(self, org_id: str) -> int:
        """Return an organisation's days; 0 for ever."""
        return self.days_of.get(org_id, self.days)


class OldRuns(Protocol):
    """Where runs are, see ``connectors.postgres.history.run_deletion``. Methods raise ``Unavailable``."""

    async def organisations(self) -> list[str]:
        """Return all organisations."""
        ...

    async def expired(self, org_id: str, before_ms: int) -> list[str]:
        """Return some runs that ended before a time and that nobody holds."""
        ...

    async def delete(self, org_id: str, run_ids: Sequence[str]) -> None:
        """Delete runs."""
        ...


class Sweeper:
    """Sweeps the runs of all organisations."""

    def __init__(self, kept: KeptDays, history: OldRuns, traces: Traces) -> None:
        self._kept = kept
        self._history = history
        self._traces = traces
        #: Whether the last sweep left runs that are due: the next one need not wait.
        self.cut = False

    async def sweep(self, now_ms: int) -> dict[str, int]:
        """Delete what is due; return how many runs of each organisation went. Raises ``Unavailable``."""
        if not self._kept.some:
            return {}
        swept: dict[str, int] = {}
        self.cut = False
        for org_id in await self._history.organisations():
            if days := self._kept.of(org_id):
                swept[org_id] = await self._sweep(org_id, now_ms - days * DAY_MS)
        return {org_id: count for org_id, count in swept.items() if count}

    async def _sweep(self, org_id: str, before_ms: int) -> int:
        count = 0
        for _ in range(BATCHES):
            runs = await self._history.expired(org_id, before_ms)
            if not runs:
                return count
            await self._traces.delete(org_id, runs)
            await self._history.delete(org_id, runs)
            count += len(runs)
        self.cut = True
        return count
