"""The worker of the SDK over a queue in memory: places, heartbeats, progress, cancels, and stops."""

import asyncio
import threading
from typing import Any

import pytest
from agentflow import ToolContext, function, tool
from agentflow.worker import Canceled, LeaseLost, NotAllowed, QueueUnknown, StepError
from agentflow.worker.functions import Functions
from agentflow.worker.serving import Worker
from agentflow.worker.steps import NOTHING, Failure, Outcome, Step

DEADLINE_S = 20.0


class MemoryQueue:
    """Gives the steps that a test puts in. ``canceled`` are those of which heartbeats say so, ``lost`` raise."""

    def __init__(self, *steps: Step) -> None:
        self.extend_every_s: float | None = 0.01
        self.waiting = list(steps)
        self.outcomes: dict[str, Outcome] = {}
        self.progress: dict[str, list[Any]] = {}
        self.released: list[str] = []
        self.canceled: set[str] = set()
        self.lost: set[str] = set()
        self.fails: list[Exception] = []
        self.most: list[int] = []
        self.changed = asyncio.Event()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def take(self, most: int) -> list[Step]:
        self.most.append(most)
        if self.fails:
            raise self.fails.pop(0)
        await asyncio.sleep(0.005)
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    async def extend(self, step: Step, progress: Any = NOTHING) -> bool:
        if step.step_id in self.lost:
            raise LeaseLost("this lease is over", 409)
        if progress is not NOTHING:
            self.progress.setdefault(step.step_id, []).append(progress)
        return step.step_id in self.canceled

    async def complete(self, step: Step, outcome: Outcome) -> None:
        self.outcomes[step.step_id] = outcome
        self.changed.set()

    async def release(self, step: Step) -> None:
        self.released.append(step.step_id)
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.outcomes) + len(self.released) < count:
                self.changed.clear()
                await self.changed.wait()


def step(id_: str, name: str = "echo", kind: str = "tool", **more: Any) -> Step:
    fields = {"args": {}, "config": {}, "idempotency_key": f"r:{id_}", "timeout_s": None} | more
    return Step(run_id="r", org_id="o", step_id=id_, attempt=1, kind=kind, name=name, **fields)


async def work(queue: MemoryQueue, *functions: Any, count: int | None = None, **options: Any) -> MemoryQueue:
    """Serve until so many steps have ended."""
    expected = len(queue.waiting) if count is None else count
    worker = Worker(Functions.of({one.__name__: one for one in functions}), queue, **options)
    serving = asyncio.create_task(worker.serve())
    await queue.until(expected)
    worker.stop()
    await asyncio.wait_for(serving, DEADLINE_S)
    return queue


@tool("echo")
def echo(context: ToolContext, *, text: str = "") -> dict[str, str]:
    return {"text": text, "key": context.idempotency_key, "thread": threading.current_thread().name}


async def test_plain_functions_run_in_threads_with_their_context() -> None:
    queue = await work(MemoryQueue(step("a", args={"text": "x"})), echo)
    output = queue.outcomes["a"].output
    assert (output["text"], output["key"]) == ("x", "r:a")
    assert output["thread"].startswith("step")


async def test_async_functions_run_in_the_loop() -> None:
    @tool
    async def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert (await work(MemoryQueue(step("a", "where")), where)).outcomes["a"] == Outcome(True)


async def test_no_more_steps_are_begun_than_there_are_places() -> None:
    now = most = 0

    @tool
    async def wait() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    queue = await work(MemoryQueue(*(step(str(n), "wait") for n in range(9))), wait, concurrency=3)
    assert most == 3
    assert max(queue.most) == 3
    assert len(queue.outcomes) == 9


@pytest.mark.parametrize(
    ("raised", "kind", "failure"),
    [
        (StepError("no_page", "gone", retryable=True, retry_after_ms=5), "tool", Failure("no_page", "gone", True, 5)),
        (ValueError("bad"), "tool", Failure("exception", "ValueError: bad", True)),
        (ValueError("bad"), "function", Failure("exception", "ValueError: bad", False)),
    ],
)
async def test_what_a_function_raises_fails_its_step(raised: Exception, kind: str, failure: Failure) -> None:
    def fails() -> None:
        raise raised

    made = (tool if kind == "tool" else function)(fails)
    assert (await work(MemoryQueue(step("a", "fails", kind)), made)).outcomes["a"].failure == failure


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (step("a", "other"), "unknown_tool"),
        (step("a", "echo", "llm"), "unknown_llm"),
        (step("a", args={"texts": "x"}), "bad_arguments"),
        (step("a", config={"x": 1}), "bad_config"),
    ],
)
async def test_a_step_that_fits_no_function_fails_for_good(asked: Step, code: str) -> None:
    failure = (await work(MemoryQueue(asked), echo)).outcomes["a"].failure
    assert failure is not None
    assert (failure.code, failure.retryable) == (code, False)


async def test_a_call_that_takes_too_long_fails_as_timeout() -> None:
    @tool
    async def slow() -> None:
        await asyncio.sleep(60)

    failure = (await work(MemoryQueue(step("a", "slow", timeout_s=0.01)), slow)).outcomes["a"].failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("timeout", True)


async def test_progress_is_sent_with_heartbeats_and_continues_a_later_start() -> None:
    @tool
    async def pages(context: ToolContext) -> int:
        first: int = context.progress or 0
        context.heartbeat(first + 1)
        await asyncio.sleep(0.05)
        return first

    queue = await work(MemoryQueue(step("a", "pages", progress=7)), pages)
    assert queue.outcomes["a"] == Outcome(7)
    assert queue.progress["a"] == [8]


async def test_the_last_progress_of_a_failed_attempt_is_sent() -> None:
    @tool
    def pages(context: ToolContext) -> None:
        context.heartbeat({"page": 3})
        raise StepError("gone")

    queue = MemoryQueue(step("a", "pages"))
    queue.extend_every_s = 60
    assert (await work(queue, pages)).progress["a"] == [{"page": 3}]


@pytest.mark.parametrize("how", ["canceled", "lost"])
async def test_a_step_that_nobody_waits_for_is_stopped_and_not_completed(how: str) -> None:
    stopped = threading.Event()

    @tool
    def long(context: ToolContext) -> None:
        try:
            while True:
                context.heartbeat()
                stopped.wait(0.005)
        except Canceled:
            stopped.set()
            raise

    queue = MemoryQueue(step("a", "long"))
    getattr(queue, how).add("a")
    await work(queue, long)
    assert queue.outcomes == {}
    assert await asyncio.to_thread(stopped.wait, DEADLINE_S)


async def test_a_stop_finishes_what_is_begun() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> str:
        begun.set()
        await go.wait()
        return "done"

    queue = MemoryQueue(step("a", "wait"))
    worker = Worker(Functions.of({"wait": wait}), queue)
    serving = asyncio.create_task(worker.serve())
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    worker.stop()
    await asyncio.sleep(0)
    go.set()
    await asyncio.wait_for(serving, DEADLINE_S)
    assert queue.outcomes["a"] == Outcome("done")


async def test_a_stop_returns_what_takes_too_long() -> None:
    begun = asyncio.Event()

    @tool
    async def wait() -> None:
        begun.set()
        await asyncio.sleep(60)

    queue = MemoryQueue(step("a", "wait"))
    worker = Worker(Functions.of({"wait": wait}), queue, drain_s=0.01)
    serving = asyncio.create_task(worker.serve())
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    worker.stop()
    await asyncio.wait_for(serving, DEADLINE_S)
    assert (queue.outcomes, queue.released) == ({}, ["a"])


async def test_a_key_that_may_not_serve_the_queue_ends_the_worker() -> None:
    queue = MemoryQueue()
    queue.fails = [NotAllowed("no", 403)]
    with pytest.raises(NotAllowed):
        await Worker(Functions.of({"echo": echo}), queue).serve()


async def test_a_queue_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentflow.worker.serving.AGAIN_S", 0.01)
    queue = MemoryQueue(step("a"))
    queue.fails = [QueueUnknown("no workflow names it", 404)]
    assert (await work(queue, echo)).outcomes.keys() == {"a"}


class Done:
    """What a hook returns for a call that did its work."""

    def __init__(self, output: Any) -> None:
        self.output = output


class NotDone:
    """What a hook returns for a call that did nothing."""


@pytest.mark.parametrize(
    ("found", "outcome"),
    [(Done(5), Outcome(5)), (NotDone(), Outcome("called")), (None, None)],
)
async def test_a_lost_start_is_looked_up_before_the_call_is_made_again(found: Any, outcome: Outcome | None) -> None:
    async def look(context: ToolContext, args: dict[str, Any]) -> Any:
        return found

    @tool("pay", reconcile=look)
    def pay() -> str:
        return "called"

    queue = await work(MemoryQueue(step("a", "pay", starts=2, on_unknown="reconcile")), pay)
    ended = queue.outcomes["a"]
    if outcome is None:
        assert ended.failure is not None
        assert ended.failure.code == "outcome_unknown"
    else:
        assert ended == outcome
