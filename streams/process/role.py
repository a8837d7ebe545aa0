"""What a process needs of a role: an app that is started, watched and stopped. Most are polls, some only tick."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from schemas.errors import Unavailable
from streams.runtime.consumer.poll import Partition

log = logging.getLogger(__name__)

#: A tick that is cut short is done again by the next process; so much patience only saves that.
STOP_S = 5.0


class Handler(Protocol):
    """What does a role's work."""

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        ...


class RoleApp(Protocol):
    """A role as its process sees it."""

    @property
    def handler(self) -> Handler:
        """What does the work."""
        ...

    @property
    def crashed(self) -> bool:
        """Whether it ended by a defect."""
        ...

    @property
    def crash_reason(self) -> BaseException | None:
        """The defect."""
        ...

    async def start(self) -> Any:
        """Begin to work."""
        ...

    async def stop(self) -> Any:
        """End the work."""
        ...

    def lags(self) -> Mapping[Partition, int]:
        """Return how many records each partition has that are not finished."""
        ...

    def unread(self) -> Mapping[Partition, tuple[int | None, int]]:
        """Return the next offset of each partition, and how many records behind it were not fetched."""
        ...

    def joining_since(self) -> float | None:
        """Return since when its group gives it nothing; ``None`` while it does."""
        ...

    def missing_topics(self) -> list[str]:
        """Return the topics that it reads and that the broker does not have."""
        ...


class Ticker(Protocol):
    """Work that is done again and again."""

    async def tick(self) -> None:
        """Do what is due now. Raises ``Unavailable``: nothing is lost, it is tried again."""
        ...

    def paused(self) -> dict[Partition, str]:
        """Return nothing: no partition is read."""
        ...


class TickApp:
    """A role that reads no topic: it ticks every ``every_s``. Several processes may run it."""

    def __init__(self, name: str, ticker: Ticker, every_s: float) -> None:
        self.handler = ticker
        self.ticks = 0
        #: Whether a tick has begun and not succeeded yet: a role that only waits for its time has nothing to do.
        self.busy = False
        self.crash_reason: BaseException | None = None
        self._name = name
        self._every_s = every_s
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def crashed(self) -> bool:
        """Whether a tick raised what it may not."""
        return self.crash_reason is not None

    async def start(self) -> None:
        """Begin to tick."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Let the tick under way end."""
        self._stopping.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=STOP_S)
        if not done:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def lags(self) -> dict[Partition, int]:
        """Return nothing."""
        return {}

    def unread(self) -> dict[Partition, tuple[int | None, int]]:
        """Return nothing."""
        return {}

    def joining_since(self) -> float | None:
        """Return that it waits for no group."""
        return None

    def missing_topics(self) -> list[str]:
        """Return nothing."""
        return []

    async def _run(self) -> None:
        failed = False
        while not self._stopping.is_set():
            self.busy = True
            try:
                await self.handler.tick()
                self.ticks += 1
                self.busy = failed = False
            except Unavailable as exc:
                if not failed:
                    log.warning("%s waits: %s", self._name, exc, extra={"action": "tick_failed"})
                failed = True
            except Exception as exc:  # noqa: BLE001 - the process ends with it
                self.crash_reason = exc
                return
            try:
                await asyncio.wait_for(self._stopping.wait(), self._every_s)
            except TimeoutError:
                continue
