"""Batched calls and batches in PostgreSQL: ``connectors.ports.batches``. Times are the callers'."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from connectors.ports.batches import Done, Gathered, LeaseLostError, Standing, Waiting, within
from connectors.postgres.database import Connection, Database, returned
from schemas.batches import BatchItem, Group, ItemResult, ProviderBatch, Question, Wake, batch_id
from schemas.records.money import CallStarted

_ITEM = (
    "call_id, mode, key_name, state, batch_id, ends_with, started, wake, question, result, wanted, settled, taken, "
    "created_ms, ready_ms, done_ms, wake_ms"
)
_BATCH = (
    "id, org_id, provider, model, key_name, state, requests, formed_ms, attempted_ms, submitted_ms, ended_ms, due_ms, "
    "expires_ms, file_id, provider_id, cancel, problem, lease, leased_until_ms"
)
_OPEN = "state IN ('new', 'ready', 'batched')"
_STARTED = msgspec.json.Decoder(CallStarted)
_WAKE = msgspec.json.Decoder(Wake)
_QUESTION = msgspec.json.Decoder(Question)
_RESULT = msgspec.json.Decoder(ItemResult)
_ENCODE = msgspec.json.encode
#: A batch whose calls are all unwanted is canceled.
_CANCEL_UNWANTED = (
    "UPDATE provider_batch SET cancel = true, due_ms = 0 WHERE id = ANY($1) AND state <> 'ended' AND NOT EXISTS "
    "(SELECT 1 FROM batch_item WHERE batch_id = provider_batch.id AND wanted AND state = 'batched')"
)


class PostgresBatches:
    """The calls and batches of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, call_id: str) -> BatchItem | None:
        query = f"SELECT {_ITEM} FROM batch_item WHERE call_id = $1"
        row = await self._database.fetchrow("read a batched call", query, call_id)
        return None if row is None else _item(row)

    async def add(self, item: BatchItem) -> BatchItem:
        row = await self._database.fetchrow(
            "store a batched call",
            "INSERT INTO batch_item (call_id, org_id, provider, model, key_name, mode, state, ends_with, started, "
            "wake, question, size, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
            f"ON CONFLICT (call_id) DO UPDATE SET call_id = excluded.call_id RETURNING {_ITEM}",
            *(item.call_id, *_columns(item.group), item.mode, item.state, item.ends_with, _ENCODE(item.started)),
            *(_ENCODE(item.wake), _ENCODE(item.question), item.question.size, item.created_ms),
        )
        return _item(returned(row, "store a batched call"))

    async def remove(self, call_id: str) -> None:
        await self._run("remove a batched call", "DELETE FROM batch_item WHERE call_id = $1 AND state = 'new'", call_id)

    async def make_ready(self, call_id: str, started: CallStarted, deferral: int, now_ms: int) -> bool:
        async with self._database.transaction("make a batched call ready") as conn:
            query = "SELECT wake FROM batch_item WHERE call_id = $1 AND state IN ('new', 'ready') FOR UPDATE"
            row = await conn.fetchrow(query, call_id)
            if row is None:
                return False
            wake = msgspec.structs.replace(_WAKE.decode(row["wake"]), deferral=deferral)
            await conn.execute(
                "UPDATE batch_item SET ready_ms = CASE WHEN state = 'new' THEN $4 ELSE ready_ms END, started = $2, "
                "wake = $3, state = 'ready' WHERE call_id = $1",
                *(call_id, _ENCODE(started), _ENCODE(wake), now_ms),
            )
            return True

    async def waits(self, call_id: str, deferral: int) -> None:
        async with self._database.transaction("defer a batched call") as conn:
            row = await conn.fetchrow("SELECT wake FROM batch_item WHERE call_id = $1 FOR UPDATE", call_id)
            if row is not None:
                wake = msgspec.structs.replace(_WAKE.decode(row["wake"]), deferral=deferral)
                await conn.execute("UPDATE batch_item SET wake = $2 WHERE call_id = $1", call_id, _ENCODE(wake))

    async def take(self, *call_ids: str) -> None:
        query = "UPDATE batch_item SET taken = true WHERE call_id = ANY($1)"
        await self._run("take batched calls", query, list(call_ids))

    async def gathered(self, now_ms: int, limits: Gathered) -> list[Group]:
        rows = await self._database.fetch(
            "gather batched calls",
            "SELECT org_id, provider, model, key_name FROM batch_item WHERE state = 'ready' GROUP BY 1, 2, 3, 4 "
            "HAVING count(*) >= $1 OR min(ready_ms) <= $2 OR sum(size) >= $3 ORDER BY min(ready_ms)",
            *(limits.requests, now_ms - limits.wait_ms, limits.most_bytes),
        )
        return [Group(*row) for row in rows]

    async def form(self, group: Group, now_ms: int, limits: Gathered) -> ProviderBatch | None:
        async with self._database.transaction("form a batch") as conn:
            rows = await conn.fetch(
                "SELECT call_id, size FROM batch_item WHERE state = 'ready' AND org_id = $1 AND provider = $2 "
                "AND model = $3 AND key_name = $4 ORDER BY ready_ms, call_id LIMIT $5 FOR UPDATE SKIP LOCKED",
                *(*_columns(group), limits.requests),
            )
            calls = within(((row["call_id"], row["size"]) for row in rows), limits.most_bytes)
            if not calls:
                return None
            batch = ProviderBatch(id=batch_id(calls), group=group, requests=len(calls), formed_ms=now_ms, due_ms=now_ms)
            await _insert(conn, batch)
            await conn.execute(
                "UPDATE batch_item SET state = 'batched', batch_id = $2 WHERE call_id = ANY($1)", calls, batch.id
            )
            return batch

    async def lease(self, now_ms: int, until_ms: int, owner: str) -> ProviderBatch | None:
        row = await self._database.fetchrow(
            "lease a batch",
            "UPDATE provider_batch SET lease = $3, leased_until_ms = $2 WHERE id = (SELECT id FROM provider_batch "
            "WHERE state <> 'ended' AND due_ms <= $1 AND leased_until_ms <= $1 ORDER BY due_ms LIMIT 1 "
            f"FOR UPDATE SKIP LOCKED) RETURNING {_BATCH}",
            *(now_ms, until_ms, owner),
        )
        return None if row is None else _batch(row)

    async def change(self, batch: ProviderBatch) -> None:
        # A cancel that was asked meanwhile stays.
        row = await self._database.fetchrow(
            "change a batch",
            "UPDATE provider_batch SET state = $3, attempted_ms = $4, submitted_ms = $5, ended_ms = $6, "
            "due_ms = CASE WHEN cancel AND NOT $12::boolean THEN 0 ELSE $7::bigint END, expires_ms = $8, file_id = $9, "
            "provider_id = $10, problem = $11, cancel = cancel OR $12, leased_until_ms = $13 "
            "WHERE id = $1 AND lease = $2 RETURNING id",
            *(batch.id, batch.lease, batch.state, batch.attempted_ms, batch.submitted_ms, batch.ended_ms, batch.due_ms),
            *(batch.expires_ms, batch.file_id, batch.provider_id, batch.problem, batch.cancel, batch.leased_until_ms),
        )
        if row is None:
            raise LeaseLostError(batch.id)

    async def members(self, batch: str) -> list[BatchItem]:
        query = f"SELECT {_ITEM} FROM batch_item WHERE batch_id = $1 AND state = 'batched' ORDER BY call_id"
        return [_item(row) for row in await self._database.fetch("read the calls of a batch", query, batch)]

    async def finish(self, done: Sequence[Done], now_ms: int) -> None:
        async with self._database.transaction("finish calls of a batch") as conn:
            await conn.executemany(
                "UPDATE batch_item SET state = $2, result = $3, cost_nano = $4, done_ms = $5, wake_ms = $5, "
                "settled = true WHERE call_id = $1 AND state = 'batched'",
                [(one.call_id, one.state, _ENCODE(one.result), one.result.cost_nano, now_ms) for one in done],
            )

    async def known(self, provider_ids: Collection[str], but: str) -> set[str]:
        query = "SELECT provider_id FROM provider_batch WHERE provider_id = ANY($1) AND id <> $2"
        rows = await self._database.fetch("read batches of a provider", query, list(provider_ids), but)
        return {row["provider_id"] for row in rows}

    async def open_runs(self, after: str, most: int) -> list[tuple[str, str]]:
        rows = await self._database.fetch(
            "read open batched calls",
            f"SELECT call_id, ends_with FROM batch_item WHERE {_OPEN} AND wanted AND ends_with <> '' AND call_id > $1 "
            "ORDER BY call_id LIMIT $2",
            *(after, most),
        )
        return [(row["call_id"], row["ends_with"]) for row in rows]

    async def unwant(self, call_ids: Collection[str], now_ms: int) -> None:
        async with self._database.transaction("cancel batched calls") as conn:
            rows = await conn.fetch(
                "UPDATE batch_item SET wanted = false, "
                "state = CASE WHEN state IN ('new', 'ready') THEN 'canceled' ELSE state END, "
                "done_ms = CASE WHEN state IN ('new', 'ready') THEN $2 ELSE done_ms END "
                f"WHERE call_id = ANY($1) AND {_OPEN} RETURNING batch_id",
                *(sorted(call_ids), now_ms),
            )
            batches = sorted({row["batch_id"] for row in rows if row["batch_id"]})
            await conn.execute(_CANCEL_UNWANTED, batches)

    async def forgotten(self, before_ms: int) -> list[str]:
        query = "SELECT call_id FROM batch_item WHERE state = 'new' AND created_ms < $1 ORDER BY call_id LIMIT 1000"
        return [row["call_id"] for row in await self._database.fetch("read new batched calls", query, before_ms)]

    async def unsettled(self, most: int) -> list[BatchItem]:
        query = f"SELECT {_ITEM} FROM batch_item WHERE state = 'canceled' AND NOT settled ORDER BY done_ms LIMIT $1"
        return [_item(row) for row in await self._database.fetch("read canceled calls", query, most)]

    async def settled(self, call_ids: Collection[str]) -> None:
        query = "UPDATE batch_item SET settled = true WHERE call_id = ANY($1)"
        await self._run("note settlements", query, list(call_ids))

    async def to_wake(self, now_ms: int, most: int) -> list[Waiting]:
        rows = await self._database.fetch(
            "read answered calls",
            "SELECT call_id, org_id, wake, ends_with, done_ms FROM batch_item "
            "WHERE state IN ('answered', 'failed', 'expired', 'canceled') "
            "AND NOT taken AND wanted AND wake_ms <= $1 ORDER BY wake_ms LIMIT $2",
            *(now_ms, most),
        )
        return [Waiting(**dict(row) | {"wake": _WAKE.decode(row["wake"])}) for row in rows]

    async def woken(self, next_ms: Mapping[str, int]) -> None:
        query = "UPDATE batch_item SET wake_ms = $2 WHERE call_id = $1"
        async with self._database.transaction("note woken steps") as conn:
            await conn.executemany(query, list(next_ms.items()))

    async def standing(self) -> Standing:
        query = f"SELECT state, count(*), min(created_ms) FROM batch_item WHERE {_OPEN} GROUP BY state"
        rows = await self._database.fetch("count open batched calls", query)
        return Standing({row[0]: row[1] for row in rows}, min((row[2] for row in rows), default=0))

    async def purge(self, before_ms: int) -> int:
        async with self._database.transaction("remove old batches") as conn:
            await conn.execute("DELETE FROM batch_item WHERE done_ms > 0 AND done_ms < $1 AND settled", before_ms)
            query = "DELETE FROM provider_batch WHERE state = 'ended' AND ended_ms < $1 RETURNING id"
            return len(await conn.fetch(query, before_ms))

    async def _run(self, what: str, query: str, *args: Any) -> None:
        await self._database.fetch(what, query, *args)


async def _insert(conn: Connection, batch: ProviderBatch) -> None:
    await conn.execute(
        "INSERT INTO provider_batch (id, org_id, provider, model, key_name, state, requests, formed_ms, due_ms) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *(batch.id, *_columns(batch.group), batch.state, batch.requests, batch.formed_ms, batch.due_ms),
    )


def _columns(group: Group) -> tuple[str, str, str, str]:
    return group.org_id, group.provider, group.model, group.key_name


def _item(row: asyncpg.Record) -> BatchItem:
    given = dict(row)
    result = given.pop("result")
    return BatchItem(
        started=_STARTED.decode(given.pop("started")),
        wake=_WAKE.decode(given.pop("wake")),
        question=_QUESTION.decode(given.pop("question")),
        result=None if result is None else _RESULT.decode(result),
        **given,
    )


def _batch(row: asyncpg.Record) -> ProviderBatch:
    given = dict(row)
    group = Group(*(given.pop(name) for name in ("org_id", "provider", "model", "key_name")))
    return ProviderBatch(group=group, **given)
