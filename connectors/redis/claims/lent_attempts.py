"""Attempts that users' own workers have leased: claims as in ``claims.leases``, with what a lease adds.

The owner of such a claim is ``<worker>/<secret>``; who knows the secret has the lease. The claim also holds the topic
of its request, the request's bytes, the length of the lease, and the worker's last progress::

    (nothing) --take--> running --complete--> done --published--> published
                  ^      |  ^ extend
                  +------+  lease over, or released

So every reader of the request, a worker or the role of leases, meets the same claim: at most one of them has the
attempt, and at most one outcome of it is stored. Every method raises ``Unavailable`` when Redis does not answer.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import Redis

from connectors.redis.claims.leases import (
    KEEP_MS,
    PUBLISHED_KEEP_MS,
    ClaimAnswer,
    Granted,
    claim_answer,
)
from connectors.redis.errors import redis_errors
from connectors.redis.keys import runs_slot
from connectors.redis.scripts import script
from schemas.ids import request_id
from schemas.run_states import TERMINAL_RUN
from schemas.tables.runs import STATUS

#: 16 random bytes as text.
SECRET_LENGTH = 22
_SPLIT = "~"

_TAKE = script("lease_take")
_RENEW = script("lease_renew")
_FINISH = script("lease_finish")
_EXTEND = script("lent_extend")
_COMPLETE = script("lent_complete")
_RELEASE = script("lent_release")

Stored = Literal["stored", "repeated", "lost"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease: of which attempt, of a request on which topic, and the secret that proves it."""

    run_id: str
    request_id: str
    topic: str
    secret: str

    @property
    def text(self) -> str:
        """The lease as its worker has it."""
        return f"{self.request_id}{_SPLIT}{self.secret}"


def read_lease(text: str, topic: str) -> Lease | None:
    """Return the lease that a worker of a queue names; ``None`` for a text that is none."""
    request, _, secret = text.rpartition(_SPLIT)
    run_id, _, rest = request.partition(":")
    if len(secret) != SECRET_LENGTH or not run_id or ":" not in rest:
        return None
    return Lease(run_id, request, topic, secret)


def new_secret() -> str:
    """Return the secret of a new lease."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class LentRequest:
    """What is lent: the request's bytes, for how long, and since when. ``also_ended``: its run may be over."""

    request: bytes
    lease_ms: int
    since_ms: int
    also_ended: bool

    def fields(self, topic: str) -> Mapping[Any, str | bytes | int]:
        """Return what a claim stores of it."""
        return {
            "topic": topic,
            "request": self.request,
            "lease_ms": self.lease_ms,
            "since": self.since_ms,
            "after": int(self.also_ended),
        }


@dataclass(frozen=True, slots=True)
class Lent:
    """What a claim says of its lease. ``request`` is empty once there is an outcome."""

    worker_id: str
    request: bytes
    since_ms: int
    is_running: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim as its watcher sees it. ``state`` is empty for one that is not there; ``left_ms`` until its end."""

    state: str
    owner: str
    left_ms: int


@dataclass(frozen=True, slots=True)
class Extended:
    """What became of a heartbeat. ``status`` is that of a run that is over."""

    kind: Literal["extended", "ended", "completed", "lost"]
    lease_ms: int = 0
    status: str = ""


class LentAttempts:
    """The claims in Redis. ``partitions`` is the partition count of ``run-events``."""

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._redis = redis
        self._partitions = partitions
        self._take = redis.register_script(_TAKE)
        self._renew = redis.register_script(_RENEW)
        self._finish = redis.register_script(_FINISH)
        self._extend = redis.register_script(_EXTEND)
        self._complete = redis.register_script(_COMPLETE)
        self._release = redis.register_script(_RELEASE)

    # The role of leases

    async def take(self, run_id: str, request: str, owner: str, lease_ms: int, *, also_ended: bool) -> ClaimAnswer:
        """Take an attempt for a worker, as ``RedisLeases.take`` does for its own."""
        slot = runs_slot(run_id, self._partitions)
        ended = () if also_ended else TERMINAL_RUN
        args: list[str | int] = [owner, lease_ms, KEEP_MS, STATUS, *ended]
        with redis_errors(f"claim {request}"):
            keys = [slot.claim(request), slot.entity(run_id), slot.position]
            reply: list[bytes] = await self._take(keys=keys, args=args)
        return claim_answer(reply, run_id, request)

    async def describe(self, lease: Lease, lent: LentRequest, before: str | None) -> bytes:
        """Add what a lease has to a claim that was just taken; return the last progress, empty for none.

        ``before`` is the step's attempt before, whose progress counts when this one has none.
        """
        slot = runs_slot(lease.run_id, self._partitions)
        with redis_errors(f"lease {lease.request_id}"):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(slot.claim(lease.request_id), mapping=lent.fields(lease.topic))
                pipe.hget(slot.claim(lease.request_id), "progress")
                pipe.hget(slot.claim(before or lease.request_id), "progress")
                _, own, former = await pipe.execute()
        return bytes(own or former or b"")

    async def put_back(self, granted: Granted, owner: str, lease: Lease, lent: LentRequest) -> bool:
        """Put back the claim of a lease that Redis lost; ``False`` when somebody else has the attempt by now."""
        key = self._key(lease.run_id, lease.request_id)
        args: list[str | int] = [owner, lent.lease_ms, KEEP_MS, granted.starts, granted.calls, granted.made_ms]
        with redis_errors(f"put back the lease of {lease.request_id}"):
            if not await self._renew(keys=[key], args=args):
                return False
            await self._redis.hset(key, mapping=lent.fields(lease.topic))
        return True

    async def finish(self, granted: Granted, owner: str, result: bytes) -> bool:
        """Store an outcome that the role itself gives; ``False`` when somebody else has the attempt by now."""
        key = self._key(granted.run_id, granted.request_id)
        with redis_errors(f"store the outcome of {granted.request_id}"):
            return bool(await self._finish(keys=[key], args=[owner, result, KEEP_MS]))

    async def standings(self, attempts: Sequence[tuple[str, str]]) -> list[Standing]:
        """Return the claims of attempts, by run and request, in one round trip."""
        with redis_errors("read claims"):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.time()
                for run_id, request in attempts:
                    pipe.hmget(self._key(run_id, request), "state", "owner", "until")
                (seconds, micros), *found = await pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        return [
            Standing((state or b"").decode(), (owner or b"").decode(), int(until or 0) - now_ms)
            for state, owner, until in found
        ]

    async def result(self, run_id: str, request: str) -> bytes | None:
        """Return a stored outcome that is not published."""
        with redis_errors(f"read the outcome of {request}"):
            found: Any = await self._redis.hget(self._key(run_id, request), "result")
        return None if found is None else bytes(found)

    # The API, on behalf of a worker

    async def find(self, lease: Lease) -> Lent | None:
        """Return what a lease is of; ``None`` when it was lost."""
        with redis_errors(f"read the lease of {lease.request_id}"):
            found: list[bytes | None] = list(await self._claim(lease))
        state, owner, topic, request, since = found
        worker_id, _, secret = (owner or b"").decode().rpartition("/")
        if topic != lease.topic.encode() or not secrets.compare_digest(secret, lease.secret):
            return None
        return Lent(worker_id, request or b"", int(since or 0), state == b"running")

    async def extend(self, lease: Lease, progress: bytes) -> Extended:
        """Extend a lease by its length, and store progress, empty for none."""
        slot = runs_slot(lease.run_id, self._partitions)
        args: list[str | bytes | int] = [lease.secret, lease.topic, KEEP_MS, progress, STATUS, *TERMINAL_RUN]
        with redis_errors(f"extend the lease of {lease.request_id}"):
            reply: list[bytes] = await self._extend(
                keys=[slot.claim(lease.request_id), slot.entity(lease.run_id)], args=args
            )
        match reply[0]:
            case b"extended":
                return Extended("extended", lease_ms=int(reply[1]))
            case b"ended":
                return Extended("ended", status=reply[1].decode())
            case b"completed":
                return Extended("completed")
            case _:
                return Extended("lost")

    async def complete(self, lease: Lease, result: bytes) -> Stored:
        """Store the outcome of an attempt, unless its lease was lost."""
        args: list[str | bytes | int] = [lease.secret, lease.topic, result, KEEP_MS]
        with redis_errors(f"store the outcome of {lease.request_id}"):
            stored: bytes = await self._complete(keys=[self._key(lease.run_id, lease.request_id)], args=args)
        match stored:
            case b"stored":
                return "stored"
            case b"repeated":
                return "repeated"
            case _:
                return "lost"

    async def release(self, lease: Lease) -> bool:
        """Return an attempt without an outcome; ``False`` when the lease was lost."""
        with redis_errors(f"release the lease of {lease.request_id}"):
            return bool(
                await self._release(keys=[self._key(lease.run_id, lease.request_id)], args=[lease.secret, lease.topic])
            )

    # Both

    async def published(self, run_id: str, request: str) -> None:
        """Say that the outcome is in the log. The claim stays a while, to answer redeliveries."""
        key = self._key(run_id, request)
        with redis_errors(f"mark {request} published"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, "state", "published")
                pipe.hdel(key, "result", "request")
                pipe.pexpire(key, PUBLISHED_KEEP_MS)
                await pipe.execute()

    async def _claim(self, lease: Lease) -> Any:
        key = self._key(lease.run_id, lease.request_id)
        return await self._redis.hmget(key, "state", "owner", "topic", "request", "since")

    def _key(self, run_id: str, request: str) -> str:
        return runs_slot(run_id, self._partitions).claim(request)


def attempt_before(run_id: str, step_id: str, attempt: int) -> str | None:
    """Return the id of the attempt before; ``None`` for the first."""
    return request_id(run_id, step_id, attempt - 1) if attempt > 1 else None
