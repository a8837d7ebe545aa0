"""Triggers of organisations, with the hashes of their addresses and their sealed secrets.

Every statement names its organisation, but those of requests and of the role, which have a trigger's id alone: it is
random, and the answer says whose it is.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from connectors.ports.kms import Kms, Wrapped
from connectors.postgres.cells.places import HERE
from connectors.postgres.database import Database, epoch_ms, returned
from schemas.errors import Conflict, NotFound, Unavailable
from schemas.triggers.arrived import TriggerKind
from schemas.triggers.definition import Definition

_COLUMNS = (
    f"id, org_id, name, kind, definition, paused, problem, created_by, {epoch_ms('created_at')} AS created_ms, "
    f"{epoch_ms('updated_at')} AS updated_ms, "
    f"CASE WHEN before_until > now() THEN {epoch_ms('before_until')} END AS before_until_ms"
)
_SECRETS = (
    "address_hash, address_hash_before, sealed, sealed_under, sealed_before, sealed_before_under, "
    "coalesce(before_until > now(), false) AS both"
)
#: So many triggers an organisation may have: each of a topic is a consumer.
MOST = 200
_ADDRESS_BYTES = 32
_ADDRESS = re.compile(r"(tr_[0-9a-f]{16})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class StoredTrigger:
    """A trigger without its secrets. ``before_until_ms`` is there while those before are in force, too."""

    id: str
    org_id: str
    name: str
    kind: TriggerKind
    definition: Definition
    paused: bool
    problem: str | None
    created_by: str
    created_ms: int
    updated_ms: int
    before_until_ms: int | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What who sends to a webhook has to know. ``address`` is the last part of its URL; both are shown once."""

    address: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Hooked:
    """A trigger that a request's address names: the secrets in force, the newest first."""

    trigger: StoredTrigger
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Triggers:
    """The triggers of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database, kms: Kms | None) -> None:
        self._database = database
        self._kms = kms

    async def create(
        self, org_id: str, name: str, definition: Definition, paused: bool, secret: str, by: str
    ) -> tuple[StoredTrigger, Credentials]:
        """Store a trigger; return it with its address. ``secret`` is that of signatures, empty without any.

        Raises ``Conflict`` for a name that is taken and for too many.
        """
        trigger_id = f"tr_{secrets.token_hex(8)}"
        address = _new_address(trigger_id) if definition.hook is not None else ""
        sealed = await self._sealed(org_id, trigger_id, secret) if secret else None
        async with self._database.transaction("store a trigger") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('trigger:' || $1, 0))", org_id)
            count = await conn.fetchval("SELECT count(*) FROM run_trigger WHERE org_id = $1", org_id)
            if count >= MOST:
                raise Conflict(f"the organisation has {MOST} triggers, the most there may be; delete one")
            row = await conn.fetchrow(
                "INSERT INTO run_trigger (id, org_id, name, kind, definition, paused, address_hash, sealed, "
                "sealed_under, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
                f"ON CONFLICT (org_id, name) DO NOTHING RETURNING {_COLUMNS}",
                *(trigger_id, org_id, name, definition.kind, _document(definition), paused),
                *(_hash(address) if address else None, sealed and sealed.data, sealed and sealed.under, by),
            )
            if row is None:
                raise Conflict(f"the organisation has a trigger {name!r}; choose another name, or change that one")
        return _stored(returned(row, "store a trigger")), Credentials(address, secret)

    async def all(self, org_id: str) -> list[StoredTrigger]:
        """Return the organisation's triggers by their names."""
        query = f"SELECT {_COLUMNS} FROM run_trigger WHERE org_id = $1 ORDER BY name"
        return [_stored(row) for row in await self._database.fetch("list triggers", query, org_id)]

    async def get(self, org_id: str, trigger_id: str) -> StoredTrigger:
        """Return one. Raises ``NotFound``."""
        query = f"SELECT {_COLUMNS} FROM run_trigger WHERE org_id = $1 AND id = $2"
        return _found(await self._database.fetchrow("read a trigger", query, org_id, trigger_id), trigger_id)

    async def change(self, org_id: str, trigger_id: str, changes: Mapping[str, Any]) -> StoredTrigger:
        """Change ``name``, ``definition`` or ``paused``; what is left out stays. A problem is forgotten.

        Raises ``NotFound``, and ``Conflict`` for a name that is taken.
        """
        values = {name: changes[name] for name in ("name", "definition", "paused") if name in changes}
        if "definition" in values:
            values["definition"] = _document(values["definition"])
        sets = ["problem = NULL", "updated_at = now()", *(f"{name} = ${at}" for at, name in enumerate(values, 3))]
        try:
            row = await self._database.fetchrow(
                "change a trigger",
                f"UPDATE run_trigger SET {', '.join(sets)} WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
                *(org_id, trigger_id, *values.values()),
            )
        except asyncpg.UniqueViolationError as exc:
            raise Conflict(f"the organisation has a trigger {values['name']!r}; choose another name") from exc
        return _found(row, trigger_id)

    async def delete(self, org_id: str, trigger_id: str) -> None:
        """Remove a trigger with its positions. Raises ``NotFound``. Its runs stay."""
        query = f"DELETE FROM run_trigger WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}"
        _found(await self._database.fetchrow("remove a trigger", query, org_id, trigger_id), trigger_id)

    async def rotate(
        self, org_id: str, trigger_id: str, secret: str, overlap_s: int
    ) -> tuple[StoredTrigger, Credentials]:
        """Replace the secret of signatures or, without ``secret``, the address; that before is good for an overlap.

        Raises ``NotFound``.
        """
        if secret:
            sealed = await self._sealed(org_id, trigger_id, secret)
            sets = "sealed_before = sealed, sealed_before_under = sealed_under, sealed = $4, sealed_under = $5"
            values: tuple[object, ...] = (sealed.data, sealed.under)
            made = Credentials(secret=secret)
        else:
            made = Credentials(address=_new_address(trigger_id))
            sets, values = "address_hash_before = address_hash, address_hash = $4", (_hash(made.address),)
        row = await self._database.fetchrow(
            "rotate a trigger's secret",
            f"UPDATE run_trigger SET {sets}, before_until = now() + $3 * interval '1 second', updated_at = now() "
            f"WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
            *(org_id, trigger_id, overlap_s, *values),
        )
        return _found(row, trigger_id), made

    async def hooked(self, address: str) -> Hooked | None:
        """Return the webhook of an address, ``None`` for an address that is none. Comparisons take the same time."""
        if (named := _ADDRESS.fullmatch(address)) is None:
            return None
        row = await self._database.fetchrow(
            "find a webhook",
            f"SELECT {_COLUMNS}, {_SECRETS} FROM run_trigger WHERE id = $1 AND kind = 'webhook'",
            named[1],
        )
        if row is None or not _is_address(row, address):
            return None
        trigger = _stored(row)
        return Hooked(trigger, await self._secrets(trigger, row))

    async def readable(self) -> list[StoredTrigger]:
        """Return the triggers of all organisations whose topics are to be read, by their ids."""
        query = (
            f"SELECT {_COLUMNS} FROM run_trigger WHERE kind = 'topic' AND NOT paused "
            f"AND {HERE.format('run_trigger.org_id')} ORDER BY id"
        )
        return [_stored(row) for row in await self._database.fetch("find triggers", query)]

    async def report(self, trigger_id: str, problem: str | None, *, pause: bool = False) -> None:
        """Store why a trigger's topic is not read, ``None`` when it is; ``pause``: it needs a person."""
        await self._database.fetch(
            "report a trigger's problem",
            "UPDATE run_trigger SET problem = $2, paused = paused OR $3 "
            "WHERE id = $1 AND (problem IS DISTINCT FROM $2 OR $3) RETURNING id",
            *(trigger_id, problem, pause),
        )

    async def _secrets(self, trigger: StoredTrigger, row: asyncpg.Record) -> tuple[str, ...]:
        wrapped = [Wrapped(row["sealed_under"], row["sealed"])] if row["sealed"] is not None else []
        if row["both"] and row["sealed_before"] is not None:
            wrapped.append(Wrapped(row["sealed_before_under"], row["sealed_before"]))
        if not wrapped:
            return ()
        place, keys = secret_place(trigger.org_id, trigger.id), self.keys()
        return tuple([(await keys.unwrap(one, place)).decode() for one in wrapped])

    async def _sealed(self, org_id: str, trigger_id: str, secret: str) -> Wrapped:
        return await self.keys().wrap(secret.encode(), secret_place(org_id, trigger_id))

    def keys(self) -> Kms:
        """Return what seals the secrets. Raises ``Unavailable`` where there is nothing."""
        if self._kms is None:
            raise Unavailable("vault", "signatures need VAULT_KEY, which seals their secrets: set it and start again")
        return self._kms


def secret_place(org_id: str, trigger_id: str) -> str:
    """Return what a secret is bound to: it opens for this trigger alone."""
    return f"trigger/{org_id}/{trigger_id}"


def _new_address(trigger_id: str) -> str:
    return f"{trigger_id}.{secrets.token_urlsafe(_ADDRESS_BYTES)}"


def _hash(address: str) -> bytes:
    # An address has 256 random bits: nobody finds it by trying, so it needs no salt.
    return hashlib.sha256(address.encode()).digest()


def _is_address(row: asyncpg.Record, address: str) -> bool:
    given, good = _hash(address), False
    known: Sequence[bytes | None] = (row["address_hash"], row["address_hash_before"] if row["both"] else None)
    for one in known:
        good |= one is not None and hmac.compare_digest(one, given)
    return good


def _document(definition: Definition) -> dict[str, Any]:
    return definition.model_dump(mode="json", exclude_defaults=True)


def _stored(row: asyncpg.Record) -> StoredTrigger:
    fields = {name: row[name] for name in StoredTrigger.__slots__}
    return StoredTrigger(**fields | {"definition": Definition.model_validate(row["definition"])})


def _found(row: asyncpg.Record | None, trigger_id: str) -> StoredTrigger:
    if row is None:
        raise NotFound(f"there is no trigger {trigger_id}; see GET /api/v1/triggers")
    return _stored(row)
