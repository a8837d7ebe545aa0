"""Where requests for leases meet the role that has the steps: lists in Redis, all in one slot.

    API   --ask-->    {leases}:want:<topic>     one entry for each lease that a worker waits for
    role  --next-->   takes an entry when it has a step for it
    role  --answer--> {leases}:inbox:<process>  the lease, for the process whose worker waits

Nothing depends on an entry: a lost one is a worker that asks again, since it waits for a limited time only. The claim
of an attempt (``connectors.redis.claims.lent_attempts``) says who has it. An entry of a process that is gone is left
alone.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson
from redis.asyncio import Redis

from connectors.redis.errors import redis_errors
from connectors.redis.scripts import script

#: A queue that nobody asked leases of for so long is left to others. Joining and leaving make the group of workers
#: assign its partitions again, so it must not happen often.
IDLE_MS = 120_000
#: No worker waits longer.
WANT_MS = 60_000
#: A process that waits for leases says so more often than this.
ALIVE_MS = 5_000

_QUEUES = "{leases}:queues"
_ASK = script("lease_ask")
_LIST = script("lease_queues")


@dataclass(frozen=True, slots=True)
class Ask:
    """A worker that waits for a lease of ``lease_ms``. ``inbox`` is the process that answers it."""

    ask_id: str
    inbox: str
    worker_id: str
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A lease for an ask. ``request`` is the step's record, ``progress`` JSON, or empty for none."""

    ask_id: str
    lease: str
    topic: str
    request: bytes
    progress: bytes
    starts: int


class LeaseDesk:
    """The lists. Every method raises ``Unavailable``."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._ask = redis.register_script(_ASK)
        self._list = redis.register_script(_LIST)

    # The API

    async def ask(self, topic: str, ask: Ask, count: int) -> None:
        """Ask for ``count`` leases."""
        keys = [_want(topic), _QUEUES, _alive(ask.inbox)]
        with redis_errors("ask for leases"):
            await self._ask(keys=keys, args=[topic, WANT_MS, ALIVE_MS, _entry(ask), count])

    async def withdraw(self, topic: str, ask: Ask) -> int:
        """Take back what nobody has answered; return how many that were."""
        with redis_errors("withdraw a request for leases"):
            return int(await self._redis.lrem(_want(topic), 0, _entry(ask)))

    async def offers(self, inbox: str, wait_s: float) -> list[Offer]:
        """Return what came for this process, waiting for the first one. Says that the process is alive."""
        with redis_errors("wait for leases"):
            await self._redis.set(_alive(inbox), "1", px=ALIVE_MS)
            first = await self._redis.blpop([_inbox(inbox)], timeout=wait_s)
            if first is None:
                return []
            more = await self._redis.lpop(_inbox(inbox), 100)
        return [_offer(data) for data in (first[1], *(more or ()))]

    # The role

    async def queues(self) -> set[str]:
        """Return the topics of the queues of which leases were asked lately."""
        with redis_errors("list the queues of leases"):
            return {topic.decode() for topic in await self._list(keys=[_QUEUES], args=[IDLE_MS])}

    async def waiting(self, topics: Sequence[str]) -> dict[str, int]:
        """Return how many leases of queues are waited for."""
        with redis_errors("count requests for leases"):
            async with self._redis.pipeline(transaction=False) as pipe:
                for topic in topics:
                    pipe.llen(_want(topic))
                counts = await pipe.execute()
        return dict(zip(topics, counts, strict=True))

    async def next(self, topic: str, wait_s: float) -> Ask | None:
        """Take the oldest ask of a queue whose process is alive; ``None`` if none comes in time."""
        with redis_errors("take a request for leases"):
            found = await self._redis.blpop([_want(topic)], timeout=wait_s)
            if found is None:
                return None
            ask = Ask(**orjson.loads(found[1]))
            return ask if await self._redis.exists(_alive(ask.inbox)) else None

    async def return_ask(self, topic: str, ask: Ask) -> None:
        """Put an ask back to the front."""
        with redis_errors("return a request for leases"):
            await self._redis.lpush(_want(topic), _entry(ask))

    async def answer(self, ask: Ask, offer: Offer) -> None:
        """Hand a lease over."""
        data = orjson.dumps({**asdict(offer), "request": offer.request.decode(), "progress": offer.progress.decode()})
        with redis_errors("answer a request for leases"):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(_inbox(ask.inbox), data)
                pipe.pexpire(_inbox(ask.inbox), WANT_MS)
                await pipe.execute()


def new_inbox() -> str:
    """Return the name of a process' inbox."""
    return uuid.uuid4().hex


def _entry(ask: Ask) -> str:
    return orjson.dumps(asdict(ask)).decode()


def _offer(data: bytes) -> Offer:
    fields = orjson.loads(data)
    return Offer(**{**fields, "request": fields["request"].encode(), "progress": fields["progress"].encode()})


def _want(topic: str) -> str:
    return f"{{leases}}:want:{topic}"


def _inbox(process: str) -> str:
    return f"{{leases}}:inbox:{process}"


def _alive(process: str) -> str:
    return f"{{leases}}:alive:{process}"
