"""What an organisation left behind in the cell that it moved away from: counted, and removed in batches.

Invariant: nothing is removed unless this cell says that the organisation *left* and the other cell that it is open
there; and no copy of it back to this cell begins while a batch is being removed.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.http.cell_client import CellClient, path_of
from connectors.kafka.deadline_appender import Appender
from connectors.objects.backends import listable
from connectors.ports.engine import OutRecord
from connectors.postgres.cells.remains import REDIRECTS, Left, RemainingRows
from connectors.postgres.cells.tables import CARRIED
from schemas.clock import now_ms
from schemas.errors import Conflict
from services.cells.site import CellSite
from topics.catalogue import RUN_VIEWS

#: One request removes for so long, then says what is left: a request must end before proxies lose patience.
WORK_S = 10.0
RUNS = "workflow_run"
_VAULT = frozenset(name for name, carried in CARRIED.items() if carried.vault)
_STAYS_REDIRECTS = "its row, projects and keys, which send its clients to the other cell; --keys removes them"
_STAYS_VAULT = "keys of its vault: both cells have one vault database"
_STAYS_LOG = "records of topics and entries of Redis: they leave by their own retention, or with the next rebuild"


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left, and what was removed just now, by store and table. ``stays`` says what is not removed."""

    left: Left
    counts: Mapping[str, int]
    removed: Mapping[str, int]
    stays: tuple[str, ...]


class Removal:
    """Removes remains. Methods raise ``Unavailable``, and ``Conflict`` while a move has not ended."""

    def __init__(
        self,
        site: CellSite,
        peers: Mapping[str, CellClient],
        log: Appender,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site = site
        self._rows = RemainingRows(site.rows)
        self._peers = peers
        self._log = log
        self._monotonic = monotonic

    async def look(self, org_id: str, *, keys: bool) -> Remains:
        """Return what is there; nothing is removed."""
        async with self._rows.kept_away(org_id) as left:
            kept = await self._kept(left, keys=keys)
        return await self._found(left, {}, kept)

    async def remove(self, org_id: str, *, keys: bool) -> Remains:
        """Remove for ``WORK_S``; repeat it until nothing is left. ``keys``: also what tells clients where it is."""
        removed: Counter[str] = Counter()
        async with self._rows.kept_away(org_id) as left:
            kept = await self._kept(left, keys=keys)
            until = self._monotonic() + WORK_S
            await self._remove(left, kept, removed, lambda: self._monotonic() > until)
        return await self._found(left, removed, kept)

    async def _remove(self, left: Left, kept: frozenset[str], removed: Counter[str], late: Callable[[], bool]) -> None:
        for table in await self._rows.order(kept):
            while count := await self._batch(left.org_id, table):
                removed[f"postgres {table}"] += count
                if late():
                    return
        for one in await self._site.analytics.tables():
            if count := await self._site.analytics.count(one, left.org_id):
                await self._site.analytics.delete([one], left.org_id)
                removed[f"clickhouse {one.name}"] += count
            if late():
                return
        blobs = listable(self._site.objects.blobs)
        async for found in blobs.stored(left.org_id):
            removed["objects"] += await blobs.delete(found.name, now_ms() + 1)
            if late():
                return

    async def _batch(self, org_id: str, table: str) -> int:
        if table != RUNS:
            return await self._rows.delete_some(org_id, table)
        runs = await self._rows.some_runs(org_id)
        # Their views would stay in the log for as long as a run is kept. First these: what is cut short is found again.
        await self._log.append([OutRecord(RUN_VIEWS, run.encode(), None) for run in runs])
        return await self._rows.delete_runs(org_id, runs)

    async def _kept(self, left: Left, *, keys: bool) -> frozenset[str]:
        """Ask the other cell, and return the tables whose rows stay. Raises ``Conflict`` where it is not open there."""
        peer = self._peers.get(left.cell)
        if peer is None:
            raise Conflict(
                f"cell {left.cell} is not in CELLS_FILE any more, so it cannot say whether it has {left.org_id}"
            )
        said = await peer.send("GET", path_of("arrivals", left.move_id), {"org": left.org_id})
        if said.get("state") != "open":
            raise Conflict(
                f"cell {left.cell} says that {left.org_id} is {said.get('state')} there; nothing was removed"
            )
        one_vault = said.get("vault") == await self._site.rows.vault_identity()
        return (frozenset() if keys else REDIRECTS) | (_VAULT if one_vault else frozenset())

    async def _found(self, left: Left, removed: Mapping[str, int], kept: frozenset[str]) -> Remains:
        rows = await self._rows.counts(left.org_id, kept)
        counts = {f"postgres {name}": count for name, count in rows.items()}
        for one in await self._site.analytics.tables():
            if count := await self._site.analytics.count(one, left.org_id):
                counts[f"clickhouse {one.name}"] = count
        if objects := len(await self._site.object_names(left.org_id)):
            counts["objects"] = objects
        stays = [_STAYS_REDIRECTS] if kept >= REDIRECTS else []
        stays += [_STAYS_VAULT] if kept >= _VAULT else []
        return Remains(left, counts, dict(removed), (*stays, _STAYS_LOG))
