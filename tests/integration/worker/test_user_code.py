"""User code that does what it must not: its attempt ends with a code, the worker continues, others are served."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from redis.asyncio import Redis

from connectors.redis.keys import runs_slot
from connectors.tools import Registry
from connectors.tools.isolation.raised import contain_tasks
from schemas.errors import StepError
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import StepRequest
from streams.roles.worker.attempt import MAX_STARTS
from tests.support import bad_tools
from tests.support.worker import RUN_PARTITIONS, Bench, Pump, function, tool, until
from topics.catalogue import dlq, lane


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What every call of the function ``held`` waits for."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
async def bench(redis_url: str, tmp_path: Path, release: threading.Event) -> AsyncIterator[Bench]:
    redis = Redis.from_url(redis_url)
    registry = Registry()
    for made_of in (bad_tools.raises, bad_tools.raises_async, bad_tools.raises_in_task, bad_tools.next_of_nothing):
        registry.tool(made_of.__name__)(made_of)
        registry.function(made_of.__name__)(made_of)
    for made_of in (bad_tools.good, bad_tools.step_error, bad_tools.cancels_itself):
        registry.function(made_of.__name__)(made_of)
    registry.function("held", blocking=True)(release.wait)
    registry.function("cancels_from_within", blocking=False)(cancels_from_within)
    contain_tasks(asyncio.get_running_loop())
    bench = Bench(redis, tmp_path, registry=registry)
    await bench.open_budgets()
    yield bench
    await bench.close()
    await redis.aclose()


def cancels_from_within() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def started(bench: Bench, name: str = "w1", **changes: Any) -> Pump:
    pump = bench.worker(name, **changes)
    await pump.start()
    return pump


async def test_whatever_user_code_raises_ends_its_attempt_alone(bench: Bench) -> None:
    pump = await started(bench)
    requests = [
        bench.request(work(name), args={"name": raised})
        for raised in bad_tools.RAISED
        for work in (tool, function)
        for name in ("raises", "raises_async", "raises_in_task")
    ]
    await bench.ask(*requests, *(bench.request(function("good"), args={"n": n}) for n in range(20)))
    results = await bench.finished(len(requests) + 20)
    failed = {(r.run_id): r.error for r in results if isinstance(r, StepFailed)}
    assert len([r for r in results if isinstance(r, StepSucceeded)]) == 20
    for request in requests:
        error = failed[request.run_id]
        assert error.code == "exception"
        assert error.message.startswith((request.args["name"], "RuntimeError: coroutine raised StopIteration"))
        assert error.retryable == (request.work.kind == "tool")
    await bench.idle(pump)


async def test_a_call_that_cancels_the_attempt_still_has_an_outcome(bench: Bench) -> None:
    pump = await started(bench)
    await bench.ask(*(bench.request(function(name)) for name in ("cancels_from_within", "cancels_itself", "good")))
    await bench.finished(3)
    await bench.idle(pump)
    # One that succeeded and then hit its own cancel has two outcomes, of which the run takes the first.
    first = {r.run_id: r for r in reversed(bench.results())}
    codes = [r.error.code if isinstance(r, StepFailed) else "ok" for r in first.values()]
    assert sorted(codes) in (["exception", "exception", "ok"], ["exception", "ok", "ok"])


async def test_a_step_error_with_fields_that_no_record_has_is_an_exception(bench: Bench) -> None:
    await started(bench)
    await bench.ask(
        bench.request(function("step_error"), args={"code": 7}),
        bench.request(function("step_error"), args={"after_ms": "soon"}),
        bench.request(function("step_error"), args={"after_ms": 5}),
    )
    results = await bench.finished(3)
    assert sorted((r.error.code, r.error.retry_after_ms) for r in results) == [
        ("exception", None), ("exception", None), ("own_code", 5)
    ]  # fmt: skip


async def test_a_users_exception_is_one_line_with_its_own_frames(bench: Bench, caplog: Any) -> None:
    await started(bench)
    with caplog.at_level(logging.INFO):
        await bench.ask(bench.request(function("raises"), args={"name": "Exception"}))
        await bench.finished(1)
    (line,) = (record for record in caplog.records if getattr(record, "action", "") == "step_raised")
    assert (line.levelname, line.exc_info) == ("WARNING", None)
    text = line.getMessage()
    assert "\n" not in text
    assert "Exception: plain; at " in text
    assert "bad_tools.py" in text
    assert "connectors/tools" not in text
    assert "streams/roles" not in text


async def test_a_call_that_got_no_thread_says_so(bench: Bench, release: threading.Event) -> None:
    await started(bench, concurrency=80)
    await bench.ask(*(bench.request(function("held"), timeout_ms=300_000) for _ in range(32)))
    await until(lambda: bench.registry._threads._started == 32)
    await bench.ask(bench.request(function("good"), timeout_ms=200))
    (result,) = await bench.finished(1)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("not_started", True)
    assert "policy.timeout_ms" in result.error.message
    release.set()


async def test_calls_that_ran_out_of_time_give_their_places_back(bench: Bench) -> None:
    pump = await started(bench, concurrency=80)
    await bench.ask(*(bench.request(function("held"), timeout_ms=2_000) for _ in range(31)))
    await bench.finished(31)
    assert bench.registry.abandoned == 31
    await bench.ask(*(bench.request(function("good")) for _ in range(20)))
    results = await bench.finished(51)
    assert len([r for r in results if isinstance(r, StepSucceeded)]) == 20
    assert pump.worker.degraded() == ["31 calls that were given up still run; set isolation='process' for them"]
    assert pump.worker.spent() == ""
    await bench.ask(bench.request(function("held"), timeout_ms=2_000))
    await bench.finished(52)
    assert "32 calls" in pump.worker.spent()
    assert pump.worker.complaints(10.0) == [pump.worker.spent()]


async def killed(bench: Bench, request: StepRequest, times: int) -> None:
    """Let a claim say that so many workers died in an attempt."""
    claim = runs_slot(request.run_id, RUN_PARTITIONS).claim(request.request_id)
    state = {"state": "running", "owner": "dead", "until": 0, "starts": times, "calls": times, "made": 1}
    await bench.redis.hset(claim, mapping=state)


async def test_a_function_that_killed_its_worker_three_times_is_set_aside(bench: Bench) -> None:
    request = bench.request(function("good"))
    await bench.ask(request)
    await killed(bench, request, MAX_STARTS - 1)  # the first start had no claim
    pump = await started(bench)
    (result,) = await bench.finished(1)
    await bench.idle(pump)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("poison", False)
    (letter,) = bench.log.everything(dlq(lane("silver")))
    headers = dict(letter.headers)
    assert headers["af-reason"] == b"poison"
    where = f"{lane('silver')}/{headers['af-partition'].decode()}@{headers['af-offset'].decode()}"
    assert result.error.details["dead_letter"] == where


async def test_a_suspect_function_of_a_canceled_run_is_skipped(bench: Bench) -> None:
    request = bench.request(function("good"))
    await bench.set_status(request.run_id, "canceled")
    await bench.ask(request)
    pump = await started(bench)
    await bench.idle(pump)
    assert bench.results() == []


async def test_only_what_a_dead_worker_may_have_begun_is_claimed(bench: Bench) -> None:
    before = bench.request(function("good"))
    after = structs.replace(before, attempt=2)
    await bench.ask(before)
    pump = await started(bench)
    await bench.finished(1)
    await bench.ask(after)
    await bench.finished(2)
    await bench.idle(pump)
    claims = [runs_slot(r.run_id, RUN_PARTITIONS).claim(r.request_id) for r in (before, after)]
    assert [await bench.redis.exists(claim) for claim in claims] == [1, 0]


async def test_attempts_on_their_last_start_are_made_one_at_a_time(bench: Bench, release: threading.Event) -> None:
    requests = [bench.request(function("held")) for _ in range(3)]
    for request in requests:
        await killed(bench, request, MAX_STARTS - 2)
    await bench.ask(*requests)
    pump = await started(bench)
    results = await bench.finished(2)
    assert [type(r) for r in results] == [StepDeferred, StepDeferred]
    (first, second) = results
    assert "is started alone" in first.reason
    again = [r for r in requests if r.run_id in (first.run_id, second.run_id)]
    release.set()
    (*_, alone) = await bench.finished(3)
    assert isinstance(alone, StepSucceeded)
    await bench.idle(pump)
    await bench.ask(structs.replace(again[0], deferral=1))
    (*_, last) = await bench.finished(4)
    assert isinstance(last, StepSucceeded), "given back is not a start"


async def test_a_partition_that_takes_nothing_more_names_the_step(bench: Bench, release: threading.Event) -> None:
    slow = bench.request(function("held"), step_id="slow")
    await bench.ask(slow)
    pump = await started(bench, max_span=5)
    await bench.ask(*(bench.request(function("good"), run_id=slow.run_id, step_id=f"s{n}") for n in range(30)))
    await until(lambda: bool(pump.worker.complaints(0.2)))
    (complaint, *_) = pump.worker.complaints(0.2)
    assert f"wait behind step slow of run {slow.run_id} (attempt 1)" in complaint
    release.set()
    await bench.idle(pump)
    assert pump.worker.complaints(0.0) == []


async def test_what_cannot_be_published_at_all_ends_the_role(bench: Bench) -> None:
    pump = await started(bench)
    bench.log.fail = ValueError("the log refuses it")
    await bench.ask(bench.request(function("good")))
    await until(lambda: pump.worker.fault is not None)
    assert isinstance(pump.worker.fault, ValueError)


@pytest.mark.parametrize(("retry_on", "retryable"), [([], False), (["own_code", "not_found"], True), (["x"], False)])
async def test_a_code_that_the_node_names_is_retryable(bench: Bench, retry_on: list[str], retryable: bool) -> None:
    bench.registry.tool("s3.fetch")(missing)
    await started(bench)
    await bench.ask(bench.request(tool("s3.fetch"), retry_on=retry_on))
    (result,) = await bench.finished(1)
    assert (result.error.code, result.error.retryable) == ("not_found", retryable)


def missing() -> None:
    raise StepError("not_found", "there is no such document")


async def test_attempts_of_a_step_share_an_idempotency_key_unless_the_node_says_otherwise(bench: Bench) -> None:
    bench.registry.tool("keyed")(bad_tools.keyed)
    await started(bench)
    first = bench.request(tool("keyed"))
    await bench.ask(first, structs.replace(first, attempt=2), structs.replace(first, attempt=3, idempotency="attempt"))
    results = await bench.finished(3)
    keys = {result.attempt: result.output.value["key"] for result in results}
    assert keys == {1: f"{first.run_id}:step", 2: f"{first.run_id}:step", 3: f"{first.run_id}:step:3"}
