"""A worker that goes on with chains, on a real Redis: wherever it stops or dies, somebody goes on from there."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.ports.engine import InRecord
from connectors.redis.claims.leases import Granted, RedisLeases
from connectors.redis.keys import runs_slot
from connectors.tools import Registry
from schemas.errors import StepError, Unavailable
from schemas.records.run_events import RunSubmitted, StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import StepRequest
from streams.core.commands import Arm, Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from streams.roles.worker.run_status import RunStatus
from streams.runtime.routing import to_out
from tests.support import runs
from tests.support.timers import short, timer
from tests.support.worker import PATIENCE_S, RUN_PARTITIONS, Bench, Pump, until, until_async
from topics.catalogue import RUN_EVENTS, lane
from topics.codec import decode

LANE = lane("silver")
FUNCTIONS = tuple(runs.function(id_, function_name="note") for id_ in "abc")
TOOLS = tuple({"id": id_, "type": "tool", "config": {"tool_name": "note"}} for id_ in "abc")
#: Pinned, so that a budget refuses a call and does not step it down.
MODELS = tuple(runs.llm(id_, inputs={"word": "{{x}}"}, model="local-silver") for id_ in "abc")
KINDS = pytest.mark.parametrize("nodes", [FUNCTIONS, TOOLS, MODELS], ids=["functions", "tools", "models"])


class Notes:
    """Tools and functions that note their calls and can be held up or made to fail, by step."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.errors: dict[str, StepError] = {}
        self.registry.function("note")(self.note)
        self.registry.tool("note")(self.note)

    async def note(self, **inputs: Any) -> dict[str, Any]:
        # The inputs of a, b and c: nothing, {a}, {b}.
        step = {"x": "a", "a": "b", "b": "c"}[next(iter(inputs))]
        self.begun.append(step)
        if step in self.gates:
            await self.gates[step].wait()
        if step in self.errors:
            raise self.errors[step]
        return {"step": step, "of": inputs}

    def hold(self, step: str) -> asyncio.Event:
        self.gates[step] = asyncio.Event()
        return self.gates[step]


class Flow:
    """One run: its fold reads what the workers say, and puts what it asks for on the lane."""

    def __init__(self, bench: Bench, nodes: Any, *, chain_steps: bool = True, **changes: Any) -> None:
        self.bench = bench
        self.rules = RunFold(chain_steps=chain_steps)
        self.state = MemoryState()
        self.run_id = str(uuid.uuid4())
        self.asked: list[str] = []
        self.timers: dict[str, int] = {}
        self._at = 0
        self._folded = 0
        spec = runs.resolved(*nodes, edges="a>b b>c")
        fields = {"run_id": self.run_id, "org_id": bench.org, "inputs": {"x": "in"}} | changes
        self._submitted: RunSubmitted = runs.submitted(spec, **fields)

    async def submit(self) -> None:
        await self._fold(self._submitted)

    async def catch_up(self) -> None:
        """Fold what workers said of this run since."""
        mine = [r for r in self.bench.log.everything(RUN_EVENTS) if r.key == self.run_id.encode()]
        for record in mine[self._at :]:
            await self._fold(decode(RUN_EVENTS, record.value))
        self._at = len(mine)

    async def ends(self, status: str = "succeeded") -> None:
        async def ended() -> bool:
            await self.catch_up()
            found = self.state.get(self.run_id, "st")
            assert found in ("running", status), self.steps()
            return bool(found == status)

        await until_async(ended)

    async def _fold(self, event: Any) -> None:
        self._folded += 1
        for command in self.rules.fold(self.state, event, runs.START_MS, self._folded):
            match command:
                case Emit(record) if isinstance(record, StepRequest):
                    self.asked.append(record.step_id)
                    await self.bench.ask(record)
                case Arm(_, timer_id, due_ms):
                    self.timers[short(timer_id)] = due_ms

    def steps(self) -> dict[str, Any]:
        """What the state says of each step, without times and workers."""
        found = {}
        for id_ in "abc":
            step = self.state.get(self.run_id, f"s:{id_}")
            if step is not None:
                found[id_] = (step.state, step.attempt, step.cost_nano, step.value and step.value.value)
        return found

    def claim(self, step: str) -> tuple[str, str]:
        """The key of a claim, and the id of its attempt."""
        request = f"{self.run_id}:{step}:1"
        return runs_slot(self.run_id, RUN_PARTITIONS).claim(request), request


@pytest.fixture
def notes(bench: Bench) -> Notes:
    notes = Notes()
    bench.registry = notes.registry
    return notes


async def started(bench: Bench, name: str = "w1", **changes: Any) -> Pump:
    pump = bench.worker(name, **changes)
    await pump.start()
    return pump


def said(bench: Bench) -> list[tuple[str, str, str | None]]:
    """Every event of workers: its kind, step and what becomes of the chain."""
    kinds = {StepSucceeded: "succeeded", StepFailed: "failed", StepDeferred: "deferred"}
    return [(kinds[type(r)], r.step_id, r.chain) for r in bench.results()]


def requests(bench: Bench) -> list[InRecord]:
    return bench.log.everything(LANE)


WHOLE = [("succeeded", "a", "continues"), ("succeeded", "b", "continues"), ("succeeded", "c", None)]


@KINDS
async def test_a_line_is_one_request_and_ends_like_any_other(bench: Bench, notes: Notes, nodes: Any) -> None:
    budget = {"budget_nano": 10**12}
    chained, plain = Flow(bench, nodes, **budget), Flow(bench, nodes, chain_steps=False, **budget)
    pump = await started(bench)
    await chained.submit()
    await chained.ends()
    assert said(bench) == WHOLE
    assert (chained.asked, len(requests(bench))) == (["a"], 1)
    await plain.submit()
    await plain.ends()
    assert plain.asked == ["a", "b", "c"]
    assert chained.steps() == plain.steps()
    await bench.idle(pump)
    if nodes is not FUNCTIONS:
        for step in "abc":
            key, _ = chained.claim(step)
            assert await bench.redis.hget(key, "state") == b"published"
    assert {span.record_id for span in bench.spans() if span.run_id == chained.run_id} == {
        f"{chained.run_id}:{step}:1" for step in "abc"
    }


async def test_each_call_has_the_budget_that_the_ones_before_left(bench: Bench) -> None:
    flow = Flow(bench, MODELS)
    await flow.submit()
    await started(bench)
    await flow.ends()
    cost = flow.steps()["a"][2]
    assert cost > 0
    tight = Flow(bench, MODELS, budget_nano=cost)
    await tight.submit()
    await tight.ends("failed")
    assert tight.steps()["a"][0] == "failed", "an estimate is more than the cost"
    (estimate,) = [r.error.details["estimate_usd"] for r in bench.results() if isinstance(r, StepFailed)]
    enough = Flow(bench, MODELS, budget_nano=int(float(estimate) * 10**9) + cost - 1)
    await enough.submit()
    await enough.ends("failed")
    assert [enough.steps()[step][0] for step in "ab"] == ["succeeded", "failed"]
    assert bench.provider.calls[f"{enough.run_id}:b"] == 0


@KINDS
async def test_a_canceled_run_goes_no_further(bench: Bench, notes: Notes, nodes: Any) -> None:
    flow = Flow(bench, nodes)
    await flow.submit()
    release = notes.hold("b")
    held = asyncio.Event()

    def reply(request: Any) -> str:
        if request.idempotency_key.endswith(":a"):
            bench.provider.gate.clear()
        elif request.idempotency_key.endswith(":b"):
            held.set()
        return "answer"

    bench.provider.reply = reply
    pump = await started(bench)
    await until(lambda: "b" in notes.begun or bench.provider.calls[f"{flow.run_id}:b"] == 1)
    await bench.set_status(flow.run_id, "canceled")
    release.set()
    bench.provider.gate.set()
    await bench.idle(pump)
    assert said(bench) == WHOLE[:2]
    assert "c" not in notes.begun
    assert bench.provider.calls[f"{flow.run_id}:c"] == 0


@KINDS
async def test_a_drain_ends_the_chain_after_the_step_in_hand(bench: Bench, notes: Notes, nodes: Any) -> None:
    flow = Flow(bench, nodes)
    await flow.submit()
    release = notes.hold("a")
    bench.provider.gate.clear()
    pump = await started(bench)
    await until(lambda: "a" in notes.begun or bench.provider.running == 1)
    stopping = asyncio.create_task(pump.stop(PATIENCE_S))
    await asyncio.sleep(0)
    release.set()
    bench.provider.gate.set()
    await stopping
    assert said(bench) == [("succeeded", "a", "returned")]
    assert sum(pump.committed.values()) == 1, "the request is acked"
    await flow.catch_up()
    assert flow.asked == ["a", "b"]
    await started(bench, "w2")
    await flow.ends()
    assert flow.asked == ["a", "b"], "the rest is chained from there"


@KINDS
async def test_a_partition_that_leaves_ends_the_chain(bench: Bench, notes: Notes, nodes: Any) -> None:
    flow = Flow(bench, nodes)
    await flow.submit()
    release = notes.hold("a")
    bench.provider.gate.clear()
    pump = await started(bench)
    await until(lambda: "a" in notes.begun or bench.provider.running == 1)
    await pump.kill()
    await pump.worker.revoked(set(pump.positions))
    release.set()
    bench.provider.gate.set()
    await bench.finished(1)
    assert said(bench) == [("succeeded", "a", "returned")]
    await started(bench, "w2")  # gets both: the request again, and the one that the fold makes
    await flow.ends()
    assert {step[0] for step in flow.steps().values()} == {"succeeded"}


async def test_a_chain_is_left_after_a_while(bench: Bench, notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.roles.worker.poll_handler.CHAIN_MOST_MS", 0)
    flow = Flow(bench, TOOLS)
    await flow.submit()
    await started(bench)
    await flow.ends()
    assert flow.asked == ["a", "b", "c"]


@KINDS
async def test_a_failure_is_told_and_nothing_follows(bench: Bench, notes: Notes, nodes: Any) -> None:
    flow = Flow(bench, nodes)
    error = StepError("busy", "come back", retryable=True)
    notes.errors["b"] = error

    def reply(request: Any) -> str:
        if request.idempotency_key.endswith(":b"):
            raise error
        return "answer"

    bench.provider.reply = reply
    await flow.submit()
    pump = await started(bench)
    await bench.finished(2)
    await bench.idle(pump)
    assert said(bench) == [WHOLE[0], ("failed", "b", "returned")]
    await flow.catch_up()
    assert list(flow.timers) == ["retry:b:2"]


async def test_a_wait_gives_the_chain_back(bench: Bench) -> None:
    """Money that cannot be held is waited for elsewhere, in the middle of a chain, too."""
    nodes = (runs.function("a", function_name="note"), *MODELS[1:])
    notes = Notes()
    bench.registry = notes.registry
    flow = Flow(bench, nodes)
    await flow.submit()
    _, attempt = flow.claim("b")
    other = RedisLeases(bench.redis, RUN_PARTITIONS, "other", 60_000)
    assert isinstance(await other.take(flow.run_id, attempt), Granted)
    pump = await started(bench)
    await bench.finished(2)
    await bench.idle(pump)
    assert said(bench) == [WHOLE[0], ("deferred", "b", "returned")]
    await flow.catch_up()
    assert flow.steps()["b"][0] == "waiting"


# Killed: the request is read again, by somebody who finds the claims as they were left.


@pytest.mark.parametrize("appended", [False, True], ids=["before-the-append", "after-the-ack"])
@pytest.mark.parametrize("at", ["a", "b"])
async def test_killed_after_a_step_another_goes_on_from_its_outcome(
    bench: Bench, notes: Notes, at: str, appended: bool
) -> None:
    flow = Flow(bench, TOOLS)
    await flow.submit()
    following = {"a": "b", "b": "c"}[at]
    notes.hold(at if not appended else following)
    pump = await started(bench)
    if appended:
        await until(lambda: following in notes.begun)
    else:
        await until(lambda: at in notes.begun)
        bench.log.fail = Unavailable("kafka", "down for the test")
        notes.gates.pop(at).set()
        key, _ = flow.claim(at)

        async def stored() -> bool:
            return bool(await bench.redis.hget(key, "result"))

        await until_async(stored)
    await pump.stop(0.0)
    assert set(pump.committed.values()) == {0}, "the request is read again"
    bench.log.fail = None
    notes.gates.clear()
    calls = notes.begun.count(at)
    again = await started(bench, "w2")
    await flow.ends()
    assert flow.asked == ["a"]
    assert notes.begun.count(at) == calls, "its outcome was stored"
    assert {step[:2] for step in flow.steps().values()} == {("succeeded", 1)}
    await bench.idle(again)


@pytest.mark.parametrize("step", ["b", "c"])
async def test_killed_in_the_next_step_it_starts_again_when_its_lease_is_over(
    bench: Bench, notes: Notes, step: str
) -> None:
    flow = Flow(bench, TOOLS)
    await flow.submit()
    notes.hold(step)
    first = await started(bench)
    await until(lambda: step in notes.begun)
    before = notes.begun.copy()
    # As after a kill -9: its claim is not released, its request is somebody else's.
    await first.kill()
    key, _ = flow.claim(step)
    kept = await bench.redis.hgetall(key)
    await first.stop(0.0)
    await bench.redis.hset(key, mapping=kept)
    notes.gates.clear()
    second = await started(bench, "w2")
    await bench.idle(second)
    assert said(bench)[-1] == ("deferred", step, None if step == "c" else "returned")
    assert notes.begun == before, "what is done is done, and what is under way is left alone"
    await bench.redis.hset(key, "until", 0)
    await flow.catch_up()
    await flow._fold(runs.TimerFired(run_id=flow.run_id, org_id="", timer=timer(f"defer:{step}:1:1"), due_ms=1))
    await flow.ends()
    assert flow.asked[:2] == ["a", step]
    assert notes.begun.count(step) == 2


async def test_killed_in_a_chain_of_functions_it_is_computed_again(bench: Bench, notes: Notes) -> None:
    flow = Flow(bench, FUNCTIONS)
    notes.hold("c")
    first = await started(bench)
    await flow.submit()
    await until(lambda: "c" in notes.begun)
    await first.stop(0.0)
    notes.gates.clear()
    await started(bench, "w2")
    await flow.ends()
    assert notes.begun == ["a", "b", "c", "a", "b", "c"]
    assert flow.asked == ["a"]
    assert {step[:2] for step in flow.steps().values()} == {("succeeded", 1)}


async def test_a_chain_that_is_done_is_left_alone(bench: Bench, notes: Notes) -> None:
    flow = Flow(bench, TOOLS)
    await flow.submit()
    pump = await started(bench)
    await flow.ends()
    await bench.idle(pump)
    await pump.stop()
    again = await started(bench, "w2")  # from offset 0: nothing was committed to the group
    await bench.idle(again)
    assert notes.begun == ["a", "b", "c"]
    assert said(bench) == WHOLE


async def test_a_request_without_the_rest_leaves_it_to_the_one_that_has_it(bench: Bench, notes: Notes) -> None:
    """Two requests of one attempt: before and after the setting was changed."""
    flow, short = Flow(bench, TOOLS), Flow(bench, TOOLS, chain_steps=False)
    short._submitted = flow._submitted
    await flow.submit()
    notes.hold("b")
    first = await started(bench)
    await until(lambda: "b" in notes.begun)
    await first.kill()
    second = bench.worker("w2")
    second.committed = {p: len(bench.log.records(*p)) for p in first.positions}
    await short.submit()
    await second.start()
    await bench.idle(second)
    key, _ = flow.claim("a")
    assert await bench.redis.hget(key, "state") == b"done", "whoever reads the first request again needs it"
    await first.stop(0.0)
    notes.gates.clear()
    await second.stop()
    await started(bench, "w3")
    await flow.ends()
    assert flow.asked == ["a"]


async def test_a_lost_claim_ends_the_chain(bench: Bench, notes: Notes) -> None:
    flow = Flow(bench, TOOLS)
    await flow.submit()
    release = notes.hold("a")
    pump = await started(bench)
    await until(lambda: "a" in notes.begun)
    key, attempt = flow.claim("a")
    await bench.redis.unlink(key)
    other = RedisLeases(bench.redis, RUN_PARTITIONS, "other", 60_000)
    granted = await other.take(flow.run_id, attempt)
    assert isinstance(granted, Granted)
    release.set()
    await bench.idle(pump)
    assert said(bench) == [("succeeded", "a", "returned")]
    assert await bench.redis.hget(key, "state") == b"running", "the other's claim is its own to end"


async def test_a_request_of_the_step_in_hand_waits_for_the_chain(bench: Bench, notes: Notes) -> None:
    """As a restored orchestrator makes it."""
    flow = Flow(bench, TOOLS)
    await flow.submit()
    release = notes.hold("b")
    pump = await started(bench)
    await until(lambda: "b" in notes.begun)
    await flow.catch_up()
    for command in flow.rules.outstanding(flow.state, flow.run_id, runs.START_MS):
        if isinstance(command, Emit) and isinstance(command.record, StepRequest):
            assert command.record.step_id == "b"
            await bench.log.append([to_out(command.record)])
    await until(lambda: sum(pump.positions.values()) == 2)
    release.set()
    await bench.idle(pump)
    await flow.ends()
    assert notes.begun == ["a", "b", "c"]
    assert said(bench) == WHOLE


async def test_while_redis_is_down_the_next_step_waits(
    bench: Bench, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, down = RedisLeases.over, True

    async def flaky(self: RedisLeases, run_ids: Any) -> set[str]:
        if down:
            raise Unavailable("redis", "down for the test")
        return await over(self, run_ids)

    monkeypatch.setattr(RedisLeases, "over", flaky)
    flow = Flow(bench, FUNCTIONS)
    pump = await started(bench)
    await flow.submit()
    await bench.finished(1)
    await asyncio.sleep(0.1)
    assert notes.begun == ["a"]
    assert set(pump.worker.commits().values()) == {0}
    down = False
    await flow.ends()
    await bench.idle(pump)


async def test_chains_take_turns_with_what_is_in_the_log(bench: Bench, notes: Notes) -> None:
    flows = [Flow(bench, TOOLS) for _ in range(20)]
    for flow in flows:
        await flow.submit()
    pump = await started(bench, concurrency=2)
    most = 0

    def watched() -> bool:
        nonlocal most
        most = max(most, pump.worker.in_flight)
        return len(bench.results()) >= 60

    await until(watched)
    assert most <= 2
    for flow in flows:
        await flow.ends()
    await bench.idle(pump)
    assert pump.worker.in_flight == 0


async def test_many_runs_are_asked_for_in_one_round_trip(bench: Bench) -> None:
    claims, asked = RedisLeases(bench.redis, RUN_PARTITIONS, "w1", 1_000), []

    async def over(run_ids: Sequence[str]) -> set[str]:
        asked.append(len(run_ids))
        return await claims.over(run_ids)

    status = RunStatus(over, bench.clock)
    states = {"succeeded": True, "failed": True, "canceled": True, "running": False, "queued": False, "": False}
    expected = {str(uuid.uuid4()): (state, is_over) for state, is_over in states.items()}
    for run_id, (state, _) in expected.items():
        if state:
            await bench.set_status(run_id, state)
    found = await asyncio.gather(*(status.is_over(run_id) for run_id in [*expected, *expected]))
    assert found == [is_over for _, is_over in expected.values()] * 2
    assert asked == [len(expected)]
    assert await status.is_over(str(uuid.uuid4())) is False
