"""The copy of an organisation to another cell: parts in an order in which each finds what it refers to."""

import time
from typing import Any

import orjson

from connectors.http.cell_client import CellClient, path_of
from connectors.postgres.cells.moves import StoredMove
from schemas.errors import Conflict, Unavailable
from services.cells.site import CellSite, Digests, money_parts


class Different(Conflict):
    """What arrived is not what was sent; the text names the tables."""


class Copy:
    """One attempt to copy an organisation. Methods raise ``Unavailable`` and ``Conflict``."""

    def __init__(self, site: CellSite, peer: CellClient, move: StoredMove, from_cell: str) -> None:
        self._site = site
        self._peer = peer
        self._move = move
        self._from = from_cell
        self._path = path_of("arrivals", move.id)
        self._params: dict[str, str | int] = {"org": move.org_id, "attempt": move.attempt, "from": from_cell}
        self._sent: dict[str, int] = {}

    async def announce(self) -> None:
        """Let the target expect the organisation."""
        await self._peer.send("POST", f"{self._path}/announce", self._params)

    async def make(self) -> dict[str, Any]:
        """Copy everything and compare it; return the report. Raises ``Different``."""
        begun = time.monotonic()
        org_id = self._move.org_id
        fields, objects = await self._site.money.fields(org_id), await self._site.object_names(org_id)
        before = await self._site.digests(org_id)
        await self._peer.send("POST", f"{self._path}/begin", self._params)
        for table in await self._site.rows.tables():
            async for part in self._site.rows.out(table, org_id):
                await self._part("postgres", table.name, part)
        for one in await self._site.analytics.tables():
            async for part in self._site.analytics.out(one, org_id):
                await self._part("clickhouse", one.name, part)
        for sha256 in objects:
            await self._part("objects", sha256, await self._site.object_bytes(org_id, sha256))
        async for part in self._site.definitions(org_id):
            await self._part("definitions", "all", part)
        await self._part("audit-keys", "all", orjson.dumps(await self._site.work.audit_keys()))
        parts = money_parts(fields)
        for number, entries in enumerate(parts):
            await self._part("money", str(number), orjson.dumps(entries))
        asked = {"money": sorted(fields), "objects": objects, "money_parts": len(parts)}
        answer = await self._peer.send("POST", f"{self._path}/digests", self._params, orjson.dumps(asked))
        compare(before, await self._site.digests(org_id), answer.get("digests", {}))
        return {"digests": before, "parts": self._sent, "copy_s": round(time.monotonic() - begun, 3)}

    async def forward_events(self) -> dict[int, int]:
        """Send the events that wait on the organisation's submissions topic, and return before which offsets they are.

        The offsets are by partition. An event that comes twice is one run.
        """
        parts, ends = await self._site.waiting_events(self._move.org_id)
        for part in parts:
            await self._part("events", "all", part)
        return ends

    async def forward_letters(self) -> None:
        """Send the dead letters of the organisation's events. One that comes twice is one letter."""
        async for part in self._site.letters.out(self._move.org_id):
            await self._part("dead-letters", "all", part)

    async def open(self) -> None:
        """Order the target to open; harmless when it has."""
        await self._peer.send("POST", f"{self._path}/open", self._params)

    async def discard(self) -> None:
        """Call the arrival off. Raises ``Conflict`` when the target is open."""
        await self._peer.send("POST", f"{self._path}/discard", self._params)

    async def _part(self, kind: str, name: str, data: bytes) -> None:
        await self._peer.send("PUT", f"{self._path}/parts{path_of(kind, name)}", self._params, data)
        self._sent[kind] = self._sent.get(kind, 0) + 1


def compare(before: Digests, after: Digests, there: Digests) -> None:
    """Raise ``Different`` unless the target has the same, naming what differs.

    Raises ``Unavailable`` when something changed here meanwhile: the copy is made again.
    """
    changed = sorted(one for one in before.keys() | after.keys() if before.get(one) != after.get(one))
    if changed:
        raise Unavailable("cell", f"{', '.join(changed)} changed while the copy was made")
    other = [
        f"{one} (here {before.get(one)}, there {there.get(one)})"
        for one in sorted(before.keys() | there.keys())
        if before.get(one) != there.get(one)
    ]
    if other:
        raise Different(f"the copy differs: {'; '.join(other)}")
