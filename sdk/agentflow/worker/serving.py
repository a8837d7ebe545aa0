"""Serves a queue: as many steps at once as there are places, until it is stopped; then what is begun is finished."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from agentflow.worker.errors import LeaseLost, NotAllowed, QueueUnknown, WorkerError
from agentflow.worker.execution import Execution
from agentflow.worker.functions import Functions
from agentflow.worker.steps import Queue, Step

log = logging.getLogger(__name__)

#: How long to wait for a queue that no workflow names yet, and after any other failure to take steps.
AGAIN_S = 2.0


class Worker:
    """A worker of one queue. ``drain_s`` is how long a stop waits for steps that are begun."""

    def __init__(self, functions: Functions, queue: Queue, *, concurrency: int = 8, drain_s: float = 30.0) -> None:
        self._queue = queue
        self._places = asyncio.Semaphore(concurrency)
        self._concurrency = concurrency
        self._drain_s = drain_s
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="step")
        self._execution = Execution(functions, queue, self._threads)
        self._begun: dict[asyncio.Task[None], Step] = {}
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Take no more steps, and end ``serve`` when those that are begun are finished."""
        self._stop.set()

    async def serve(self) -> None:
        """Serve until ``stop``. Raises ``NotAllowed`` when the key may not serve the queue."""
        await self._queue.open()
        stopping = asyncio.create_task(self._stop.wait())
        taking = asyncio.create_task(self._take())
        try:
            await asyncio.wait({stopping, taking}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
        finally:
            for task in (stopping, taking):
                task.cancel()
            await asyncio.gather(stopping, taking, return_exceptions=True)
            await self._drain()
            await self._queue.close()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take(self) -> None:
        while True:
            await self._places.acquire()
            self._places.release()
            try:
                steps = await self._queue.take(self._concurrency - len(self._begun))
            except NotAllowed:
                raise
            except QueueUnknown as exc:
                log.warning("waiting: %s", exc)
                await asyncio.sleep(AGAIN_S)
                continue
            except WorkerError as exc:
                log.warning("no steps: %s", exc)
                await asyncio.sleep(AGAIN_S)
                continue
            for step in steps:
                await self._places.acquire()
                task = asyncio.create_task(self._work(step))
                self._begun[task] = step
                task.add_done_callback(self._ended)

    async def _work(self, step: Step) -> None:
        try:
            outcome = await self._execution.run(step)
            if outcome is not None:
                await self._queue.complete(step, outcome)
            else:
                await self._queue.release(step)
        except LeaseLost as exc:
            log.warning("step %s of run %s is discarded: %s", step.step_id, step.run_id, exc)
        except WorkerError:
            log.exception("step %s of run %s could not be reported; it is made again", step.step_id, step.run_id)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._begun.pop(task, None)
        self._places.release()
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("a step failed in the worker", exc_info=exc)

    async def _drain(self) -> None:
        """Finish what is begun; return what takes longer to the queue."""
        if self._begun:
            log.info("finishing %d steps", len(self._begun))
            await asyncio.wait(self._begun, timeout=self._drain_s)
        left = dict(self._begun)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for step in left.values():
            try:
                await self._queue.release(step)
            except WorkerError as exc:
                log.warning("step %s of run %s is not released: %s", step.step_id, step.run_id, exc)
