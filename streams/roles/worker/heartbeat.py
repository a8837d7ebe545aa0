"""A worker says that it is there. It never holds up work: a Redis that does not answer is only not told."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence

from connectors.aio.cancel import end
from connectors.redis.worker_registry import BEAT_S, Said, WorkerRegistry
from schemas.errors import Unavailable
from schemas.version import VERSION
from streams.process import memory

log = logging.getLogger(__name__)


class Heartbeat:
    """Beats every ``every_s`` from ``start`` to ``stop``; the last beat says that the worker has stopped."""

    def __init__(self, seen: WorkerRegistry, say: Callable[[bool], Said], every_s: float = BEAT_S) -> None:
        self._seen = seen
        self._say = say
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self._silent = False

    def start(self) -> None:
        """Begin to beat."""
        self._task = asyncio.create_task(self._beats(), name="worker heartbeat")

    async def stop(self) -> None:
        """Say that the worker has stopped. Safe to repeat."""
        task, self._task = self._task, None
        if task is None:
            return
        await end(task)
        await self._beat(stopped=True)

    async def _beats(self) -> None:
        while True:
            await self._beat(stopped=False)
            await asyncio.sleep(self._every_s)

    async def _beat(self, *, stopped: bool) -> None:
        try:
            await self._seen.beat(self._say(stopped))
        except Unavailable as exc:
            if not self._silent:
                log.warning("this worker is not seen: %s", exc, extra={"action": "heartbeat_failed"})
            self._silent = True
        except Exception:
            # A list that only people read must never end a worker.
            log.exception("this worker is not seen", extra={"action": "heartbeat_failed"})
        else:
            self._silent = False


def voice(
    worker_id: str,
    lanes: Sequence[str],
    concurrency: int,
    in_flight: Callable[[], int],
    started_ms: int,
    providers: Iterable[str] = (),
) -> Callable[[bool], Said]:
    """Return what a worker says of itself at each beat."""
    has_providers = tuple(sorted(providers))
    instance = f"{worker_id}/{uuid.uuid4().hex[:8]}"
    most = memory.limit_bytes()

    def say(stopped: bool) -> Said:
        return Said(
            instance,
            worker_id,
            tuple(lanes),
            concurrency,
            in_flight(),
            VERSION,
            started_ms,
            stopped,
            has_providers,
            memory.resident_bytes(),
            most,
        )

    return say
