"""Activations of policies: which version decides, for runs that are submitted from then on. They are never changed."""

from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue
from connectors.postgres.policies.acts import Act, record_act
from connectors.postgres.policies.versions import lock_policies
from schemas.errors import NotFound
from schemas.records.security.pinned import Mode
from schemas.values.json_text import read_json

#: Activations that are listed, the newest.
LISTED = 100
_COLUMNS = (
    f"a.org_id, a.number, a.name, a.version, a.mode, a.activated_by, {epoch_ms('a.activated_at')} AS at_ms, v.hash"
)
_SAME = "v.org_id = a.org_id AND v.name = a.name AND v.version = a.version"
_FROM = f"policy_activation a LEFT JOIN policy_version v ON {_SAME}"


@dataclass(frozen=True)
class Activation:
    """One activation. ``name`` is empty where no policy is active from it on."""

    org_id: str
    number: int
    name: str
    version: int
    hash: str
    mode: Mode
    by: str
    at_ms: int


class PolicyActivations:
    """The activations of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def activate(self, org_id: str, name: str, version: int, mode: Mode, by: str, actor: str) -> Activation:
        """Let a version decide from here on. What is active already stays as it is. Raises ``NotFound``."""
        async with self._database.transaction("activate a policy") as conn:
            await lock_policies(conn, org_id)
            before = await _newest(conn, org_id)
            if before is not None and (before.name, before.version, before.mode) == (name, version, mode):
                return before
            found = await conn.fetchrow(
                "SELECT hash, document FROM policy_version WHERE org_id = $1 AND name = $2 AND version = $3",
                *(org_id, name, version),
            )
            if found is None:
                raise NotFound(f"there is no policy {name}@{version}; see GET /api/v1/policies")
            made = await _insert(conn, org_id, before, (name, version), mode, by)
            # Workers get the version itself; which mode and which version a run is under, the run says.
            document = read_json(found["document"].encode())
            await enqueue(conn, "policy", org_id, name, document, version)
            details = {"number": str(made.number), "mode": mode, "hash": found["hash"], "before": _said(before)}
            await record_act(conn, org_id, Act("policy.activate", f"{name}@{version}", actor, details))
            return made

    async def deactivate(self, org_id: str, by: str, actor: str) -> Activation:
        """Let no policy decide from here on. Raises ``NotFound`` where none is active."""
        async with self._database.transaction("deactivate a policy") as conn:
            await lock_policies(conn, org_id)
            before = await _newest(conn, org_id)
            if before is None or not before.name:
                raise NotFound("no policy is active; see GET /api/v1/policies/active")
            made = await _insert(conn, org_id, before, None, before.mode, by)
            details = {"number": str(made.number), "before": _said(before)}
            await record_act(conn, org_id, Act("policy.deactivate", f"{before.name}@{before.version}", actor, details))
            return made

    async def listed(self, org_id: str) -> list[Activation]:
        """Return an organisation's activations, the newest first: that one counts."""
        rows = await self._database.fetch(
            "read activations of policies",
            f"SELECT {_COLUMNS} FROM {_FROM} WHERE a.org_id = $1 ORDER BY a.number DESC LIMIT {LISTED}",
            org_id,
        )
        return [_activation(row) for row in rows]

    async def active(self) -> dict[str, Activation]:
        """Return what counts in each organisation that has an active policy."""
        rows = await self._database.fetch(
            "read active policies",
            f"SELECT {_COLUMNS} FROM (SELECT DISTINCT ON (org_id) * FROM policy_activation "
            f"ORDER BY org_id, number DESC) a JOIN policy_version v ON {_SAME}",
        )
        return {row["org_id"]: _activation(row) for row in rows}


async def _newest(conn: Connection, org_id: str) -> Activation | None:
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE a.org_id = $1 ORDER BY a.number DESC LIMIT 1", org_id
    )
    return None if row is None else _activation(row)


async def _insert(
    conn: Connection,
    org_id: str,
    before: Activation | None,
    policy: tuple[str, int] | None,
    mode: Mode,
    by: str,
) -> Activation:
    """Add an activation of a policy, by name and version; ``None`` is no policy."""
    name, version = policy or (None, None)
    number = 1 if before is None else before.number + 1
    await conn.execute(
        "INSERT INTO policy_activation (org_id, number, name, version, mode, activated_by) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        *(org_id, number, name, version, mode, by),
    )
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM {_FROM} WHERE a.org_id = $1 AND a.number = $2", org_id, number)
    return _activation(returned(row, "activate a policy"))


def _said(before: Activation | None) -> str:
    return "" if before is None or not before.name else f"{before.name}@{before.version} {before.mode}"


def _activation(row: asyncpg.Record) -> Activation:
    return Activation(
        org_id=row["org_id"],
        number=row["number"],
        name=row["name"] or "",
        version=row["version"] or 0,
        hash=row["hash"] or "",
        mode=row["mode"],
        by=row["activated_by"],
        at_ms=row["at_ms"],
    )
