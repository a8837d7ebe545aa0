"""Leases: who works on an attempt, and what came out of it. One hash each, in the slot of the attempt's run.

A claim is a lease that its owner renews. Taking one and reading the run's status is one round trip::

    (nothing) --take--> running --finish--> done --published--> published (kept for an hour)
                  ^         |
                  +---------+  lease over, or released

``starts`` counts how often the attempt was started without an outcome, so that one which kills its workers ends;
``calls`` counts every grant and never falls. A claim outlives neither Redis nor ``KEEP_MS``: without it an attempt is
made again, which is why calls carry an idempotency key. Time is Redis' own, so that workers' clocks need not agree.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from connectors.redis.errors import redis_errors
from connectors.redis.keys import runs_slot
from connectors.redis.scripts import script
from schemas.errors import Unavailable
from schemas.ids import call_id
from schemas.metrics import WORKERS_COUNTERS_KEY
from schemas.run_states import TERMINAL_RUN
from schemas.tables.runs import STATUS

#: As long as a step request may wait in its topic to be delivered again after a crash.
KEEP_MS = 7 * 86_400_000
#: A redelivery comes within a rebalance; an hour covers a worker that was suspended for long.
PUBLISHED_KEEP_MS = 3_600_000
_OVER = frozenset(state.encode() for state in TERMINAL_RUN)

_TAKE = script("lease_take")
_RENEW = script("lease_renew")
_FINISH = script("lease_finish")
_RELEASE = script("lease_release")


@dataclass(frozen=True, slots=True)
class Granted:
    """The attempt is ours until the lease ends.

    ``starts`` counts the starts without an outcome, this one included. ``calls`` counts all grants and ``made_ms`` is
    when the claim was made: together they name this start, before and after a loss of Redis.
    """

    run_id: str
    request_id: str
    starts: int
    calls: int
    made_ms: int

    @property
    def call_id(self) -> str:
        """The id of the provider call that this start makes, unlike that of any other start of the attempt."""
        return call_id(f"{self.request_id}@{self.made_ms}", self.calls)


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker has the attempt for ``remaining_ms`` more, unless it renews."""

    owner: str
    remaining_ms: int


@dataclass(frozen=True, slots=True)
class Done:
    """The attempt has an outcome that may not be published yet: publish these bytes."""

    result: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """The attempt's outcome is in the log: nothing to do."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over with this status: nobody waits for the attempt."""

    status: str


ClaimAnswer = Granted | Busy | Done | Published | Ended


def claim_answer(reply: Sequence[bytes], run_id: str, request_id: str) -> ClaimAnswer:
    """Return what ``lua/lease_take.lua`` says of an attempt. Raises ``Unavailable`` while its table is not there."""
    match reply[0]:
        case b"granted":
            return Granted(run_id, request_id, int(reply[1]), int(reply[2]), int(reply[3]))
        case b"busy":
            return Busy(reply[1].decode(), int(reply[2]))
        case b"done":
            return Done(reply[1])
        case b"ended":
            return Ended(reply[1].decode())
        case b"unknown":
            raise Unavailable("redis", f"claim {request_id}: the table of runs is lost and not yet restored")
        case _:
            return Published()


class RedisLeases:
    """Leases in Redis, as one worker sees them.

    ``partitions`` is the partition count of ``run-events``, ``owner`` names this worker to people, ``lease_ms`` is
    how long a claim lasts unless renewed. Every method raises ``Unavailable`` when Redis does not answer.
    """

    def __init__(self, redis: Redis, partitions: int, owner: str, lease_ms: int) -> None:
        self._redis = redis
        self._partitions = partitions
        # Two processes under one name, or one restarted, must not pass for each other.
        self._owner = f"{owner}/{uuid.uuid4().hex[:8]}"
        self._lease_ms = lease_ms
        self._take = redis.register_script(_TAKE)
        self._renew = redis.register_script(_RENEW)
        self._finish = redis.register_script(_FINISH)
        self._release = redis.register_script(_RELEASE)

    async def take(self, run_id: str, request_id: str, *, also_ended: bool = False) -> ClaimAnswer:
        """Take the attempt, unless it is taken, has an outcome, or its run is over and not ``also_ended``.

        An unknown run is running. Raises ``Unavailable`` while the table of runs is being restored, too: claims may be
        lost with it.
        """
        slot = runs_slot(run_id, self._partitions)
        keys = [slot.claim(request_id), slot.entity(run_id), slot.position]
        with redis_errors(f"claim {request_id}"):
            ended = () if also_ended else TERMINAL_RUN
            args: list[str | int] = [self._owner, self._lease_ms, KEEP_MS, STATUS, *ended]
            reply: list[bytes] = await self._take(keys=keys, args=args)
        return claim_answer(reply, run_id, request_id)

    async def over(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the runs that are over, in one round trip. An unknown run is running."""
        with redis_errors("read the status of runs"):
            async with self._redis.pipeline(transaction=False) as pipe:
                for run_id in run_ids:
                    pipe.hget(runs_slot(run_id, self._partitions).entity(run_id), STATUS)
                statuses = await pipe.execute()
        return {run_id for run_id, status in zip(run_ids, statuses, strict=True) if status in _OVER}

    async def renew(self, granted: Granted) -> bool:
        """Extend the lease. ``False`` when the attempt is no longer ours; one that Redis lost is put back."""
        args: list[str | int] = [
            self._owner, self._lease_ms, KEEP_MS, granted.starts, granted.calls, granted.made_ms
        ]  # fmt: skip
        with redis_errors(f"renew the claim of {granted.request_id}"):
            return bool(await self._renew(keys=[self._key(granted)], args=args))

    async def finish(self, granted: Granted, result: bytes, counts: Mapping[str, int]) -> bool:
        """Store the outcome, and add ``counts`` to the workers' counters in the same round trip.

        ``False`` when another worker took the attempt meanwhile; what it did is kept.
        """
        key = self._key(granted)
        args: list[str | bytes | int] = [self._owner, result, KEEP_MS]
        with redis_errors(f"store the outcome of {granted.request_id}"):
            # No transaction: on a cluster the claim and the counters are in different slots.
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.evalsha(self._finish.sha, 1, key, *args)
                for field, amount in counts.items():
                    pipe.hincrby(WORKERS_COUNTERS_KEY, field, amount)
                stored = (await pipe.execute(raise_on_error=False))[0]
            if isinstance(stored, NoScriptError):
                stored = await self._finish(keys=[key], args=args)
            if isinstance(stored, Exception):
                raise stored
        return bool(stored)

    async def published(self, run_id: str, request_id: str) -> None:
        """Say that the outcome is in the log. The claim is kept a while, to answer redeliveries."""
        key = runs_slot(run_id, self._partitions).claim(request_id)
        with redis_errors(f"mark {request_id} published"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, "state", "published")
                pipe.hdel(key, "result")
                pipe.pexpire(key, PUBLISHED_KEEP_MS)
                await pipe.execute()

    async def release(self, granted: Granted) -> bool:
        """Give the attempt back without an outcome, so that another may take it at once. Not counted as a start."""
        with redis_errors(f"release the claim of {granted.request_id}"):
            return bool(await self._release(keys=[self._key(granted)], args=[self._owner]))

    def _key(self, granted: Granted) -> str:
        return runs_slot(granted.run_id, self._partitions).claim(granted.request_id)
