"""What the target of a move does: each message of the source, in the state that allows it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import orjson

from connectors.postgres.cells.arrivals import Arrivals
from schemas.cells.moves import Arrival
from schemas.clock import now_ms
from schemas.errors import Conflict, NotFound, Unavailable
from schemas.records.definitions import AuditEvent
from services.cells.site import CellSite, Digests

logger = logging.getLogger(__name__)

#: The table of money takes in what arrived within moments; a role that is down takes longer.
MONEY_WAIT_S = 60.0
_LOOK_S = 0.2

CreateTopics = Callable[[Collection[str]], Awaitable[object]]
Record = Callable[[AuditEvent], Awaitable[None]]


class Arriving:
    """Takes organisations in. Methods raise ``Conflict`` for what is refused, and ``Unavailable``."""

    def __init__(self, arrivals: Arrivals, site: CellSite, create_topics: CreateTopics, record: Record) -> None:
        self._arrivals = arrivals
        self._site = site
        self._create_topics = create_topics
        self._record = record

    async def announce(self, move_id: str, org_id: str, from_cell: str) -> Arrival:
        """Expect an organisation: every process here knows of it before its keys come."""
        arrival = await self._arrivals.announce(move_id, org_id, from_cell)
        await self._create_topics([org_id])
        return arrival

    async def begin(self, move_id: str, org_id: str, attempt: int) -> Arrival:
        """Begin a copy: what an earlier one left is deleted first."""
        arrival = await self._arrivals.begin(move_id, org_id, attempt)
        await self._delete_copy(org_id)
        return arrival

    async def part(self, move_id: str, org_id: str, attempt: int, kind: str, name: str, data: bytes) -> None:
        """Take in a part of a copy. A part that comes twice counts once."""
        await self._arrivals.expect(move_id, org_id, attempt)
        take: dict[str, Callable[[], Awaitable[None]]] = {
            "postgres": lambda: self._rows(org_id, name, data),
            "clickhouse": lambda: self._analytics(name, data),
            "objects": lambda: self._site.put_object(org_id, name, data),
            "definitions": lambda: self._site.put_definitions(org_id, data),
            "events": lambda: self._site.put_events(org_id, data),
            "dead-letters": lambda: self._site.letters.put(org_id, data),
            "audit-keys": lambda: self._site.work.add_audit_keys(orjson.loads(data)),
            "money": lambda: self._site.put_money(org_id, move_id, attempt, int(name), orjson.loads(data)),
        }
        if kind not in take:
            raise NotFound(f"{kind[:40]!r} is no kind of a part")
        await take[kind]()

    async def digests(self, move_id: str, org_id: str, attempt: int, asked: dict[str, Any]) -> Digests:
        """Return what arrived, for the entries of money and the objects that are named, once all money is counted."""
        await self._arrivals.expect(move_id, org_id, attempt)
        await self._money_counted(move_id, org_id, attempt, int(asked["money_parts"]))
        return await self._site.digests(org_id, asked["money"], asked["objects"])

    async def open(self, move_id: str, org_id: str, attempt: int) -> None:
        """Open: from now on the organisation is here. The audit log says so first."""
        async with self._arrivals.opening(move_id, org_id, attempt) as arrival:
            await self._record(_arrived(org_id, move_id, arrival.from_cell))
        logger.info("organisation %s is here (move %s)", org_id, move_id, extra={"action": "organisation_arrived"})

    async def state(self, move_id: str, org_id: str) -> dict[str, str]:
        """Return how an arrival stands, and which database the vault is: the source asks before it removes anything."""
        known = await self._arrivals.state(move_id, org_id)
        return {"state": "unknown" if known is None else known.state, "vault": await self._site.rows.vault_identity()}

    async def discard(self, move_id: str, org_id: str, from_cell: str) -> None:
        """Call an arrival off, and delete what it copied."""
        known = await self._arrivals.state(move_id, org_id)
        await self._arrivals.discard(move_id, org_id, from_cell)
        if known is not None and known.state == "arriving":
            await self._delete_copy(org_id)

    async def _delete_copy(self, org_id: str) -> None:
        await self._site.rows.delete(await self._site.rows.tables(), org_id)
        await self._site.analytics.delete(await self._site.analytics.tables(), org_id)

    async def _rows(self, org_id: str, name: str, data: bytes) -> None:
        table = next((one for one in await self._site.rows.tables() if one.name == name), None)
        if table is None:
            raise Conflict(f"table {name[:80]} of PostgreSQL does not travel here")
        await self._site.rows.into(table, org_id, data)

    async def _analytics(self, name: str, data: bytes) -> None:
        table = next((one for one in await self._site.analytics.tables() if one.name == name), None)
        if table is None:
            raise Conflict(f"table {name[:80]} of ClickHouse does not travel here")
        await self._site.analytics.into(table, data)

    async def _money_counted(self, move_id: str, org_id: str, attempt: int, parts: int) -> None:
        until = time.monotonic() + MONEY_WAIT_S
        wanted = {f"{move_id}/{attempt}/{part}" for part in range(parts)}
        while not wanted <= set(orjson.loads(await self._site.money.arrived(org_id) or "[]")):
            if time.monotonic() > until:
                raise Unavailable("cell", "the role budgets has not taken in the money of the organisation; is it up?")
            await asyncio.sleep(_LOOK_S)


def _arrived(org_id: str, move_id: str, from_cell: str) -> AuditEvent:
    return AuditEvent(
        event_id=f"arrived/{move_id}",
        org_id=org_id,
        actor=f"cell:{from_cell}",
        action="organisation.arrived",
        subject=f"move/{move_id}",
        decision="allowed",
        at_ms=now_ms(),
        details={"from": from_cell, "move": move_id},
    )
