"""Two ways to serve many callers with one piece of work: batch waiting items, and share work in flight."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from schemas.errors import TryLater

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)


class Batcher(Generic[Item, Answer]):
    """Runs ``work`` on batches of at most ``most`` items, ``at_once`` batches at a time; other items wait.

    ``work`` answers for every item, in order. When it raises ``TryLater``, the waiting callers get the same error: a
    dependency that does not answer now would not answer them either, so nobody queues for it.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], most: int, at_once: int = 1
    ) -> None:
        self._work = work
        self._most = most
        self._at_once = at_once
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._workers = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, item: Item) -> Answer:
        """Return the answer for one item; raise the error of its batch."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, answer))
        # The first item in an iteration of the loop starts a worker, which takes all items of that iteration.
        if self._workers < self._at_once and len(self._waiting) == 1:
            self._workers += 1
            self._tasks.add(task := loop.create_task(self._work_off()))
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                present = [(item, answer) for item, answer in group if not answer.done()]
                if present:
                    await self._do_group(present)
        finally:
            self._workers -= 1

    async def _do_group(self, group: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([item for item, _ in group])
        except TryLater as exc:
            waiting, self._waiting = self._waiting, []
            _fail(group + waiting, exc)
        except Exception as exc:  # noqa: BLE001 - it is raised where the callers wait
            _fail(group, exc)
        else:
            for (_, waiter), answer in zip(group, answers, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)


def _fail(group: list[tuple[Item, asyncio.Future[Answer]]], exc: Exception) -> None:
    for _, waiter in group:
        if not waiter.done():
            waiter.set_exception(exc)


class SingleFlight(Generic[Key, Answer]):
    """Lets concurrent callers with one key share one call of the work, which continues when a caller leaves."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Future[Answer]] = {}

    async def do(self, key: Key, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the result of ``work``, or of the work in flight for this key."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = asyncio.ensure_future(work())
            self._under_way[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: Key, flight: asyncio.Future[Answer]) -> None:
        del self._under_way[key]
        if not flight.cancelled():
            flight.exception()  # retrieved here, since every caller may have left
