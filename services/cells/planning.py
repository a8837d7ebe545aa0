"""Whether an organisation can move to a cell, and what stays behind."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.http.cell_client import CellClient
from connectors.postgres.cells.moves import StoredMove
from schemas.clock import now_ms
from schemas.errors import Conflict, NotFound
from schemas.records.definitions import AuditEvent
from schemas.settings import Settings
from services.cells.site import CellSite
from topics.catalogue import DAY_MS, RUN_EVENTS, declared

Record = Callable[[AuditEvent], Awaitable[None]]
#: For so long the log keeps the events of a run, of which a replay is made.
REPLAYED_DAYS = declared(RUN_EVENTS).retention_ms // DAY_MS
#: What stays, and begins again in the other cell; it is said by each dry run.
STAYS_BEHIND = (
    "learned routes and series of live quality: their outcomes travel as rows, the tables begin again",
    "cached answers, rates of keys, and workers' presence",
    "records of topics: run events for replays from the log, events for other systems, dead letters but of events",
    "objects and rows in this cell, until `agentctl org clean` removes them",
)
_SAME = {
    "migration": "the newest migration differs; run the same version in both cells",
    "pepper": "KEY_PEPPER differs, so no key of the organisation would work there",
    "vault": "VAULT_KEY differs, so what is sealed could not be opened there",
    "partitions": "TOPIC_PARTITIONS differs, so ids of runs would be placed differently",
}
_ONE_VAULT = (
    "both cells have one vault database (VAULT_DSN), and a copy begins by deleting what is there; give each one"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dry run says. ``against`` is what must be changed first; ``behind`` counts what stays behind."""

    against: list[str]
    stays: tuple[str, ...]
    open: Mapping[str, int]
    behind: Mapping[str, int]


def facts_of(settings: Settings, migration: str, vault_identity: str) -> dict[str, Any]:
    """Return what both cells must have in common, without a secret."""
    security, vault = settings.security, settings.vault
    master = f"{vault.transit_url}/{vault.transit_key}" if vault.transit_url else security.vault_key.get_secret_value()
    return {
        "cell": settings.cells.name,
        "migration": migration,
        "pepper": _fingerprint(security.key_pepper.get_secret_value(), "pepper"),
        "vault": _fingerprint(master, "vault"),
        "partitions": settings.kafka.partitions,
        "vault_database": vault_identity,
    }


class Planning:
    """Plans moves. ``own`` returns the facts of this cell; methods raise ``Unavailable``."""

    def __init__(
        self,
        site: CellSite,
        own: Callable[[], Awaitable[dict[str, Any]]],
        record: Record,
        dead_letters: Callable[[str], Awaitable[int]],
    ) -> None:
        self._site = site
        self._own = own
        self._record = record
        self._dead_letters = dead_letters

    async def plan(self, org_id: str, peer: CellClient) -> Plan:
        """Return what a move would find."""
        against = await self._against(org_id, peer)
        return Plan(against, STAYS_BEHIND, await self._site.work.of(org_id), await self._behind(org_id))

    async def _behind(self, org_id: str) -> dict[str, int]:
        replayed = await self._site.work.replayable(org_id, REPLAYED_DAYS)
        found = {
            "dead letters that do not travel": await self._dead_letters(org_id),
            f"runs of the last {REPLAYED_DAYS} days, whose replays need this cell's log": replayed,
            "objects, which are copied and stay here too": len(await self._site.object_names(org_id)),
        }
        return {what: count for what, count in found.items() if count}

    async def check(self, org_id: str, peer: CellClient) -> None:
        """Raise ``Conflict`` when something stands against a move."""
        if against := await self._against(org_id, peer):
            raise Conflict(f"organisation {org_id} cannot move to cell {peer.name}: {'; '.join(against)}")

    async def say(self, move: StoredMove) -> None:
        """Put the move into the organisation's audit log, which travels with it."""
        await self._record(
            AuditEvent(
                event_id=f"moved/{move.id}",
                org_id=move.org_id,
                actor=move.started_by,
                action="organisation.move",
                subject=f"move/{move.id}",
                decision="allowed",
                at_ms=now_ms(),
                details={"to": move.to_cell, "move": move.id},
            )
        )

    async def _against(self, org_id: str, peer: CellClient) -> list[str]:
        found = [*await self._site.work.against(org_id), *await self._unlike(peer)]
        try:
            await self._site.rows.tables()
            await self._site.analytics.tables()
        except LookupError as exc:
            found.append(str(exc))
        return found

    async def _unlike(self, peer: CellClient) -> list[str]:
        own, other = await self._own(), await peer.facts()
        if other.get("cell") != peer.name:
            return [f"the cell at its address calls itself {other.get('cell')!r}; correct CELLS_FILE"]
        found = [why for name, why in _SAME.items() if own.get(name) != other.get(name)]
        return found + ([_ONE_VAULT] if own["vault_database"] == other.get("vault_database") else [])


def peer_named(peers: Mapping[str, CellClient], name: str) -> CellClient:
    """Return a cell by its name. Raises ``NotFound``."""
    found = peers.get(name)
    if found is None:
        known = ", ".join(sorted(peers)) or "none"
        raise NotFound(f"cell {name} is not in CELLS_FILE; it names: {known}")
    return found


def _fingerprint(secret: str, purpose: str) -> str:
    return hmac.digest(secret.encode(), f"agentflow cell {purpose}".encode(), "sha256").hex()[:32] if secret else ""
