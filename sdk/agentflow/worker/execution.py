"""Executes one step: async functions in the event loop, all others in threads; the lease is extended meanwhile."""

import asyncio
import inspect
import logging
import os
import threading
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from agentflow.worker.errors import Canceled, LeaseLost, StepError, WorkerError
from agentflow.worker.functions import Call, Functions
from agentflow.worker.steps import NOTHING, Failure, Outcome, Queue, Step

log = logging.getLogger(__name__)

#: A message is cut here; what is longer belongs in a log.
MESSAGE_LIMIT = 2_000


class Context:
    """The ``ToolContext`` of one step. Functions may use it in any thread."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._lock = threading.Lock()
        self._progress: Any = NOTHING
        self.stopped = threading.Event()

    @property
    def org_id(self) -> str:
        return self._step.org_id

    @property
    def run_id(self) -> str:
        return self._step.run_id

    @property
    def step_id(self) -> str:
        return self._step.step_id

    @property
    def idempotency_key(self) -> str:
        return self._step.idempotency_key

    @property
    def progress(self) -> Any:
        return self._step.progress

    def secret(self, name: str) -> str:
        if value := os.environ.get(name):
            return value
        if file := os.environ.get(f"{name}_FILE"):
            return Path(file).read_text(encoding="utf-8").strip()
        raise StepError("unknown_secret", f"this worker has no secret {name}; set the variable, or {name}_FILE")

    def heartbeat(self, progress: Any = None) -> None:
        if progress is not None:
            with self._lock:
                self._progress = progress
        if self.stopped.is_set():
            raise Canceled(f"nobody waits for step {self.step_id} of run {self.run_id} any more")

    def take_progress(self) -> Any:
        """Return the progress that was not sent yet; ``NOTHING`` without one."""
        with self._lock:
            progress, self._progress = self._progress, NOTHING
        return progress

    def put_back(self, progress: Any) -> None:
        """Have a progress sent again, unless there is a newer one."""
        with self._lock:
            if self._progress is NOTHING:
                self._progress = progress


class Execution:
    """Executes steps with the functions of a worker; plain ones run in ``threads``."""

    def __init__(self, functions: Functions, queue: Queue, threads: Executor) -> None:
        self._functions = functions
        self._queue = queue
        self._threads = threads

    async def run(self, step: Step) -> Outcome | None:
        """Return how a step ended; ``None`` when nobody waits for it any more."""
        context = Context(step)
        work = asyncio.ensure_future(self._outcome(step, context))
        extending = asyncio.create_task(self._extend(step, context))
        try:
            await asyncio.wait({work, extending}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await self._last_progress(step, context, work.result())
                return work.result()
            context.stopped.set()
            return None
        finally:
            # A function in a thread cannot be stopped: it sees it at its next heartbeat.
            context.stopped.set()
            work.cancel()
            extending.cancel()
            await asyncio.gather(work, extending, return_exceptions=True)

    async def _last_progress(self, step: Step, context: Context, outcome: Outcome) -> None:
        """Send the progress of an attempt that failed: the next one continues from it."""
        progress = context.take_progress()
        if outcome.failure is not None and progress is not NOTHING and self._queue.extend_every_s is not None:
            try:
                await self._queue.extend(step, progress)
            except WorkerError as exc:
                log.warning("the last progress of %s is not stored: %s", step.step_id, exc)

    async def _outcome(self, step: Step, context: Context) -> Outcome:
        limit = asyncio.timeout(step.timeout_s)
        try:
            async with limit:
                output = await self._call(step, context)
        except StepError as exc:
            return Outcome(failure=Failure(exc.code, _cut(str(exc)), exc.retryable, exc.retry_after_ms))
        except Exception as exc:
            if limit.expired():
                return Outcome(failure=Failure("timeout", f"it took over {step.timeout_s} s", retryable=True))
            log.warning("step %s of run %s raised", step.step_id, step.run_id, exc_info=exc)
            # A function is pure: what it raised once it raises again.
            return Outcome(
                failure=Failure("exception", _cut(f"{type(exc).__name__}: {exc}"), retryable=step.kind == "tool")
            )
        return Outcome(output)

    async def _call(self, step: Step, context: Context) -> Any:
        function = self._functions.get(step.kind, step.name)
        if step.starts > 1 and step.on_unknown == "reconcile":
            found = await self._reconcile(function.reconcile, step, context)
            if found is not None:
                return found[0]
        return await self._run(function.bind(step.args, step.config, context))

    async def _reconcile(self, hook: Any, step: Step, context: Context) -> tuple[Any] | None:
        """Return the output of an earlier start of which the tool knows; ``None`` when it surely did nothing."""
        asked = Call(lambda: hook(context, dict(step.args)), inspect.iscoroutinefunction(hook))
        said = None if hook is None else await self._run(asked)
        match getattr(said, "kind", None) or type(said).__name__:
            case "Done" | "done":
                return (getattr(said, "output", None),)
            case "NotDone" | "not_done":
                return None
        raise StepError("outcome_unknown", f"nobody knows whether {step.idempotency_key} did its work; look there")

    async def _run(self, call: Call) -> Any:
        if call.is_async:
            return await call.make()
        result = await asyncio.get_running_loop().run_in_executor(self._threads, call.make)
        return await result if inspect.isawaitable(result) else result

    async def _extend(self, step: Step, context: Context) -> None:
        """Extend the lease until the work ends; return when nobody waits for it any more."""
        if self._queue.extend_every_s is None:
            await asyncio.Event().wait()
            return
        while True:
            await asyncio.sleep(self._queue.extend_every_s)
            progress = context.take_progress()
            try:
                if await self._queue.extend(step, progress):
                    return
            except LeaseLost as exc:
                log.warning("step %s of run %s: %s", step.step_id, step.run_id, exc)
                return
            except WorkerError as exc:
                log.warning("the lease of %s is not extended: %s", step.step_id, exc)
                context.put_back(progress)


def _cut(message: str) -> str:
    return message[:MESSAGE_LIMIT]
