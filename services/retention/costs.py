"""Adds the settlements of calls up that are older than their organisation keeps them.

Invariant: sums by hour, workflow, node, prompt, provider, model, tags and kind are the same before and after. What is
lost is which run and step a call was of. The log has no record of such a call any more, so none comes late.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from services.retention.sweeper import DAY_MS, KeptDays

HOUR_MS = 3_600_000
H = TypeVar("H")


class OldCosts(Protocol[H]):
    """Where settlements are, see ``connectors.clickhouse.retention.old_costs``. Methods raise ``Unavailable``."""

    async def hours(self, org_id: str, before_ms: int) -> Sequence[H]:
        """Return the oldest hours before a time whose settlements are not added up, some of them."""
        ...

    async def add_up(self, org_id: str, hour: H) -> None:
        """Add the settlements of an hour up."""
        ...

    async def delete(self, org_id: str, before_ms: int) -> bool:
        """Delete what is added up before a time; return whether there was any."""
        ...


class Organisations(Protocol):
    """See ``connectors.postgres.history.run_deletion``. Raises ``Unavailable``."""

    async def organisations(self) -> list[str]:
        """Return all organisations."""
        ...


class CostSweeper:
    """Sweeps the settlements of all organisations."""

    def __init__(self, kept: KeptDays, costs: OldCosts[H], organisations: Organisations) -> None:
        self._kept = kept
        self._costs = costs
        self._organisations = organisations
        #: Whether the last sweep left hours that are due.
        self.cut = False

    async def sweep(self, now_ms: int) -> dict[str, int]:
        """Add up what is due; return how many hours of each organisation were. Raises ``Unavailable``."""
        self.cut = False
        if not self._kept.some:
            return {}
        swept: dict[str, int] = {}
        for org_id in await self._organisations.organisations():
            if days := self._kept.of(org_id):
                before_ms = (now_ms - days * DAY_MS) // HOUR_MS * HOUR_MS
                if hours := await self._sweep(org_id, before_ms):
                    swept[org_id] = hours
        return swept

    async def _sweep(self, org_id: str, before_ms: int) -> int:
        hours = await self._costs.hours(org_id, before_ms)
        if not hours:
            # Deleted as a whole: ClickHouse rewrites its parts for each deletion.
            await self._costs.delete(org_id, before_ms)
            return 0
        for hour in hours:
            await self._costs.add_up(org_id, hour)
        self.cut = True
        return len(hours)
