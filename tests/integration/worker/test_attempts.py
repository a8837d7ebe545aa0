"""The worker on a real Redis: every attempt once, whatever is delivered twice, killed or down."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from connectors.ports.engine import OutRecord
from connectors.providers.base import ModelRequest
from connectors.redis.claims.leases import Busy, Granted, Published, RedisLeases
from connectors.redis.holds import RedisHolds
from connectors.redis.keys import budgets_slot, runs_slot
from connectors.tools import Registry
from schemas.errors import StepError, Unavailable
from schemas.payload import Inline, Reference
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import Link, StepRequest, ToolCall
from services.runs.outcome_records import unpack
from streams.roles.worker.executor import Executed, Executor
from tests.support.worker import (
    PARTITIONS,
    PATIENCE_S,
    RUN_PARTITIONS,
    Bench,
    Pump,
    function,
    llm,
    tool,
    until,
    until_async,
)
from topics.catalogue import RUN_EVENTS, dlq, lane

#: A lease that is renewed while a test waits, every third of it, and that no stall outlasts.
RENEWED_MS = 6_000


async def started(bench: Bench, name: str = "w1", **changes: Any) -> Pump:
    pump = bench.worker(name, **changes)
    await pump.start()
    return pump


async def test_a_function_needs_no_claim(bench: Bench) -> None:
    request = bench.request(function("text_splitter"), args={"text": "aaaa bbbb", "chunk_size": 5})
    pump = await started(bench)
    await bench.ask(request)
    (result,) = await bench.finished(1)
    assert isinstance(result, StepSucceeded)
    assert result.output == Inline(value=["aaaa", "bbbb"])
    assert (result.worker_id, result.cost_nano, result.call_ids) == ("w1", 0, [])
    await bench.idle(pump)
    slot = runs_slot(request.run_id, RUN_PARTITIONS)
    assert not await bench.redis.exists(slot.claim(request.request_id))


async def test_a_tool_reads_a_document(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    await bench.ask(bench.request(tool("s3.fetch"), args={"bucket": "documents", "key": "a.txt", "document_key": "a"}))
    await started(bench)
    (result,) = await bench.finished(1)
    assert result.output == Inline(value="text")


async def test_delivered_again_it_is_not_called_again(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request, request)
    pump = await started(bench)
    await bench.idle(pump)
    await pump.stop()
    again = await started(bench, "w2")  # from offset 0: nothing was committed to the group
    await bench.idle(again)
    assert bench.provider.calls == {request.idempotency_key: 1}
    assert len(bench.results()) == len(bench.calls()) == len(bench.costs()) == 1


async def test_two_workers_with_one_request_make_one_call(bench: Bench) -> None:
    requests = [bench.request(llm(), args={"word": str(i)}) for i in range(20)]
    await bench.ask(*requests)
    first, second = await started(bench, "w1"), await started(bench, "w2")
    await bench.idle(first)
    await bench.idle(second)
    assert bench.provider.calls == {r.idempotency_key: 1 for r in requests}
    succeeded = [r for r in bench.results() if isinstance(r, StepSucceeded)]
    # One that came while the other was between 3 and 5 is appended by both, with the same bytes.
    assert {r.run_id for r in succeeded} == {r.run_id for r in requests}
    assert {c.call_id for c in bench.costs()} == {r.call_ids[0] for r in succeeded}
    deferred = [r for r in bench.results() if isinstance(r, StepDeferred)]
    assert all(r.deferral == 1 and "has this attempt" in r.reason for r in deferred)


async def test_a_crash_before_the_append_gives_the_same_bytes_again(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)

    def answer(_: ModelRequest) -> str:
        bench.log.fail = Unavailable("kafka", "down for the test")
        return "an answer"

    bench.provider.reply = answer
    pump = await started(bench)
    claim = runs_slot(request.run_id, RUN_PARTITIONS).claim(request.request_id)
    # It leaves its slot with the outcome stored, and waits for the log.
    await until(lambda: bench.provider.calls.total() == 1 and pump.worker.in_flight == 0)
    stored = await bench.redis.hget(claim, "result")
    assert stored is not None
    assert set(pump.worker.commits().values()) == {0}
    await pump.stop(0.0)
    assert bench.results() == []
    bench.log.fail = None
    again = await started(bench, "w2")
    await bench.idle(again)
    assert bench.provider.calls == {request.idempotency_key: 1}
    _start, append = bench.log.appends
    assert append == unpack(stored)
    assert await bench.redis.hget(claim, "state") == b"published"


async def test_a_worker_that_dies_in_a_call_is_followed_by_another_start(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    dead = RedisLeases(bench.redis, RUN_PARTITIONS, "dead", 50)
    granted = await dead.take(request.run_id, request.request_id)
    assert isinstance(granted, Granted)
    await bench.ask(request)
    pump = await started(bench)
    (first, *_) = await bench.finished(1)
    if isinstance(first, StepDeferred):
        assert first.until_ms <= bench.clock.now_ms() + 50
        await asyncio.sleep(0.06)
        await bench.ask(structs.replace(request, deferral=first.deferral))
    await until(lambda: any(isinstance(r, StepSucceeded) for r in bench.results()))
    await bench.idle(pump)
    (call,) = bench.calls()
    assert call.call_id != granted.call_id, "another start is another call"
    assert call.idempotency_key == request.idempotency_key, "of the same step"


async def test_an_attempt_that_kills_its_workers_ends(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    slot = runs_slot(request.run_id, RUN_PARTITIONS)
    await bench.redis.hset(
        slot.claim(request.request_id),
        mapping={"state": "running", "owner": "dead", "until": 0, "starts": 3, "calls": 3, "made": 1},
    )
    await bench.ask(request)
    await started(bench)
    (result,) = await bench.finished(1)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("poison", False)
    assert "started 3 times" in result.error.message
    assert bench.provider.calls == {}


@pytest.mark.parametrize("status", ["canceled", "failed", "succeeded"])
async def test_a_run_that_is_over_is_not_called_for(bench: Bench, status: str) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.set_status(request.run_id, status)
    await bench.ask(request)
    pump = await started(bench)
    await bench.idle(pump)
    assert bench.provider.calls == {}
    assert bench.results() == []


async def test_no_more_is_taken_than_there_is_room_for(bench: Bench) -> None:
    requests = [bench.request(llm(), args={"word": str(i)}) for i in range(60)]
    await bench.ask(*requests)
    bench.provider.gate.clear()
    pump = await started(bench, concurrency=4)
    await until(lambda: bench.provider.running == 4)
    for _ in range(20):
        await asyncio.sleep(0.002)
        assert bench.provider.running == pump.worker.in_flight == 4
    # The transport may hold one more poll in its hand; the rest is lag.
    assert sum(pump.positions.values()) <= 8
    bench.provider.gate.set()
    await bench.idle(pump)
    assert bench.provider.most == 4
    assert len(bench.results()) == 60


async def test_a_long_call_keeps_its_claim(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    pump = await started(bench, lease_ms=RENEWED_MS)
    await until(lambda: bench.provider.running == 1)
    rival = RedisLeases(bench.redis, RUN_PARTITIONS, "rival", RENEWED_MS)
    claim = runs_slot(request.run_id, RUN_PARTITIONS).claim(request.request_id)
    first_end = int(await bench.redis.hget(claim, "until") or 0)

    async def renewed() -> bool:
        return int(await bench.redis.hget(claim, "until") or 0) > first_end

    await until_async(renewed)
    assert isinstance(await rival.take(request.run_id, request.request_id), Busy)
    bench.provider.gate.set()
    await bench.idle(pump)
    assert await rival.take(request.run_id, request.request_id) == Published()


async def test_a_live_call_puts_back_what_redis_lost(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    pump = await started(bench, lease_ms=RENEWED_MS)
    await until(lambda: bench.provider.running == 1)
    held = await bench.held()
    assert held
    slot = budgets_slot(bench.org, PARTITIONS)
    lost = [key async for key in bench.redis.scan_iter(f"{slot.prefix}:*") if b":hold:" in key or b":held:" in key]
    claim = runs_slot(request.run_id, RUN_PARTITIONS).claim(request.request_id)
    async with bench.redis.pipeline(transaction=True) as pipe:  # a renewal must not come in between
        pipe.unlink(claim, *lost)
        pipe.hgetall(slot.held(bench.org))
        assert (await pipe.execute())[1] == {}
    await until_async(lambda: bench.redis.exists(claim))
    await until_async(lambda: bench.redis.exists(slot.held(bench.org)))
    assert await bench.held() == held
    bench.provider.gate.set()
    await bench.idle(pump)
    assert bench.provider.calls == {request.idempotency_key: 1}
    assert len(bench.costs()) == 1


async def test_after_a_loss_each_call_is_settled_under_its_own_id(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    first = await started(bench, "w1", lease_ms=60_000)
    await until(lambda: bench.provider.running == 1)
    await bench.redis.unlink(runs_slot(request.run_id, RUN_PARTITIONS).claim(request.request_id))
    second = await started(bench, "w2", lease_ms=60_000)
    await until(lambda: bench.provider.running == 2)
    bench.provider.gate.set()
    await bench.idle(first)
    await bench.idle(second)
    assert len({c.call_id for c in bench.costs()}) == 2, "both calls were made, so both cost"
    assert len(bench.results()) == 2, "of which the run takes the first"


async def test_a_drain_lets_calls_finish(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    pump = await started(bench)
    await until(lambda: bench.provider.running == 1)
    stopping = asyncio.create_task(pump.stop(PATIENCE_S))
    await asyncio.sleep(0)
    assert pump.worker.wanted() == (set(), 0)
    bench.provider.gate.set()
    await stopping
    assert len(bench.results()) == 1
    assert pump.committed[lane("silver"), bench.log.everything(lane("silver"))[0].partition] == 1


async def test_a_drain_that_takes_too_long_gives_its_attempts_back(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    pump = await started(bench, lease_ms=60_000)
    await until(lambda: bench.provider.running == 1)
    await pump.stop(0.02)
    assert bench.results() == []
    assert set(pump.committed.values()) == {0}, "it is read again"
    bench.provider.gate.set()
    again = await started(bench, "w2")
    (result,) = await bench.finished(1)
    assert isinstance(result, StepSucceeded), "taken at once, though the lease was a minute"
    await bench.idle(again)


async def test_a_partition_that_leaves_waits_for_no_call(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    pump = await started(bench)
    await until(lambda: bench.provider.running == 1)
    # The call does not end before the gate is opened.
    await asyncio.wait_for(pump.worker.revoked(set(pump.positions)), PATIENCE_S)
    assert pump.worker.commits() == {}
    bench.provider.gate.set()
    await bench.finished(1)
    assert pump.worker.commits() == {}, "the late ack is nobody's"


async def test_redelivered_while_it_is_worked_on_it_waits_for_that_work(bench: Bench) -> None:
    request = bench.request(llm(), args={"word": "x"})
    await bench.ask(request)
    bench.provider.gate.clear()
    pump = await started(bench)
    await until(lambda: bench.provider.running == 1)
    await pump.kill()
    await pump.worker.revoked(set(pump.positions))
    await pump.start()
    await until(lambda: bool(pump.worker.commits()))
    assert set(pump.worker.commits().values()) == {0}
    bench.provider.gate.set()
    await bench.idle(pump)
    assert bench.provider.calls == {request.idempotency_key: 1}
    assert len(bench.results()) == 1


async def test_asked_for_again_while_a_repeat_is_given_back_it_is_worked_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, give_back, hold = asyncio.Event(), asyncio.Event(), RedisHolds.hold

    async def first_later(self: RedisHolds, request: Any) -> Any:
        if give_back.is_set():
            return await hold(self, request)
        asked.set()
        await give_back.wait()
        raise Unavailable("budgets", "down for the test", 5.0)

    monkeypatch.setattr(RedisHolds, "hold", first_later)
    repeat = bench.request(llm(), args={"word": "x"})
    await bench.ask(repeat)
    pump = await started(bench)
    await asked.wait()
    await bench.ask(structs.replace(repeat, deferral=1))
    await until(lambda: sum(pump.positions.values()) == 2)
    give_back.set()
    await bench.finished(2)
    deferred, succeeded = bench.results()
    assert (type(deferred), deferred.deferral, type(succeeded)) == (StepDeferred, 1, StepSucceeded)
    await bench.idle(pump)


async def test_bad_records_go_to_the_dead_letters_and_good_ones_go_on(bench: Bench) -> None:
    good = bench.request(function("result_merger"), args={"a": 1})
    key = f"{good.run_id}:{good.step_id}".encode()
    await bench.ask(good)
    (record,) = bench.log.everything(lane("silver"))
    bad = [(key, b"{"), (key, None), (None, record.value), (b"other", record.value), (key, b'{"v":"1.0"}')]
    await bench.log.append([OutRecord(lane("silver"), k, v) for k, v in bad])
    pump = await started(bench)
    await bench.idle(pump)
    letters = bench.log.everything(dlq(lane("silver")))
    assert Counter((r.key, r.value) for r in letters) == Counter(bad)
    assert len(bench.results()) == 1
    reasons = Counter(dict(r.headers)["af-reason"] for r in letters)
    assert reasons == {b"json": 1, b"tombstone": 1, b"key": 2, b"schema": 1}


async def test_a_newer_major_version_pauses_its_partition_only(bench: Bench) -> None:
    newer = bench.request(function("result_merger"), args={"a": 1})
    await bench.ask(newer)
    topic = lane("silver")
    (record,) = bench.log.everything(topic)
    assert record.value is not None
    poison = record.value.replace(b'"v":"1.0"', b'"v":"2.0"')
    await bench.log.append([OutRecord(topic, record.key, poison), OutRecord(topic, record.key, record.value)])
    pump = await started(bench)
    await until(lambda: bool(pump.worker.paused()))
    ((partition, why),) = pump.worker.paused().items()
    assert partition == (topic, record.partition)
    assert "upgrade" in why
    elsewhere = bench.request(function("result_merger"), args={"a": 2}, tier="gold")
    await bench.ask(elsewhere)
    await bench.finished(2)
    await until(lambda: pump.worker.commits().get(partition) == 1)
    assert bench.log.everything(dlq(topic)) == []
    await pump.worker.revoked({partition})
    assert pump.worker.paused() == {}


async def test_while_redis_is_down_nothing_is_acked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    down = True
    take = RedisLeases.take

    async def flaky(self: RedisLeases, run_id: str, request_id: str, **more: Any) -> Any:
        if down:
            raise Unavailable("redis", "down for the test")
        return await take(self, run_id, request_id, **more)

    monkeypatch.setattr(RedisLeases, "take", flaky)
    await bench.ask(bench.request(llm(), args={"word": "x"}))
    pump = await started(bench)
    await until(lambda: pump.worker.in_flight == 1)
    await asyncio.sleep(0.1)
    assert set(pump.worker.commits().values()) == {0}
    down = False
    await bench.finished(1)
    await bench.idle(pump)


async def test_links_are_filled_in_and_large_outputs_are_stored(bench: Bench) -> None:
    big = [{"text": "x" * 200}] * 1000
    stored = await bench.objects.to_payload(bench.org, big)
    assert isinstance(stored, Reference)
    args = {"strategy": "concat", "a": None, "b": {"deep": None}}
    links = [Link(at=["a"], payload=stored), Link(at=["b", "deep"], payload=stored, path=[3, "text"])]
    await bench.ask(bench.request(function("result_merger"), args=args, links=links))
    await started(bench)
    (result,) = await bench.finished(1)
    assert isinstance(result.output, Reference)
    assert result.output.length == 1001
    assert await bench.objects.resolve(bench.org, result.output) == [*big, {"deep": "x" * 200}]


async def test_a_link_to_another_organisation_fails_the_step(bench: Bench) -> None:
    foreign = await bench.objects.put("globex", b'"secret"')
    await bench.ask(bench.request(function("result_merger"), args={"a": None}, links=[Link(at=["a"], payload=foreign)]))
    await started(bench)
    (result,) = await bench.finished(1)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == ("missing_object", False)


def failing() -> Registry:
    registry = Registry()

    @registry.tool("raises")
    async def raises() -> None:
        raise RuntimeError("é" * 5000)

    @registry.function("raises")
    def pure_raises() -> None:
        raise RuntimeError("always")

    @registry.tool("says")
    async def says() -> None:
        raise StepError("busy", "come back", retryable=True, retry_after_ms=5, details={"a": "b"})

    @registry.tool("later")
    async def later() -> None:
        raise Unavailable("shop", "closed", 3)

    @registry.tool("sleeps")
    async def sleeps() -> None:
        await asyncio.sleep(30)

    @registry.tool("fine")
    async def fine() -> int:
        return 7

    @registry.tool("odd")
    async def odd() -> object:
        return object()

    return registry


@pytest.mark.parametrize(
    ("work", "code", "retryable"),
    [
        (tool("raises"), "exception", True),
        (function("raises"), "exception", False),
        (tool("says"), "busy", True),
        (tool("later"), "unavailable", True),
        (tool("sleeps"), "timeout", True),
        (tool("odd"), "bad_output", False),
        (structs.replace(tool("fine"), output_schema={"type": "string"}), "bad_output", False),
        (tool("nowhere"), "unknown_tool", False),
    ],
)
async def test_whatever_a_tool_does_becomes_an_outcome(bench: Bench, work: Any, code: str, retryable: bool) -> None:
    bench.registry = failing()
    await bench.ask(bench.request(work, timeout_ms=50 if code == "timeout" else None))
    pump = await started(bench)
    (result,) = await bench.finished(1)
    assert isinstance(result, StepFailed)
    assert (result.error.code, result.error.retryable) == (code, retryable)
    assert result.error.step_id == "step"
    assert len(result.error.message.encode()) <= 2048
    (spans,) = bench.spans()
    assert spans.spans[0].status == "error"
    assert spans.spans[0].error_code == code
    found = [(one.type, one.error_code) for one in spans.spans[1:]]
    assert found == [("tool_call", "" if code == "bad_output" else code)] * isinstance(work, ToolCall)
    await bench.idle(pump)


async def test_a_failure_of_the_worker_itself_is_told_and_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = (bench.request(function("result_merger"), args={"a": i}) for i in range(2))
    execute = Executor.execute

    async def breaking(
        self: Executor, request: StepRequest, granted: Granted | None, taken_ms: int | None = None
    ) -> Executed:
        if request.run_id == broken.run_id:
            raise KeyError("a bug")
        return await execute(self, request, granted, taken_ms)

    monkeypatch.setattr(Executor, "execute", breaking)
    await bench.ask(broken, fine)
    pump = await started(bench)
    await bench.idle(pump)
    results = {r.run_id: r for r in bench.results()}
    assert isinstance(results[fine.run_id], StepSucceeded)
    failed = results[broken.run_id]
    assert isinstance(failed, StepFailed)
    assert failed.error.code == "internal"
    (letter,) = bench.log.everything(dlq(lane("silver")))
    assert b"a bug" in dict(letter.headers)["af-message"]


async def test_outcomes_that_are_ready_together_travel_together(bench: Bench) -> None:
    await bench.ask(*(bench.request(function("result_merger"), args={"a": i}) for i in range(100)))
    pump = await started(bench, concurrency=50)
    await bench.idle(pump)
    assert len(bench.log.everything(RUN_EVENTS)) == 100
    assert len(bench.log.appends) < 50
