"""What is known of a submission before its run is folded and written to history: a marker in the run's own slot.

    absent ──claim──▶ pending ──confirm (after the broker's ack)──▶ accepted ──▶ expires

A pending marker keeps the body's hash, so that another body with the same id is refused even while the outcome of
the first is not known. Only an accepted one is shown to readers. A marker that Redis lost is no harm: history and
then the fold of the run itself still tell a repeat.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import orjson
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.keys import Slot, runs_slot
from connectors.redis.scripts import script
from schemas.errors import Unavailable
from schemas.ids import named_partitions, run_id

#: With an id a client may repeat itself for a day before history alone answers; without one the marker only
#: bridges the time until the run is in history.
TTL_WITH_ID_MS = 24 * 3_600_000
TTL_WITHOUT_ID_MS = 3_600_000

_CLAIM = script("submission_claim")
_CHOOSE = script("submission_choose")


@dataclass(frozen=True)
class Receipt:
    """An accepted submission, as much of it as readers see until its run is in history."""

    run_id: str
    org_id: str
    body_hash: str
    workflow_name: str
    workflow_version: int
    source: str
    submission_id: str | None
    submitted_at_ms: int
    tags: dict[str, str] = field(default_factory=dict)
    budget_nano: int | None = None
    subject: str = ""


@dataclass(frozen=True)
class Marker:
    """A marker that was there already; ``receipt`` once it is accepted."""

    body_hash: str
    receipt: Receipt | None


class SubmissionMarkers:
    """The markers in Redis. Every method takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: "Redis", partitions: int, timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._partitions = partitions
        self._timeout_s = timeout_s

    async def claim(self, receipts: Sequence[Receipt]) -> list[Marker | None]:
        """Mark submissions as pending; return for each the marker that was there already, if any."""
        pipe = self._redis.pipeline(transaction=False)
        await self._choose([receipt for receipt in receipts if _has_choice(receipt)])
        for receipt in receipts:
            keys = [self._key(receipt.run_id)]
            if receipt.submission_id is not None and named_partitions(receipt.run_id) is None:
                keys.append(self._slot(receipt.run_id).chosen(receipt.run_id))
            pipe.eval(_CLAIM, len(keys), *keys, receipt.body_hash, _ttl_ms(receipt))
        with redis_errors("mark a submission"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        return [_marker(answer) if answer else None for answer in found]

    async def _choose(self, receipts: Sequence[Receipt]) -> None:
        """Settle the ids of runs that are placed among more partitions than at first. Raises ``Unavailable``."""
        if not receipts:
            return
        pipe = self._redis.pipeline(transaction=False)
        for receipt in receipts:
            first = _first_id(receipt)
            slot = self._slot(first)
            pipe.eval(_CHOOSE, 2, slot.accepted(first), slot.chosen(first), receipt.run_id, TTL_WITH_ID_MS)
        with redis_errors("choose the id of a run"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        for receipt, answer in zip(receipts, found, strict=True):
            if answer is None or answer.decode() != receipt.run_id:
                raise _elsewhere()

    async def chosen(self, run_id: str) -> str | None:
        """Return the id that a submission has whose first id this is: it, another one, or ``None`` if none is known."""
        slot = self._slot(run_id)
        pipe = self._redis.pipeline(transaction=False)
        pipe.exists(slot.accepted(run_id))
        pipe.get(slot.chosen(run_id))
        with redis_errors("look up a submission"):
            async with asyncio.timeout(self._timeout_s):
                exists, other = await pipe.execute()
        return other.decode() if other is not None else run_id if exists else None

    async def confirm(self, receipts: Sequence[Receipt]) -> None:
        """Mark submissions as accepted, also where the marker got lost meanwhile."""
        pipe = self._redis.pipeline(transaction=False)
        for receipt in receipts:
            key = self._key(receipt.run_id)
            pipe.hset(key, mapping={"hash": receipt.body_hash, "receipt": orjson.dumps(asdict(receipt))})
            pipe.pexpire(key, _ttl_ms(receipt))
        with redis_errors("confirm a submission"):
            async with asyncio.timeout(self._timeout_s):
                await pipe.execute()

    async def exists(self, run_id: str) -> bool:
        """Return true if a submission has a marker, pending or accepted."""
        with redis_errors("look up a submission"):
            async with asyncio.timeout(self._timeout_s):
                return bool(await self._redis.exists(self._key(run_id)))

    async def forget(self, run_id: str) -> None:
        """Remove the marker of a run that was deleted. History knows of the submission."""
        with redis_errors("forget a submission"):
            async with asyncio.timeout(self._timeout_s):
                await self._redis.delete(self._key(run_id))

    async def find(self, org_id: str, run_id: str) -> Receipt | None:
        """Return an accepted submission of the organisation, or ``None``."""
        with redis_errors("look up a submission"):
            async with asyncio.timeout(self._timeout_s):
                data = await self._redis.hget(self._key(run_id), "receipt")
        receipt = _receipt(data) if data is not None else None
        return receipt if receipt is not None and receipt.org_id == org_id else None

    def _slot(self, run_id: str) -> Slot:
        return runs_slot(run_id, self._partitions)

    def _key(self, run_id: str) -> str:
        return self._slot(run_id).accepted(run_id)


def _has_choice(receipt: Receipt) -> bool:
    return receipt.submission_id is not None and named_partitions(receipt.run_id) is not None


def _first_id(receipt: Receipt) -> str:
    return run_id(receipt.org_id, receipt.source, receipt.submission_id)


def _elsewhere() -> Unavailable:
    """Return the error of a submission that came twice at once while topics of runs grew."""
    return Unavailable("redis", "this submission is being accepted by another process under another id; ask again")


def _ttl_ms(receipt: Receipt) -> int:
    return TTL_WITHOUT_ID_MS if receipt.submission_id is None else TTL_WITH_ID_MS


def _marker(answer: list[bytes | None]) -> Marker:
    if len(answer) == 1:
        raise _elsewhere()
    body_hash, receipt = answer
    return Marker((body_hash or b"").decode(), _receipt(receipt) if receipt is not None else None)


def _receipt(data: bytes | str) -> Receipt:
    return Receipt(**orjson.loads(data))
