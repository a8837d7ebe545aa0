"""Random workflows under random, repeated, late and reordered events: what must hold in all of them."""

from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from schemas.payload import Reference, inline
from schemas.records.admissions import AdmissionAsked, AdmissionReleased
from schemas.records.base import ErrorInfo
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    Reused,
    RunAdmitted,
    RunEvent,
    RunSubmitted,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
    ToolUse,
)
from schemas.records.run_views import RunView
from schemas.records.steps import StepRequest
from schemas.records.timers import Backstop
from schemas.run_states import TERMINAL_RUN
from schemas.spec.compensation import compensating
from schemas.spec.loops import every_node, iteration_step
from schemas.tables.runs import SPEC_PREFIX
from streams.core.commands import Emit, ExpireAt
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from streams.core.runs.plan.agent_ids import part_of
from streams.core.runs.requests import gather
from streams.core.runs.state.entries import step_field
from tests.support.families import family, flow, runs
from tests.support.runs import ORG, RUN, World, assistant, function, limited, loop, resolved, signal, submitted, switch
from tests.support.timers import short, timer

#: More events than any of these small workflows can need, so a run that does not end is found and not waited for.
DRAIN_MOST = 2_000
BIG = Reference(uri="objects:///acme/big", sha256="0" * 64, size=10**6, length=2)
#: What a node may ask for, and what it must come to.
CONDITIONS = {"inputs.x == 'in'": True, "inputs.nope == 1": False, "inputs.x < 3": False, "size(inputs) < 9": True}


#: What nodes run that run other workflows: nobody folds those here, their ends are made up.
KIDS = family(flow("kid", function("k")))
#: The types of nodes that no worker works on, but for switches.
FOLDED = ("wait", "signal", "agent", "workflow", "loop")
Status = Literal["succeeded", "failed", "canceled"]


@st.composite
def compensations(draw):
    """Two nodes that run after a failure, a cancel, both or neither; with their edge, and what names them."""
    roots = {name: "undo" for name in ("on_failure", "on_cancel") if draw(st.booleans())}
    if not roots:
        return [], [], {}
    policy = {"retries": {"max_attempts": 2, "initial_ms": 10}, "timeout_ms": 1_000}
    given = {"done": "n0.output", "why": "{{run_error_code}}"}
    return [function(node, policy, inputs=given) for node in ("undo", "tell")], ["undo>tell"], roots


@st.composite
def workflows(draw, *, wide=False):
    """A DAG of up to six nodes; some map over their own list, over a predecessor's, or over nothing, some choose.

    A ``wide`` one has few edges and a limit.
    """
    count = draw(st.integers(3 if wide else 1, 6))
    seldom = st.sampled_from([False, False, False, True])
    before = {n: [source for source in range(n) if draw(seldom if wide else st.booleans())] for n in range(count)}
    nodes = []
    for number, sources in before.items():
        after = [f"n{n}" for n in before if number in before[n]]
        node = _switch(draw, number, after) if after and draw(st.integers(0, 5)) == 0 else _node(draw, number, sources)
        if draw(st.integers(0, 3)) == 0:
            node["config"]["condition"] = draw(
                st.sampled_from([*CONDITIONS, *(f"n{n}.output == null" for n in sources)])
            )
        if sources and draw(st.booleans()):
            node["join"] = draw(st.sampled_from(["all", "any", "all_done"]))
        nodes.append(node)
    edges = [f"n{source}>n{n}" for n in before for source in before[n]]
    undo, edge, roots = draw(compensations())
    every, edges = (*nodes, *undo), [*edges, *edge]
    if not wide:
        return resolved(*every, edges=" ".join(edges), family=KIDS, **roots)
    after = {name: [node] for name, node in roots.items()}
    return limited(*every, edges=" ".join(edges), family=KIDS, **draw(limits()), **after)


@st.composite
def limits(draw):
    """What a run may be limited by. A deadline is sooner or later than what else is timed."""
    most = {} if draw(st.integers(0, 7)) == 7 else {"max_parallel": draw(st.integers(1, 3))}
    return most | ({"deadline_ms": draw(st.sampled_from([60, 5_000]))} if draw(st.booleans()) else {})


def _node(draw, number: int, sources: list[int]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if draw(st.integers(0, 2)) == 0:
        config = {"parallel": True, "inputs": {}}
        if len(sources) != 1 or draw(st.booleans()):
            config["items"] = draw(
                st.sampled_from([[], [1], [1, "{{x}}", 3], [1, 2, 3, 4, 5], "{{big}}", ["{{big.0}}"]])
            )
        if draw(st.booleans()):
            config["max_parallel"] = draw(st.integers(1, 2))
        config["on_child_error"] = draw(st.sampled_from(["fail", "skip", "collect"]))
    policy: dict[str, Any] = {"retries": {"max_attempts": draw(st.integers(1, 3)), "initial_ms": 10}}
    if draw(st.booleans()):
        policy["timeout_ms"] = 1_000
    if draw(st.integers(0, 2)) == 0:
        policy["optional"] = True
    if draw(st.integers(0, 3)) == 0:
        policy["priority"] = draw(st.sampled_from([-1, 5]))
    return _of_some_type(draw, f"n{number}", policy, config)


def _of_some_type(draw, id_: str, policy: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    match draw(st.integers(0, 12)):
        case 11 | 12:
            return _loop(draw, id_, policy)
        case 10:
            detach = draw(st.booleans())
            timed = {name: value for name, value in policy.items() if name != "timeout_ms" or not detach}
            return runs(id_, "kid", timed, detach=detach, **config)
        case 9:
            return {"id": id_, "type": "wait", "config": config | {"duration_ms": 40}}
        case 8:
            config.pop("inputs", None)
            late = draw(st.sampled_from([{}, {"default": "late"}]))
            return signal(id_, "go", **config, **late, timeout_ms=60)
        case 7:
            return assistant(id_, policy, **config | {"inputs": {"word": "{{x}}"}, "max_turns": 3})
        case _:
            return function(id_, policy, **config)


def _loop(draw, id_: str, policy: dict[str, Any]) -> dict[str, Any]:
    """A loop over one node, or over two after one another, whose last one decides, or fails to."""
    ends = st.sampled_from([{"until": "loop.iteration == 2"}, {"while": "loop.iteration < 3"}, {"until": "false"}])
    inner = {name: value for name, value in policy.items() if name in ("retries", "timeout_ms", "priority")}
    inputs = {"before": "loop.previous", "number": "loop.iteration"}
    body = [function(f"{id_}a", inner, inputs=inputs)]
    if draw(st.booleans()):
        body.append(function(f"{id_}b", inner, inputs={"of": f"{id_}a.output"}, condition="loop.iteration != 2"))
    edges = f"{id_}a>{id_}b" if len(body) > 1 else ""
    outer = {name: value for name, value in policy.items() if name in ("optional", "priority")}
    last = draw(st.sampled_from(["last", "fail"]))
    return loop(id_, *body, edges=edges, policy=outer, max_iterations=3, on_exhausted=last, **draw(ends))


def _switch(draw, number: int, after: list[str]) -> dict[str, Any]:
    targets = st.lists(st.sampled_from(after), max_size=2)
    cases = [(draw(st.sampled_from(list(CONDITIONS))), draw(targets)) for _ in range(draw(st.integers(1, 2)))]
    return switch(f"n{number}", *cases, default=draw(st.none() | targets))


class Chaos(World):
    """A world that answers requests in any order, and checks each fold."""

    def __init__(self, spec: Any, draw: Any) -> None:
        super().__init__()
        self.draw = draw
        self.before = {n.id: [e.source for e in spec.spec.dag.edges if e.target == n.id] for n in spec.spec.dag.nodes}
        self.spec = spec.spec
        self.apart = compensating(spec.spec)
        self.join = {n.id: n.join for n in spec.spec.dag.nodes}
        self.optional = {n.id for n in spec.spec.dag.nodes if n.policy.optional}
        self.maps = {n.id: n.config for n in spec.spec.dag.nodes if n.config.parallel}
        self.conditions = {n.id: n.config.condition for n in spec.spec.dag.nodes}
        self.switches = {n.id: n.config for n in spec.spec.dag.nodes if n.type == "switch"}
        self.priority = {n.id: n.policy.priority for n in every_node(spec.spec.dag.nodes)}
        self.most_open = spec.spec.dag.max_parallel
        self.waits = {n.id for n in spec.spec.dag.nodes if n.type in FOLDED}
        self.pending: dict[tuple[str, int, int], StepRequest] = {}
        self.fired: list[str] = []
        self.heard: set[tuple[str, int]] = set()
        self.outputs: dict[str, bytes] = {}
        self.restoring = False
        self.born: dict[str, RunSubmitted] = {}
        self.kids: dict[str, RunSubmitted] = {}
        self.kid_costs: dict[str, int] = {}
        self.given_up: set[str] = set()
        self.args: dict[str, dict[str, Any]] = {}
        self.ever: set[tuple[str, int, int]] = set()
        self.answers = 0
        self.turns = self.draw(st.integers(0, 3)) == 0
        self.released = 0
        self.reuse = self.reusable(spec)
        fork = {"source": "fork:before", "reuse": self.reuse} if self.reuse else {}
        turns = {"turns": True} if self.turns else {}
        # A condition that reads all inputs cannot be asked where one of them is stored.
        large = "size(inputs)" not in spec.model_dump_json() and draw(st.booleans())
        stored = {"stored_inputs": {"big": BIG}} if large else {}
        self.feed(
            submitted(
                spec,
                inputs={"x": "in", "big": None if large else [7, 8]},
                **fork,
                **turns,
                **stored,
            )
        )

    def reusable(self, spec: Any) -> dict[str, Reused]:
        """Results of another run for some of the nodes, with those of all before them; seldom any."""
        found: dict[str, Reused] = {}
        if self.draw(st.integers(0, 3)):
            return found
        for node in spec.spec.dag.nodes[: len(self.before) - len(self.apart) - 1]:
            if node.type != "switch" and found.keys() >= set(self.before[node.id]) and self.draw(st.booleans()):
                if self.draw(st.integers(0, 4)) == 0:
                    found[node.id] = Reused(state="skipped")
                    continue
                ids = [f"{node.id}[{i}]" for i in range(2)] if node.config.parallel else [node.id]
                if node.type == "loop":
                    ids = [f"{node.id}~{i}/{node.config.body[-1].id}" for i in (1, 2)]
                outputs = [inline(["out", step_id, 0]) for step_id in ids]
                several = outputs if len(ids) > 1 else None
                found[node.id] = Reused(children=several, output=None if node.config.parallel else outputs[-1])
        return found

    def take_in(self, commands):
        asked = len(self.requests)
        super().take_in(commands)
        for command in commands:
            match command:
                case Emit(RunSubmitted() as kid):
                    self.kid_asked(kid)
                case Emit(CancelRequested() as told):
                    assert self.restoring or told.run_id not in self.given_up, "an end is asked for once"
                    assert not self.born[told.run_id].parent.detached
                    self.given_up.add(told.run_id)
                case _:
                    pass
        for request in self.requests[asked:]:
            if "~" in request.step_id:
                self.check_inside(request)
            else:
                assert may_run(self.join[request.node_id], self.edges(request.node_id))
            assert request.compensation is (request.node_id in self.apart)
            assert not request.compensation or self.status in ("failed", "canceled")
            place = (request.step_id, request.attempt, request.deferral)
            assert self.restoring or place not in self.ever, "what was asked for is not asked for again"
            assert request.attempt == 1 or (request.step_id, request.attempt - 1) in {place[:2] for place in self.ever}
            self.ever.add(place)
            self.check_line(request)
            assert self.args.setdefault(request.step_id, request.args) == request.args, "a retry sees the same"
            self.pending[place] = request
        self.check_turns(commands)

    def check_inside(self, request: StepRequest) -> None:
        """A step inside of a loop is requested while the loop waits, and all of the iteration before is settled."""
        place = iteration_step(request.step_id)
        assert place is not None
        loop_id, number, _ = place
        assert self.step(loop_id).state == "waiting"
        counts = self.state.get(RUN, "p").maps[loop_id]
        assert (counts.asked, counts.ended) == (number, number - 1)
        states = {step_id: state for step_id, state in self.states().items() if step_id.startswith(f"{loop_id}~")}
        assert not [step_id for step_id in states if int(step_id.split("~")[1].split("/")[0]) > number]
        before = [state for step_id, state in states.items() if step_id.startswith(f"{loop_id}~{number - 1}/")]
        assert all(state in ("succeeded", "skipped") for state in before)
        assert request.args.get("number", number) == number
        assert number > 1 or request.args.get("before") is None

    def check_turns(self, commands) -> None:
        """A run with turns asks while it waits, and gives back once it is over; no other does."""
        said = [c.record for c in commands if isinstance(c, Emit)]
        asked = sum(isinstance(record, AdmissionAsked) for record in said)
        released = sum(isinstance(record, AdmissionReleased) for record in said)
        assert asked + released <= self.turns
        assert not asked or self.status == "queued"
        assert not released or self.status in TERMINAL_RUN
        self.released += released
        assert (self.released > 0) == (self.turns and self.status in TERMINAL_RUN)
        assert self.turns or self.status != "queued"
        assert self.status != "queued" or not self.requests

    def admit(self) -> None:
        """Tell the run that it is its turn."""
        self.feed(RunAdmitted(run_id=RUN, org_id=ORG, workflow_name="flow"))

    def kid_asked(self, kid: RunSubmitted) -> None:
        """Take in a run that a step starts: a new one, or after a restore the very same."""
        assert self.status == "running"
        assert self.restoring or kid.run_id not in self.born, "a run is asked for once"
        assert self.born.setdefault(kid.run_id, kid).body_hash == kid.body_hash
        assert self.restoring or self.step(kid.parent.step_id).attempt == kid.parent.attempt
        if kid.run_id not in self.kid_costs:
            self.kids[kid.run_id] = kid

    def end_kid(self, run: str, status: Status, *, retryable: bool = False) -> None:
        """Let a run end that a step has started; a detached one tells nobody."""
        self.now_ms += 3
        kid, self.answers = self.kids.pop(run), self.answers + 1
        self.kid_costs[run] = 0 if kid.parent.detached else cost(kid.parent.step_id, kid.parent.attempt)
        if kid.parent.detached:
            return
        said = {"output": inline(["kid", run, self.answers])} if status == "succeeded" else {}
        error = None if status == "succeeded" else ErrorInfo(code="x", message="x", retryable=retryable)
        place = {"step_id": kid.parent.step_id, "attempt": kid.parent.attempt, "child_run_id": run}
        self.feed(
            ChildFinished(
                run_id=RUN, org_id=ORG, **place, status=status, error=error, cost_nano=self.kid_costs[run], **said
            )
        )

    def feed(self, event: RunEvent):
        was = self.status
        if isinstance(event, StepSucceeded | StepFailed):
            self.heard.add((event.step_id, event.attempt))
        commands = super().feed(event)
        if was in TERMINAL_RUN:
            assert self.status == was
        for step_id in self.states():
            step = self.step(step_id)
            if step.state == "succeeded" and step.total is None:
                recorded = self.rules.encode(RUN, "s:", step.output)
                assert self.outputs.setdefault(step_id, recorded) == recorded
                folded = step.node in self.waits or step.node in self.switches
                assert folded or step.output.value[:3] == ["out", step_id, step.attempt]
        if self.status in TERMINAL_RUN and not self.compensates():
            assert self.timers == {}
        assert self.timers == self.timers_of_entries()
        self.check_maps()
        self.check_places()
        return commands

    def compensates(self) -> bool:
        """Whether something still runs because the run has ended; its views and its stay in the table say the same."""
        states = self.states()
        still = any(states.get(node) in ("running", "waiting") for node in self.apart)
        ended = self.status in TERMINAL_RUN
        for command in self.last:
            match command:
                case Emit(RunView(compensating=said)):
                    assert said is (still and ended)
                case ExpireAt(_, at_ms):
                    assert not still
                    assert at_ms >= self.now_ms or not ended or not self.apart & states.keys()
        return still

    def check_maps(self) -> None:
        """So many children are open as may be, and no place is free while one waits for it."""
        for node_id, config in self.maps.items():
            node = self.step(node_id)
            if node is None or node.state != "running" or self.status in TERMINAL_RUN:
                continue
            children = [self.step(step_id) for step_id in self.states() if _is_child(step_id, node_id)]
            open_ = sum(child.state in ("running", "waiting") for child in children)
            assert open_ <= (config.max_parallel or len(children))
            if len(children) < node.total:
                full = self.most_open is not None and self.state.get(RUN, "p").open_steps == self.most_open
                assert open_ == config.max_parallel or (full and node_id not in self.waits)
            assert config.on_child_error != "fail" or all(child.state != "failed" for child in children)

    def check_places(self) -> None:
        """No more steps are open than may be, and nothing stands in line while there is room."""
        progress = self.state.get(RUN, "p")
        line = {step_id for step_id, state in self.states().items() if state == "ready"}
        assert line == set(progress.ready)
        if self.most_open is None or self.status in TERMINAL_RUN:
            assert not line
            assert progress.open_steps == 0 or self.compensates()
            return
        open_ = sum(self.takes_place(step_id) for step_id in self.states())
        assert open_ == progress.open_steps <= self.most_open
        assert not line or open_ == self.most_open

    def takes_place(self, step_id: str) -> bool:
        """Whether a step is one of those that are open at once."""
        step = self.step(step_id)
        part = part_of(step_id) is not None
        folded = (step.node in self.waits and not part) or step.total is not None or step.gather is not None
        return step.state in ("running", "waiting") and not folded

    def check_line(self, request: StepRequest) -> None:
        """What was asked for from the line had the highest priority there."""
        if self.most_open is None or self.restoring or request.attempt > 1 or request.deferral:
            return
        if request.compensation or self.step(request.step_id).gather is not None:
            return
        ready = [step_id for step_id, state in self.states().items() if state == "ready"]
        line = [self.step(step_id).node.rpartition("/")[2] for step_id in ready]
        assert all(self.priority[node_id] <= self.priority[request.node_id] for node_id in line)

    def edges(self, node_id: str) -> list[str]:
        """What the predecessors of a node are: open, taken or untaken."""
        return [self.edge(self.step(source), node_id) for source in self.before[node_id]]

    def edge(self, source: Any, node_id: str) -> str:
        """What an edge is by the step that it comes from."""
        state = "open" if source is None else source.state
        if state == "succeeded" and source.node in self.switches:
            return "taken" if node_id in source.output.value["to"] else "untaken"
        return {"succeeded": "taken", "failed": "untaken", "skipped": "untaken"}.get(state, "open")

    def timers_of_entries(self) -> dict[str, int]:
        """What a restore from a checkpoint arms."""
        fields = ["p", *(step_field(step_id) for step_id in self.states())]
        stored = {f: self.rules.encode(RUN, f, self.state.get(RUN, f)) for f in fields}
        armed = [at for f, data in stored.items() if (at := self.rules.timer(RUN, f, data)) is not None]
        return {short(named): due_ms for named, due_ms in armed}

    def timed(self) -> list[tuple[str, int, int]]:
        """The requests that a backstop timer stands behind."""
        return [place for place in sorted(self.pending) if isinstance(self.step(place[0]).timer, Backstop)]

    def answer(self, request: StepRequest, how: str) -> RunEvent:
        """What a worker says of a request: each time something else."""
        self.now_ms += 7
        self.answers += 1
        step_id, attempt = request.step_id, request.attempt
        if how == "defer":
            again = {"until_ms": self.now_ms + 50, "reason": "quota", "deferral": request.deferral + 1}
            return StepDeferred(run_id=RUN, org_id=ORG, step_id=step_id, attempt=attempt, **again)
        fields = self.outcome(step_id, attempt) | {"cost_nano": cost(step_id, attempt)}
        if how == "succeed":
            fields["tool_calls"] = calls_of(step_id)
            return StepSucceeded(output=inline(["out", step_id, attempt, self.answers]), **fields)
        return StepFailed(error=ErrorInfo(code="x", message="x", retryable=how == "fail"), **fields)

    def fire(self, timer_id: str) -> None:
        self.fired.append(timer_id)
        super().fire(timer_id)

    def crash(self) -> None:
        """Lose all that was asked for, as a restore does, and ask again from state alone."""
        self.pending.clear()
        self.timers.clear()
        before = self.snapshot()
        self.restoring = True
        self.take_in(self.rules.outstanding(self.state, RUN, self.now_ms))
        self.restoring = False
        assert self.snapshot() == before

    def drain(self) -> None:
        """Answer whatever is asked, until nothing is."""
        for _ in range(DRAIN_MOST):
            if self.pending:
                self.feed(self.answer(self.pending.pop(min(self.pending)), "succeed"))
            elif self.status == "queued":
                self.admit()
            elif self.kids:
                run = min(self.kids)
                self.end_kid(run, "canceled" if run in self.given_up else "succeeded")
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


def check_choice(world: Chaos, node_id: str, *, ran: bool) -> None:
    """Whether a node had to run, by its edges and by those conditions that are the same whenever they are asked.

    One whose result comes from another run is what it was there, whatever its edges and its condition say here.
    """
    if node_id in world.reuse:
        assert ran is (world.reuse[node_id].state == "succeeded")
        return
    wanted = may_run(world.join[node_id], world.edges(node_id))
    condition = world.conditions[node_id]
    if wanted and condition is not None:
        wanted = CONDITIONS.get(condition, ran)
    assert wanted is ran
    if ran and node_id in world.switches:
        config, output = world.switches[node_id], world.step(node_id).output.value
        first = next((i for i, case in enumerate(config.cases) if CONDITIONS[case.when]), None)
        to = config.default if first is None else config.cases[first].to
        assert output == {"case": "default" if first is None and to is not None else first, "to": to or []}


def _is_child(step_id: str, node_id: str) -> bool:
    return step_id.startswith(f"{node_id}[") and "/" not in step_id


def calls_of(step_id: str) -> list[ToolUse]:
    """The calls that a turn of an agent asks for; the last of the names is of no tool."""
    number = sum(step_id.encode()) % 4 if part_of(step_id) == "turn" else 0
    return [ToolUse(id=f"c{n}", name=name) for n, name in enumerate(("t", "u", "no tool")[:number])]


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
    assert progress.children_nano == sum(world.kid_costs.values())
    assert world.born.keys() == world.kid_costs.keys()
    kids = {kid.parent.step_id for kid in world.born.values()}
    assert not any(step.unsettled for step_id, step in steps.items() if step_id in kids)
    assert not world.compensates()
    after = {"failed": world.spec.dag.on_failure, "canceled": world.spec.dag.on_cancel}.get(world.status, [])
    assert world.apart & steps.keys() == (world.apart if after else set())
    if world.status == "succeeded":
        assert set(world.before) - world.apart <= set(steps)
        for step_id, step in steps.items():
            if part_of(step_id) is not None:
                agent = world.step(step_id.split("/")[0])
                assert step.state == "succeeded" or "]" in step_id or agent.state in ("failed", "canceled")
                continue
            if "~" in step_id:
                optional = step_id.partition("~")[0] in world.optional
                assert step.state in ("succeeded", "skipped") or optional
                continue
            may_fail = step.index is not None and world.maps[step.node].on_child_error != "fail"
            assert step.state in ("succeeded", "skipped") or step.node in world.optional or may_fail
            if step.index is None and step.gather is None:
                check_choice(world, step_id, ran=step.state != "skipped")
        assert progress.done == len(world.before) - len(world.apart)


def check_replay(world: Chaos) -> None:
    """The same events give the same bytes, also through a store that keeps only bytes."""
    rules, state, commands = RunFold(), MemoryState(), []
    for offset, (event, now_ms) in enumerate(world.events):
        commands += rules.fold(state, event, now_ms, offset)
        for entity, entries in state.snapshot(rules.encode).items():
            # A spec never changes, and compiling its conditions for each event would take most of the time.
            for field, data in entries.items() if offset == 0 or not entity.startswith(SPEC_PREFIX) else ():
                state.put(entity, field, rules.decode(entity, field, data))
    assert state.snapshot(rules.encode) == world.snapshot()
    again = MemoryState()
    assert commands == [c for i, (e, now) in enumerate(world.events) for c in rules.fold(again, e, now, i)]


class RunMachine(RuleBasedStateMachine):
    """One run. Its events come late, twice, in another order and not at all; its orchestrator crashes."""

    flows = workflows()

    @initialize(data=st.data())
    def begin(self, data):
        self.world = Chaos(data.draw(self.flows), data.draw)
        self.held: list[RunEvent] = []

    def asked(self, data) -> StepRequest:
        return self.world.pending[data.draw(st.sampled_from(sorted(self.world.pending)))]

    def take(self, data) -> StepRequest:
        return self.world.pending.pop(data.draw(st.sampled_from(sorted(self.world.pending))))

    @precondition(lambda self: self.world.pending)
    @rule(data=st.data(), how=st.sampled_from(["succeed", "succeed", "succeed", "fail", "fail_for_good", "defer"]))
    def answer(self, data, how):
        self.world.feed(self.world.answer(self.take(data), how))

    @precondition(lambda self: self.world.pending)
    @rule(data=st.data(), how=st.sampled_from(["succeed", "fail_for_good", "defer"]))
    def answer_twice(self, data, how):
        """A worker that was believed dead answers, too, and not alike; its answer is still under way."""
        self.held.append(self.world.answer(self.asked(data), how))

    @precondition(lambda self: self.world.kids)
    @rule(data=st.data(), status=st.sampled_from(["succeeded", "succeeded", "failed", "canceled"]), may=st.booleans())
    def end_kid(self, data, status, may):
        """A run that a step started ends, whether somebody still waits for it or not."""
        self.world.end_kid(data.draw(st.sampled_from(sorted(self.world.kids))), status, retryable=may)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def deliver_late(self, data):
        self.world.feed(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @precondition(lambda self: self.world.timed())
    @rule(data=st.data())
    def lose_a_request(self, data):
        """What has a backstop timer may be lost altogether."""
        del self.world.pending[data.draw(st.sampled_from(self.world.timed()))]

    @rule(data=st.data())
    def repeat(self, data):
        event, _ = data.draw(st.sampled_from(self.world.events))
        self.world.feed(event)

    @precondition(lambda self: self.world.timers)
    @rule(data=st.data())
    def fire(self, data):
        self.world.fire(data.draw(st.sampled_from(sorted(self.world.timers))))

    @precondition(lambda self: self.world.fired)
    @rule(data=st.data())
    def fire_again(self, data):
        timer_id = data.draw(st.sampled_from(self.world.fired))
        self.world.feed(TimerFired(run_id=RUN, org_id="", timer=timer(timer_id), due_ms=0))

    @precondition(lambda self: self.world.turns)
    @rule()
    def admit(self):
        """It is the run's turn; once, again, or too late."""
        self.world.admit()

    @rule(wanted=st.integers(0, 7))
    def cancel(self, wanted):
        if wanted == 0:
            self.world.feed(CancelRequested(run_id=RUN, org_id=ORG))

    @rule(id_=st.sampled_from("abc"))
    def signal(self, id_):
        said = inline(["signal", id_])
        self.world.feed(SignalReceived(run_id=RUN, org_id=ORG, name="go", signal_id=id_, payload=said))

    @rule()
    def crash(self):
        self.world.crash()

    def teardown(self):
        if not hasattr(self, "world"):
            return
        world = self.world
        world.crash()
        world.drain()
        check_end(world)
        for event in [*(event for event, _ in world.events), *self.held]:
            world.feed(event)
        check_end(world)
        check_replay(world)


@pytest.fixture(scope="module")
def gathered_soon():
    """Let outputs of a few bytes be gathered, in pages of one or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "INSIDE_LIMIT", 40)
        patch.setattr(gather, "PAGE_LIMIT", 45)
        yield


@pytest.mark.usefixtures("gathered_soon")
class TestRunMachine(RunMachine.TestCase):
    """A run as a machine that anything may happen to; it must always still reach its end."""

    settings = settings(max_examples=100, stateful_step_count=30)


class LimitedMachine(RunMachine):
    """A run with limits."""

    flows = workflows(wide=True)


@pytest.mark.usefixtures("gathered_soon")
class TestLimitedMachine(LimitedMachine.TestCase):
    """What must hold in any run, and how many steps are open at once, which is next, and the deadline."""

    settings = settings(max_examples=60, stateful_step_count=30)
