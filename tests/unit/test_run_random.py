"""Random workflows under random, repeated, late and reordered events: what must hold in all of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import (
    CancelRequested,
    Reused,
    RunEvent,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.steps import StepRequest
from streams.core.memory import MemoryState
from streams.core.runs import gather
from streams.core.runs.entries import step_field
from streams.core.runs.fold import RunFold
from streams.core.runs.states import TERMINAL_RUN
from tests.support.runs import ORG, RUN, World, function, resolved, submitted

#: More events than any of these small workflows can need, so a run that does not end is found and not waited for.
DRAIN_MOST = 2_000
ACTIONS = (
    *("succeed", "succeed", "fail", "fail", "repeat", "repeat", "timer", "timer"),
    *("fail_for_good", "defer", "old_timer", "cancel", "crash", "signal"),
)


@st.composite
def workflows(draw):
    """A DAG of up to six nodes; some map over their own list, over a predecessor's, or over nothing."""
    count = draw(st.integers(1, 6))
    nodes, edges = [], []
    for target in range(count):
        before = [source for source in range(target) if draw(st.booleans())]
        edges += [f"n{source}>n{target}" for source in before]
        config: dict[str, Any] = {}
        if draw(st.integers(0, 2)) == 0:
            config = {"parallel": True, "inputs": {}}
            if len(before) != 1 or draw(st.booleans()):
                config["items"] = draw(st.sampled_from([[], [1], [1, "{{x}}", 3], [1, 2, 3, 4, 5]]))
            if draw(st.booleans()):
                config["max_parallel"] = draw(st.integers(1, 2))
            config["on_child_error"] = draw(st.sampled_from(["fail", "skip", "collect"]))
        retries = {"max_attempts": draw(st.integers(1, 3)), "initial_ms": 10}
        policy: dict[str, Any] = {"retries": retries}
        if draw(st.booleans()):
            policy["timeout_ms"] = 1_000
        if draw(st.integers(0, 2)) == 0:
            policy["optional"] = True
        if (kind := draw(st.integers(0, 9))) == 0:
            nodes.append({"id": f"n{target}", "type": "wait", "config": config | {"duration_ms": 40}})
        elif kind == 1:
            late = draw(st.sampled_from([{"timeout_ms": 60}, {"timeout_ms": 60, "default": "late"}]))
            config.pop("inputs", None)
            nodes.append({"id": f"n{target}", "type": "signal", "config": config | {"name": "go"} | late})
        else:
            nodes.append(function(f"n{target}", policy, **config))
        if before and draw(st.booleans()):
            nodes[-1]["join"] = draw(st.sampled_from(["all", "any", "all_done"]))
    return resolved(*nodes, edges=" ".join(edges))


class Chaos(World):
    """A world that answers requests in any order, and checks each fold."""

    def __init__(self, spec: Any, draw: Any) -> None:
        super().__init__()
        self.draw = draw
        self.before = {n.id: [e.source for e in spec.spec.dag.edges if e.target == n.id] for n in spec.spec.dag.nodes}
        self.join = {n.id: n.join for n in spec.spec.dag.nodes}
        self.optional = {n.id for n in spec.spec.dag.nodes if n.policy.optional}
        self.maps = {n.id: n.config for n in spec.spec.dag.nodes if n.config.parallel}
        self.waits = {n.id for n in spec.spec.dag.nodes if n.type in ("wait", "signal")}
        self.pending: dict[tuple[str, int, int], StepRequest] = {}
        self.fired: list[str] = []
        self.heard: set[tuple[str, int]] = set()
        self.outputs: dict[str, bytes] = {}
        fork = {"source": "fork:before", "reuse": reuse} if (reuse := self.reusable(spec)) else {}
        self.feed(submitted(spec, inputs={"x": "in"}, **fork))

    def reusable(self, spec: Any) -> dict[str, Reused]:
        """Results of another run for some of the nodes, with those of all before them; seldom any."""
        found: dict[str, Reused] = {}
        if self.draw(st.integers(0, 3)):
            return found
        for node in spec.spec.dag.nodes[:-1]:
            if found.keys() >= set(self.before[node.id]) and self.draw(st.booleans()):
                ids = [f"{node.id}[{i}]" for i in range(2)] if node.config.parallel else [node.id]
                outputs = [inline(["out", step_id, 0]) for step_id in ids]
                found[node.id] = Reused(children=outputs) if node.config.parallel else Reused(output=outputs[0])
        return found

    def take_in(self, commands):
        asked = len(self.requests)
        super().take_in(commands)
        for request in self.requests[asked:]:
            assert may_run(self.join[request.node_id], self.edges(request.node_id))
            self.pending[request.step_id, request.attempt, request.deferral] = request

    def feed(self, event: RunEvent):
        was = self.status
        commands = super().feed(event)
        if was in TERMINAL_RUN:
            assert self.status == was
        for step_id in self.states():
            step = self.step(step_id)
            if step.state == "succeeded" and step.total is None:
                recorded = self.rules.encode(RUN, "s:", step.output)
                assert self.outputs.setdefault(step_id, recorded) == recorded
                assert step.output.value == ["out", step_id, step.attempt] or step.node in self.waits
        if self.status in TERMINAL_RUN:
            assert self.timers == {}
        assert self.timers == self.timers_of_entries()
        self.check_maps()
        return commands

    def check_maps(self) -> None:
        """So many children are open as may be, and no place is free while one waits for it."""
        for node_id, config in self.maps.items():
            node = self.step(node_id)
            if node is None or node.state != "running" or self.status in TERMINAL_RUN:
                continue
            children = [self.step(step_id) for step_id in self.states() if step_id.startswith(f"{node_id}[")]
            open_ = sum(child.state in ("running", "waiting") for child in children)
            assert open_ <= (config.max_parallel or len(children))
            if len(children) < node.total:
                assert open_ == config.max_parallel
            assert config.on_child_error != "fail" or all(child.state != "failed" for child in children)

    def edges(self, node_id: str) -> list[str]:
        """What the predecessors of a node are: open, taken or untaken."""
        steps = [self.step(source) for source in self.before[node_id]]
        states = ["open" if step is None else step.state for step in steps]
        return [{"succeeded": "taken", "failed": "untaken", "skipped": "untaken"}.get(s, "open") for s in states]

    def timers_of_entries(self) -> dict[str, int]:
        """What a restore from a checkpoint arms."""
        fields = [step_field(step_id) for step_id in self.states()]
        stored = {f: self.rules.encode(RUN, f, self.state.get(RUN, f)) for f in fields}
        return dict(timer for f, data in stored.items() if (timer := self.rules.timer(RUN, f, data)) is not None)

    def act(self, action: str) -> None:
        if action in ("succeed", "fail", "fail_for_good", "defer"):
            if self.pending:
                self.answer(self.pending.pop(self.draw(st.sampled_from(sorted(self.pending)))), action)
        elif action == "repeat":
            event, _ = self.draw(st.sampled_from(self.events))
            self.feed(event)
        elif action == "timer" and self.timers:
            self.fire(self.draw(st.sampled_from(sorted(self.timers))))
        elif action == "old_timer" and self.fired:
            self.feed(TimerFired(run_id=RUN, org_id="", timer_id=self.draw(st.sampled_from(self.fired)), due_ms=0))
        elif action == "cancel" and self.draw(st.integers(0, 3)) == 0:
            self.feed(CancelRequested(run_id=RUN, org_id=ORG))
        elif action == "signal":
            id_ = self.draw(st.sampled_from("abc"))
            self.feed(SignalReceived(run_id=RUN, org_id=ORG, name="go", signal_id=id_, payload=inline(["signal", id_])))
        elif action == "crash":
            self.crash()

    def answer(self, request: StepRequest, how: str) -> None:
        self.now_ms += 7
        step_id, attempt = request.step_id, request.attempt
        if how == "defer":
            again = {"until_ms": self.now_ms + 50, "reason": "quota", "deferral": request.deferral + 1}
            self.feed(StepDeferred(run_id=RUN, org_id=ORG, step_id=step_id, attempt=attempt, **again))
            return
        self.heard.add((step_id, attempt))
        fields = self.outcome(step_id, attempt) | {"cost_nano": cost(step_id, attempt)}
        if how == "succeed":
            self.feed(StepSucceeded(output=inline(["out", step_id, attempt]), **fields))
        else:
            self.feed(StepFailed(error=ErrorInfo(code="x", message="x", retryable=how == "fail"), **fields))

    def fire(self, timer_id: str) -> None:
        self.fired.append(timer_id)
        super().fire(timer_id)

    def crash(self) -> None:
        """Lose all that was asked for, as a restore does, and ask again from state alone."""
        self.pending.clear()
        self.timers.clear()
        before = self.snapshot()
        self.take_in(self.rules.outstanding(self.state, RUN, self.now_ms))
        assert self.snapshot() == before

    def drain(self) -> None:
        """Answer whatever is asked, until nothing is."""
        for _ in range(DRAIN_MOST):
            if self.pending:
                self.answer(self.pending.pop(min(self.pending)), "succeed")
            elif self.timers:
                self.fire(min(self.timers, key=lambda timer_id: (self.timers[timer_id], timer_id)))
            else:
                return
        raise AssertionError(f"the run does not end: {self.states()}")


def may_run(join: str | None, edges: list[str]) -> bool | None:
    """Whether a node runs in the end, given its edges; ``None`` while nobody knows. Written again, from the guide."""
    still_open, taken = edges.count("open"), edges.count("taken")
    if join == "any" and taken:
        return True
    if join == "all":
        return False if "untaken" in edges else None if still_open else True
    if still_open:
        return None
    return not edges or join == "all_done" or taken > 0


def cost(step_id: str, attempt: int) -> int:
    return sum(step_id.encode()) * 10 + attempt


def check_end(world: Chaos) -> None:
    assert world.status in TERMINAL_RUN
    assert [labels["status"] for labels in world.counted("workflow_runs_total")] == [world.status]
    assert world.timers == {}
    progress = world.state.get(RUN, "p")
    steps = {step_id: world.step(step_id) for step_id in world.states()}
    assert all(step.state in ("succeeded", "failed", "canceled", "skipped") for step in steps.values())
    assert progress.cost_nano == sum(step.cost_nano for step in steps.values())
    assert progress.cost_nano == sum(cost(*heard) for heard in world.heard)
    if world.status == "succeeded":
        assert set(world.before) <= set(steps)
        for step_id, step in steps.items():
            may_fail = step.index is not None and world.maps[step.node].on_child_error != "fail"
            assert step.state in ("succeeded", "skipped") or step.node in world.optional or may_fail
            if step.index is None and step.gather is None:
                assert may_run(world.join[step_id], world.edges(step_id)) is (step.state != "skipped")
        assert progress.open_children == {}
        assert progress.done == len(world.before)


def check_replay(world: Chaos) -> None:
    """The same events give the same bytes, also through a store that keeps only bytes."""
    rules, state, commands = RunFold(), MemoryState(), []
    for offset, (event, now_ms) in enumerate(world.events):
        commands += rules.fold(state, event, now_ms, offset)
        for entity, entries in state.snapshot(rules.encode).items():
            for field, data in entries.items():
                state.put(entity, field, rules.decode(entity, field, data))
    assert state.snapshot(rules.encode) == world.snapshot()
    again = MemoryState()
    assert commands == [c for i, (e, now) in enumerate(world.events) for c in rules.fold(again, e, now, i)]


@pytest.fixture(scope="module")
def gathered_soon():
    """Let outputs of a few bytes be gathered, in pages of one or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "INSIDE_LIMIT", 40)
        patch.setattr(gather, "PAGE_LIMIT", 45)
        yield


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
@pytest.mark.usefixtures("gathered_soon")
def test_every_run_ends_once_whatever_happens(data):
    world = Chaos(data.draw(workflows()), data.draw)
    for action in data.draw(st.lists(st.sampled_from(ACTIONS), max_size=30)):
        world.act(action)
    world.crash()
    world.drain()
    check_end(world)
    for event, _ in list(world.events):  # and everything once more
        world.feed(event)
    check_end(world)
    check_replay(world)
