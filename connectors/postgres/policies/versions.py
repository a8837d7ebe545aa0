"""Versions of policies: one row each, never changed."""

from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.policies.acts import Act, record_act
from schemas.errors import BadRecord, InvalidInput, NotFound, TooLarge
from schemas.policies.document import Policy
from schemas.policies.read import read_policy
from schemas.values.json_text import read_json, write_json

#: Versions of all policies of an organisation. They are never deleted, since runs pin them.
MAX_VERSIONS = 10_000
#: A document travels to all workers in one record.
MAX_DOCUMENT_BYTES = 256 * 1024
_COLUMNS = f"name, version, hash, created_by, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class PolicyLine:
    """A version without its document, and the id of the key that made it."""

    name: str
    version: int
    hash: str
    created_by: str
    created_ms: int


@dataclass(frozen=True)
class PolicyVersion:
    """A version with its document."""

    line: PolicyLine
    policy: Policy


class PolicyVersions:
    """The versions of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, org_id: str, policy: Policy, by: str, actor: str) -> tuple[PolicyVersion, bool]:
        """Store the next version; return it, and true if it is new: not when the newest has the same document.

        ``by`` is the id of a key, ``actor`` who that is in the audit log.

        Raises ``TooLarge`` for the document, and where the organisation has too many.
        """
        document = write_json(policy.document)
        if len(document) > MAX_DOCUMENT_BYTES:
            raise TooLarge(f"the document has {len(document)} bytes as JSON, the most is {MAX_DOCUMENT_BYTES}")
        async with self._database.transaction("store a policy") as conn:
            await lock_policies(conn, org_id)
            newest = await conn.fetchrow(
                f"SELECT {_COLUMNS} FROM policy_version WHERE org_id = $1 AND name = $2 ORDER BY version DESC LIMIT 1",
                *(org_id, policy.name),
            )
            if newest is not None and newest["hash"] == policy.hash:
                return PolicyVersion(_line(newest), policy), False
            count = await conn.fetchval("SELECT count(*) FROM policy_version WHERE org_id = $1", org_id)
            if count >= MAX_VERSIONS:
                raise TooLarge(f"the organisation has {count} versions of policies, the most is {MAX_VERSIONS}")
            number = 1 if newest is None else newest["version"] + 1
            row = await conn.fetchrow(
                "INSERT INTO policy_version (org_id, name, version, hash, document, created_by) "
                f"VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
                *(org_id, policy.name, number, policy.hash, document.decode(), by),
            )
            made = _line(returned(row, "store a policy"))
            await record_act(conn, org_id, Act("policy.create", f"{made.name}@{number}", actor, {"hash": made.hash}))
        return PolicyVersion(made, policy), True

    async def get(self, org_id: str, name: str, version: int) -> PolicyVersion:
        """Return a version. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a policy",
            f"SELECT {_COLUMNS}, document FROM policy_version WHERE org_id = $1 AND name = $2 AND version = $3",
            *(org_id, name, version),
        )
        if row is None:
            raise NotFound(f"there is no policy {name}@{version}; see GET /api/v1/policies")
        return _version(row)

    async def of_hash(self, org_id: str, policy_hash: str) -> PolicyVersion:
        """Return a version by the hash of its document. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a policy",
            f"SELECT {_COLUMNS}, document FROM policy_version WHERE org_id = $1 AND hash = $2 LIMIT 1",
            *(org_id, policy_hash),
        )
        if row is None:
            raise NotFound(f"there is no policy with the hash {policy_hash[:12]}")
        return _version(row)

    async def lines(self, org_id: str, name: str | None = None) -> list[PolicyLine]:
        """Return the versions of all policies or of one, the newest first."""
        rows = await self._database.fetch(
            "list policies",
            f"SELECT {_COLUMNS} FROM policy_version WHERE org_id = $1 AND ($2::text IS NULL OR name = $2) "
            f"ORDER BY name, version DESC LIMIT {MAX_VERSIONS}",
            *(org_id, name),
        )
        return [_line(row) for row in rows]


async def lock_policies(conn: Connection, org_id: str) -> None:
    """Let one transaction at a time change an organisation's policies."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"policy:{org_id}")


def _line(row: asyncpg.Record) -> PolicyLine:
    return PolicyLine(row["name"], row["version"], row["hash"], row["created_by"], row["created_ms"])


def _version(row: asyncpg.Record) -> PolicyVersion:
    """Return a stored version. Raises ``BadRecord`` for a document that is not what its hash says."""
    try:
        policy = read_policy(read_json(row["document"].encode()))
    except InvalidInput as exc:
        raise BadRecord("policy", f"policy {row['name']}@{row['version']} cannot be read: {exc}") from exc
    if policy.hash != row["hash"]:
        raise BadRecord("policy", f"policy {row['name']}@{row['version']} is not the document that was stored")
    return PolicyVersion(_line(row), policy)
