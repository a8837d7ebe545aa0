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
from connectors.redis.keys import runs_slot
from connectors.redis.scripts import script

#: With an id a client may repeat itself for a day before history alone answers; without one the marker only
#: bridges the time until the run is in history.
TTL_WITH_ID_MS = 24 * 3_600_000
TTL_WITHOUT_ID_MS = 3_600_000

_CLAIM = script("submission_claim")


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
        for receipt in receipts:
            pipe.eval(_CLAIM, 1, self._key(receipt.run_id), receipt.body_hash, _ttl_ms(receipt))
        with redis_errors("mark a submission"):
            async with asyncio.timeout(self._timeout_s):
                found = await pipe.execute()
        return [_marker(answer) if answer else None for answer in found]

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

    def _key(self, run_id: str) -> str:
        return runs_slot(run_id, self._partitions).accepted(run_id)


def _ttl_ms(receipt: Receipt) -> int:
    return TTL_WITHOUT_ID_MS if receipt.submission_id is None else TTL_WITH_ID_MS


def _marker(answer: list[bytes | None]) -> Marker:
    body_hash, receipt = answer
    return Marker((body_hash or b"").decode(), _receipt(receipt) if receipt is not None else None)


def _receipt(data: bytes | str) -> Receipt:
    return Receipt(**orjson.loads(data))
