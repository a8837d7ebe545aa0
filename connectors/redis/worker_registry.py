"""Which workers there are: each says every few seconds that it is there. One hash and one sorted set in Redis.

Nothing depends on it: a Redis that is down or was emptied only makes the list shorter until the next beat. Time is
Redis' own, so that workers' clocks need not agree.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import orjson
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.scripts import script

#: One small write; seldom enough to cost nothing, often enough that a lost worker shows while somebody looks.
BEAT_S = 3.0
#: A worker that missed so many beats is lost.
MISSED_BEATS = 3
#: Then it has left the list: long enough to be found the morning after it was looked for in vain.
FORGOTTEN_AFTER_S = 3600.0

_SEEN = "{workers}:seen"
_SAID = "{workers}:said"

_BEAT = script("worker_heartbeat")

WorkerState = Literal["live", "lost", "stopped"]


@dataclass(frozen=True)
class Said:
    """What a worker says of itself. ``instance`` is one process, ``id`` its name, which a new owner may have again.

    ``providers`` are the model providers that it has; ``None`` if it does not say. Memory is what its process has of
    what it may have.
    """

    instance: str
    id: str
    lanes: tuple[str, ...]
    concurrency: int
    in_flight: int
    version: str
    started_ms: int
    stopped: bool = False
    providers: tuple[str, ...] | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None


@dataclass(frozen=True)
class Seen:
    """A worker, and when it was last heard of."""

    said: Said
    seen_ms: int
    state: WorkerState


class WorkerRegistry:
    """The list. Every method takes at most ``timeout_s`` and raises ``Unavailable``."""

    def __init__(self, redis: "Redis", timeout_s: float = 2.0) -> None:
        self._redis = redis
        self._timeout_s = timeout_s
        self._beat = redis.register_script(_BEAT)

    async def beat(self, said: Said) -> None:
        """Say that a worker is there."""
        with redis_errors("say that a worker is there"):
            async with asyncio.timeout(self._timeout_s):
                args: list[str | bytes | int] = [
                    said.instance,
                    orjson.dumps(asdict(said)),
                    int(FORGOTTEN_AFTER_S * 1000),
                ]
                await self._beat(keys=[_SEEN, _SAID], args=args)

    async def all(self) -> list[Seen]:
        """Return the workers, by id; of one name only those that are live, or else the newest."""
        with redis_errors("list workers"):
            async with asyncio.timeout(self._timeout_s), self._redis.pipeline(transaction=True) as pipe:
                pipe.time()
                pipe.zrange(_SEEN, 0, -1, withscores=True)
                pipe.hgetall(_SAID)
                (seconds, micros), seen, said = await pipe.execute()
        now_ms = seconds * 1000 + micros // 1000
        return current(
            _one(said[i], int(at), now_ms) for i, at in seen if i in said and now_ms - at <= FORGOTTEN_AFTER_S * 1000
        )


def state_of(said: Said, seen_ms: int, now_ms: int) -> WorkerState:
    """Return what a worker is that was heard of at ``seen_ms``."""
    if said.stopped:
        return "stopped"
    return "lost" if now_ms - seen_ms > MISSED_BEATS * BEAT_S * 1000 else "live"


def current(workers: Iterable[Seen]) -> list[Seen]:
    """Leave out who has a new owner: a newer process of the same name."""
    by_id: dict[str, list[Seen]] = {}
    for worker in sorted(workers, key=lambda w: (w.said.id, -w.said.started_ms, w.said.instance)):
        by_id.setdefault(worker.said.id, []).append(worker)
    return [one for same in by_id.values() for one in _live(same)]


def _live(same: Sequence[Seen]) -> Sequence[Seen]:
    return [worker for worker in same if worker.state == "live"] or same[:1]


def _one(data: bytes, seen_ms: int, now_ms: int) -> Seen:
    fields = orjson.loads(data)
    said = Said(
        **{
            **{name: fields[name] for name in Said.__dataclass_fields__ if name in fields},
            "lanes": tuple(fields["lanes"]),
            "providers": None if fields.get("providers") is None else tuple(fields["providers"]),
        }
    )
    return Seen(said, seen_ms, state_of(said, seen_ms, now_ms))
