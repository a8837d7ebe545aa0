"""Whether runs are over, asked for many at once: what is asked while an answer is under way gathers for the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from connectors.aio.retry import until_available
from connectors.ports.engine import Clock

Over = Callable[[Sequence[str]], Awaitable[set[str]]]


class RunStatus:
    """Asks ``over``, which may raise ``Unavailable``: then it is asked again until it answers."""

    def __init__(self, over: Over, clock: Clock) -> None:
        self._over = over
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._task: asyncio.Task[None] | None = None

    async def is_over(self, run_id: str) -> bool:
        """Return whether a run is over, as of now or later."""
        answer = self._waiting.get(run_id)
        if answer is None:
            answer = self._waiting[run_id] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="run status")
        return await asyncio.shield(answer)

    async def _run(self) -> None:
        while self._waiting:
            # Everything that is asked in this turn of the loop travels in one round trip.
            await asyncio.sleep(0)
            asked, self._waiting = self._waiting, {}
            try:
                over = await self._ask(list(asked))
            except asyncio.CancelledError:
                for answer in asked.values():
                    answer.cancel()
                raise
            except Exception as exc:  # noqa: BLE001 - it goes to those who wait
                for answer in asked.values():
                    answer.set_exception(exc)
                continue
            for run_id, answer in asked.items():
                answer.set_result(run_id in over)

    async def _ask(self, run_ids: list[str]) -> set[str]:
        return await until_available(lambda: self._over(run_ids), self._clock)
