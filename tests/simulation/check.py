"""What must hold when a world has run dry, whatever happened to it. Reads the log and the tables only."""

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock
from connectors.ports.engine import Bounds, InRecord, OutRecord
from schemas.budgets import spend_fields
from schemas.records.admissions import AdmissionReleased
from schemas.records.money import CallStarted, CostEvent
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    RunAdmitted,
    RunSubmitted,
    SignalReceived,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.run_views import RunView, StepView
from schemas.records.steps import StepRequest
from schemas.run_states import TERMINAL_RUN
from schemas.tables.admissions import LIMITS, LINES, POOL
from streams.core.admissions.fold import AdmissionsFold
from streams.core.budgets.fold import BudgetsFold
from streams.core.runs.fold import RunFold
from streams.core.runs.nodes.agent import part_of
from streams.core.runs.nodes.run_end import KEEP_FINISHED_MS
from streams.core.state import Fold
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition
from streams.runtime.table.quarantine import ENTITY as QUARANTINE
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Takeover
from tests.simulation.ports import FencedTable, StampedLog
from tests.simulation.world import LANE, World
from tests.support.runs import ORG
from topics import catalogue
from topics.codec import decode

#: Two ends are about the same time when they are no further apart.
ABOUT_MS = 60_000


@dataclass
class Outcome:
    """One seed's end. ``trace`` names everything that happened, in order."""

    seed: int
    bug: str
    trace: str
    steps: int
    problems: list[str] = field(default_factory=list)


def play(seed: int, bug: str = "") -> Outcome:
    """Play a seed and check its end. What the engine says of the faults is not logged."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _played(seed, bug)
    finally:
        logging.disable(before)


def _played(seed: int, bug: str) -> Outcome:
    world = World(seed, bug)
    dry = world.play()
    outcome = Outcome(seed, bug, world.scheduler.trace, world.scheduler.steps)
    outcome.problems = problems(world) if dry else ["the world did not run dry", *unfenced(world)]
    outcome.problems += [f"a task raised {error!r}" for error in world.scheduler.loop.errors]
    world.scheduler.close(world.processes)
    return outcome


def problems(world: World) -> list[str]:
    """Return every promise that a dry world breaks."""
    checks = (ends, results, order, places, turns, families, money, set_aside, unfenced, replays)
    return [problem for check in checks for problem in check(world)]


def ends(world: World) -> list[str]:
    """Every run reaches exactly one terminal state, and the newest view says so."""
    found = []
    for run_id in _runs(world):
        views = [view for view in _views(world) if view.run_id == run_id]
        terminal = {view.status for view in views} & TERMINAL_RUN
        newest = max(views, key=lambda view: view.version, default=None)
        if len(terminal) != 1 or newest is None or newest.status not in terminal:
            found.append(f"{run_id} ended as {sorted(terminal)}, newest {newest.status if newest else None}")
    return found


def results(world: World) -> list[str]:
    """A step never has two outputs. Every answer of the worker is another one, so two would show."""
    outputs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for view in _views(world):
        for step in view.steps:
            if step.output is not None:
                outputs[view.run_id, step.step_id].add(msgspec.json.encode(step.output).decode())
    return [f"{place} has outputs {sorted(said)}" for place, said in outputs.items() if len(said) > 1]


def order(world: World) -> list[str]:
    """No step is asked for before its join says so, by what became of the steps before it.

    What did not become anything by an event (it was skipped, or is a switch) cannot be told the time of.
    """
    log, first = world.log, _first_ends(world)
    states, found = _states(world), []
    for record in log.everything(LANE):
        request = decode(record.topic, record.value)
        at = log.order[record.topic, record.partition, record.offset]
        before = _before(world, request, states)
        early = [source for source in before if _ended_at(first, states, request.run_id, source, at) > at]
        if not _may_run(_join(world, request), len(before), len(early), list(before.values())):
            found.append(f"{request.request_id} was asked for before {early or before}")
    return found


def places(world: World) -> list[str]:
    """No more steps of a run, and children of a map, are asked for than may be open at once.

    A step counts from its first request to the first event that may have ended it. Steps that ride along are not seen.
    """
    log, ends = world.log, dict[tuple[str, str], int]()
    for (run_id, step_id, _), at in (_first_ends(world) | _ends_of_turns(world)).items():
        ends[run_id, step_id] = min(ends.get((run_id, step_id), at), at)
    asked: dict[tuple[str, str], tuple[int, StepRequest]] = {}
    for record in log.everything(LANE):
        request = decode(record.topic, record.value)
        at = log.order[record.topic, record.partition, record.offset]
        place = (request.run_id, request.step_id)
        if not request.compensation and at < asked.get(place, (at + 1, request))[0]:
            asked[place] = (at, request)
    found = []
    for at, request in asked.values():
        dag = _runs(world)[request.run_id].spec.spec.dag
        node = next(node for node in dag.nodes if node.id == request.node_id)
        now_open = [
            other
            for place, (since, other) in asked.items()
            if other.run_id == request.run_id and since <= at < ends.get(place, at + 1)
        ]
        of_node = sum(other.node_id == node.id for other in now_open)
        if len(now_open) > (dag.max_parallel or len(now_open)) or of_node > (node.config.max_parallel or of_node):
            found.append(f"{request.request_id} was asked for beside {[other.step_id for other in now_open]}")
    return found


def turns(world: World) -> list[str]:
    """One run with turns has its turn at a time; it starts when it has it, and nobody keeps it or is left in line."""
    if not world.turns:
        return []
    admitted = _first(world, catalogue.RUN_EVENTS, lambda event: isinstance(event, RunAdmitted))
    released = _first(world, catalogue.ADMISSIONS, lambda event: isinstance(event, AdmissionReleased))
    # What runs after a run's end needs no turn, also if it was canceled in line.
    asked = _first(world, LANE, lambda request: not request.compensation)
    late = len(world.log.order)
    found = [
        f"{run_id} had its turn beside {others}"
        for run_id, at in admitted.items()
        if (others := [o for o in admitted if o != run_id and admitted[o] <= at < released.get(o, late)])
    ]
    found += [
        f"{run_id} was worked on before its turn"
        for run_id, at in asked.items()
        if world.runs[run_id].turns and at < admitted.get(run_id, late)
    ]
    for partition in range(world.partitions):
        lines = world.tables[catalogue.ADMISSIONS].entity(partition, LINES)
        left = [name for name in lines if name != POOL and not name.startswith(LIMITS)]
        found += [f"left in line: {left}"] * bool(left)
    return found


def _first(world: World, topic: str, is_meant: Callable[[Any], bool]) -> dict[str, int]:
    """Return when a run is first spoken of by a record that is meant, as a place in the order of the log."""
    first: dict[str, int] = {}
    for record in world.log.everything(topic):
        event = decode(record.topic, record.value)
        if is_meant(event):
            at = world.log.order[record.topic, record.partition, record.offset]
            first[event.run_id] = min(first.get(event.run_id, at), at)
    return first


def _ends_of_turns(world: World) -> dict[tuple[str, str, str], int]:
    """Return when each turn of an agent may have ended: one that asks for calls, or answers for its agent, too."""
    first: dict[tuple[str, str, str], int] = {}
    for record in world.log.everything(catalogue.RUN_EVENTS):
        event = decode(record.topic, record.value)
        if isinstance(event, StepSucceeded | StepFailed) and part_of(event.step_id) == "turn":
            at = world.log.order[record.topic, record.partition, record.offset]
            first.setdefault((event.run_id, event.step_id, "turn"), at)
    return first


def families(world: World) -> list[str]:
    """A step has what the run gave that it waited for; what those runs did cost is counted once, with their parent.

    The end of a run that comes when its parent has left the table may be counted or not. A step that was canceled told
    its run to end, unless that had ended about then: a restore that knows both tells nobody.
    """
    newest = {view.run_id: view for view in sorted(_views(world), key=lambda view: view.version)}
    first: dict[str, tuple[int, ChildFinished]] = {}
    told: set[str] = set()
    for record in world.log.everything(catalogue.RUN_EVENTS):
        event = decode(record.topic, record.value)
        if isinstance(event, ChildFinished):
            first.setdefault(event.child_run_id, (record.timestamp_ms, event))
        elif isinstance(event, CancelRequested):
            told.add(event.run_id)
    found = []
    for place, step in _starters(world).items():
        run = _runs(world).get(step.child_run_id or "")
        if run is None or run.parent is None or run.parent.detached:
            continue
        if step.state == "succeeded" and first[run.run_id][1].output != step.output:
            found.append(f"{place} gave {step.output}, and its run {first[run.run_id][1].output}")
        about_ms = (step.finished_at_ms or 0) + ABOUT_MS
        early = run.run_id in first and first[run.run_id][0] <= about_ms
        if step.state == "canceled" and run.run_id not in told and not early:
            found.append(f"{place} was canceled, and nobody told {run.run_id}")
    for run_id, view in newest.items():
        ends = [(at, event.cost_nano) for at, event in first.values() if event.run_id == run_id]
        stays_ms = (view.finished_at_ms or 2**53) + KEEP_FINISHED_MS
        least, most = sum(cost for at, cost in ends if at < stays_ms), sum(cost for _, cost in ends)
        if not least <= view.children_nano <= most:
            found.append(f"{run_id} counts {view.children_nano} for its runs, which did cost {least} to {most}")
    return found


def _starters(world: World) -> dict[tuple[str, str], StepView]:
    """Return the newest view of each step that started a run."""
    newest: dict[tuple[str, str], tuple[int, StepView]] = {}
    for view in _views(world):
        for step in view.steps:
            place = (view.run_id, step.step_id)
            if step.child_run_id is not None and view.version >= newest.get(place, (-1, step))[0]:
                newest[place] = (view.version, step)
    return {place: step for place, (_, step) in newest.items()}


def _runs(world: World) -> dict[str, RunSubmitted]:
    """Return every run that anybody submitted: a client, or another run."""
    if world.submissions is None:
        events = (decode(r.topic, r.value) for r in world.log.everything(catalogue.RUN_EVENTS))
        world.submissions = world.runs | {e.run_id: e for e in events if isinstance(e, RunSubmitted)}
    return world.submissions


def _first_ends(world: World) -> dict[tuple[str, str, str], int]:
    """Return when each step may have become what it is first, as places in the order of the log."""
    first: dict[tuple[str, str, str], int] = {}
    for record in world.log.everything(catalogue.RUN_EVENTS):
        event = decode(record.topic, record.value)
        ended = _ended_by(event)
        if ended is not None:
            at = world.log.order[record.topic, record.partition, record.offset]
            place = (event.run_id, *ended)
            first[place] = min(first.get(place, at), at)
    return first


def _ended_at(
    first: dict[tuple[str, str, str], int], states: dict[tuple[str, str], str], run_id: str, source: str, at: int
) -> int:
    """Return when a step has ended; a mapped node with the last of its children."""
    children = [step_id for run, step_id in states if run == run_id and step_id.startswith(f"{source}[")]
    found = [(step_id, states.get((run_id, step_id), "pending")) for step_id in children or [source]]
    return max(first.get((run_id, step_id, state), _known(state, at)) for step_id, state in found)


def _before(world: World, request: StepRequest, states: dict[tuple[str, str], str]) -> dict[str, str]:
    edges = _runs(world)[request.run_id].spec.spec.dag.edges
    sources = [edge.source for edge in edges if edge.target == request.node_id]
    return {source: states.get((request.run_id, source), "pending") for source in sources}


def _join(world: World, request: StepRequest) -> str | None:
    nodes = _runs(world)[request.run_id].spec.spec.dag.nodes
    return next(node.join for node in nodes if node.id == request.node_id)


def _known(state: str, at: int) -> int:
    """Return when a step without an event of its own ended: at an unknown time, or never."""
    return at if state in ("skipped", "succeeded") else at + 1


def _may_run(join: str | None, sources: int, early: int, states: list[str]) -> bool:
    """Return whether a step may have been asked for when ``early`` of its sources had not ended."""
    succeeded = states.count("succeeded")
    if join == "any":
        return succeeded > 0 and early < sources
    enough = {"all": succeeded == sources, "all_done": True}.get(join or "", succeeded > 0 or not sources)
    return enough and not early


def _states(world: World) -> dict[tuple[str, str], str]:
    """Return what became of every step, by the newest view of it."""
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for view in _views(world):
        for step in view.steps:
            place = (view.run_id, step.step_id)
            newest[place] = max(newest.get(place, (-1, "")), (view.version, step.state))
    return {place: state for place, (_, state) in newest.items()}


def _ended_by(event: Any) -> tuple[str, str] | None:
    """Return the step that an event may end, and as what."""
    if isinstance(event, ChildFinished):
        return event.step_id, "succeeded" if event.status == "succeeded" else "failed"
    if isinstance(event, TimerFired) and event.timer_id.startswith(("wait:", "signal:", "timeout:", "child:")):
        kind, step_id, *_ = event.timer_id.split(":")
        return step_id, "failed" if kind == "timeout" else "succeeded"
    if isinstance(event, SignalReceived):
        return event.name, "succeeded"  # here every signal is called like its node
    if not isinstance(event, StepSucceeded | StepFailed) or (isinstance(event, StepSucceeded) and event.tool_calls):
        return None
    # The turn of an agent that asks for nothing more is its answer.
    step_id = event.step_id.partition("/turn-")[0] if part_of(event.step_id) == "turn" else event.step_id
    return step_id, "succeeded" if isinstance(event, StepSucceeded) else "failed"


def money(world: World) -> list[str]:
    """What is spent is the sum of the final settlements of distinct calls."""
    settled: dict[str, CostEvent] = {}
    started: set[str] = set()
    for record in world.log.everything(catalogue.COST_EVENTS):
        event = decode(record.topic, record.value)
        if isinstance(event, CallStarted):
            started.add(event.call_id)
            continue
        if event.call_id not in settled or (settled[event.call_id].kind, event.kind) == ("presumed", "actual"):
            settled[event.call_id] = event
    expected: dict[str, int] = defaultdict(int)
    for event in settled.values():
        for name in spend_fields(event.workflow_name, event.provider, event.model, event.booked_at_ms):
            expected[name] += event.amount_nano
    spent: dict[str, int] = defaultdict(int)
    for partition in range(world.partitions):
        for name, data in world.tables[catalogue.COST_EVENTS].entity(partition, ORG).items():
            spent[name] += int(data)
    wrong = [] if spent == expected else [f"spent {dict(spent)}, settled {dict(expected)}"]
    wrong += [f"{call} was settled and never started" for call in settled.keys() - started]
    return wrong + _unsettled(world, settled)


def _unsettled(world: World, settled: dict[str, CostEvent]) -> list[str]:
    """Every call that the provider answered is settled, whoever died in it; and nothing stays held."""
    found = [f"{call} was answered and is not settled" for call in world.billed if call not in settled]
    wrong = [
        f"{event.call_id} cost {event.amount_nano}"
        for event in settled.values()
        if event.kind == "actual" and event.amount_nano != world.billed.get(event.call_id)
    ]
    held = [f"{call} is still held" for p in range(world.partitions) for call in world.money.holds(p)]
    return found + wrong + held


def set_aside(world: World) -> list[str]:
    """Nothing is quarantined and nothing is a dead letter."""
    keys = [
        (topic, partition, key)
        for topic, table in world.tables.items()
        for partition in range(world.partitions)
        for key in table.entity(partition, QUARANTINE)
    ]
    dead = [r for topic in world.tables for r in world.log.everything(catalogue.dlq(topic))]
    return [f"quarantined: {keys}"] * bool(keys) + [f"{len(dead)} dead letters"] * bool(dead)


def unfenced(world: World) -> list[str]:
    """No owner commits after another one took its partition."""
    return [breach for table in world.tables.values() for breach in table.breaches]


def replays(world: World) -> list[str]:
    """The log, folded from its start, gives the very table that is there.

    Of what ended a checkpoint keeps only what is lasting, and of what has left nothing.
    """
    found = []
    folds: dict[str, Fold] = {
        catalogue.RUN_EVENTS: RunFold(),
        catalogue.COST_EVENTS: BudgetsFold(),
        catalogue.ADMISSIONS: AdmissionsFold(),
    }
    for topic, table in world.tables.items():
        for partition in range(world.partitions):
            if table.bug not in ("timer_by_clock", "settled_forgotten", "place_given_twice"):
                again = FencedTable()
                _finish(_restore(world, topic, folds[topic], again, partition))
                if _lasting(again, again, folds[topic], partition) != _lasting(table, again, folds[topic], partition):
                    found.append(f"{topic}/{partition} is another one when it is replayed")
    return found


def _lasting(table: FencedTable, whole: FencedTable, fold: Fold, partition: int) -> object:
    """Return a table's contents without what a checkpoint may have left out; ``whole`` knows what ended."""
    entities, timers, position = table.contents(partition)
    for entity, at_ms in whole.ended(partition).items():
        if position is not None and at_ms <= position.clock_ms:
            entities.pop(entity, None)
        elif entity in entities:
            lasting = set(fold.lasting(entity, whole.entity(partition, entity)))
            entities[entity] = {name: data for name, data in entities[entity].items() if name in lasting}
    return entities, timers, position


class _SilentLog:
    """The whole log for a reader, whatever was lost of it since: what is appended goes nowhere."""

    def __init__(self, log: StampedLog) -> None:
        self._log = log
        self.incarnation = log.incarnation

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Return the bounds of all that ever was."""
        return Bounds(0, self._log.end(topic, partition))

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[InRecord]]:
        """Yield records."""
        yield self._log.slice(topic, partition, start, end)

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Drop what a restore says is outstanding."""


async def _restore(world: World, topic: str, fold: Fold, table: FencedTable, partition: int) -> None:
    def give_up(owned: OwnedPartition) -> None:
        raise AssertionError(f"a replay lost its partition: {owned.why}")

    ports = Ports(
        table=table,
        log=_SilentLog(world.log),
        checkpoints=MemoryCheckpoints(),
        clock=ManualClock(world.scheduler.now_ms),
    )
    engine = Engine(TableSpec(topic=topic, fold=fold), ports, on_lost=give_up, on_gap=give_up)
    takeover = Takeover(engine, ports.checkpoints, memory_limit=1_000, restore_grace_ms=0)
    await takeover.take(takeover.new(partition))


def _finish(coro: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nobody to its end."""
    try:
        while True:
            coro.send(None)
    except StopIteration:
        return


def _views(world: World) -> list[RunView]:
    if world.views is None:
        world.views = [decode(r.topic, r.value) for r in world.log.everything(catalogue.RUN_VIEWS)]
    return world.views
