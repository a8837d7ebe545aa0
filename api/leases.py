"""What the routes of queues need besides the leases: which queues there are, and workers that show while they ask."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from api.http.concurrency_limit import Bound
from connectors.aio.batching import SingleFlight
from connectors.aio.cancel import end
from connectors.redis.worker_registry import BEAT_S, Said, WorkerRegistry
from schemas.clock import now_ms
from schemas.errors import NotFound, Unavailable
from schemas.queues import owner_of
from schemas.version import VERSION
from services.runs.leasing.leases import StepLeases
from topics.catalogue import lane


class Queues:
    """The queues that workflows name. ``known`` lists their whole names."""

    def __init__(self, known: Callable[[], Awaitable[list[str]]]) -> None:
        self._known = known
        self._reading: SingleFlight[str, list[str]] = SingleFlight()
        self._names: frozenset[str] = frozenset()

    async def topic(self, queue: str) -> str:
        """Return the topic of a queue that a workflow names. Raises ``NotFound`` and ``Unavailable``."""
        if queue not in self._names:
            self._names = frozenset(await self._reading.do("queues", self._known))
        if queue in self._names:
            return lane(queue)
        name = queue.rpartition(".")[2]
        written = name if owner_of(queue) is None else f"org/{name}"
        raise NotFound(f"no workflow names this queue; register one with a node that has `queue: {written}`")


class Presence:
    """Shows users' workers in the list of workers while they ask, so that people see who serves a queue."""

    def __init__(self, registry: WorkerRegistry) -> None:
        self._registry = registry
        self._instance = uuid.uuid4().hex[:8]
        self._started_ms = now_ms()

    @asynccontextmanager
    async def shown(self, topic: str, worker_id: str, concurrency: int) -> AsyncIterator[None]:
        """Show a worker until it has its answer, and for three beats after that."""
        said = Said(
            f"{topic}/{worker_id}/{self._instance}",
            worker_id,
            (topic,),
            concurrency,
            0,
            VERSION,
            self._started_ms,
            providers=(),
        )
        beats = asyncio.create_task(self._beats(said), name="presence")
        try:
            yield
        finally:
            await end(beats)

    async def _beats(self, said: Said) -> None:
        while True:
            # Without Redis only a list for people is shorter.
            with suppress(Unavailable):
                await self._registry.beat(said)
            await asyncio.sleep(BEAT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseServices:
    """Leases of steps. ``bound`` is of requests that wait for one."""

    steps: StepLeases
    queues: Queues
    presence: Presence
    bound: Bound
