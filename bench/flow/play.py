"""Plays a run through the fold in memory, with the runs that it starts. Time passes only when nothing else is left."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.flow.dags import INPUT_LABELS, inputs_of
from bench.flow.tools import TOOLS, Given, work_on
from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    RunEvent,
    RunSubmitted,
    StepFailed,
    StepSucceeded,
    TimerFired,
    ToolUse,
)
from schemas.records.security.pinned import RunSecurity
from schemas.records.steps import StepRequest
from schemas.records.timers import timer_of
from schemas.spec.model import ResolvedSpec
from schemas.spec.rules_version import LABELS
from schemas.tables.runs import STATUS, STEP_PREFIX
from streams.core.commands import Arm, Disarm, Emit
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from streams.core.runs.state.entries import Step

RUN, ORG = "run-1", "bench"
_START_MS = 1_700_000_000_000
#: Events that no run of these sizes needs.
_MOST = 5_000

Allows = Callable[[StepRequest], bool]
"""Whether a policy allows the call that a request is for."""


@dataclass(slots=True)
class Played:
    """A run that was played. ``calls`` are the requests in order, with those of the runs that it started;
    ``denied`` are the ids of the requests that a policy denied."""

    calls: list[StepRequest] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    state: MemoryState = field(default_factory=MemoryState)
    events: int = 0


def status_of(played: Played, run: str = RUN) -> str | None:
    """Return a run's status, ``None`` for one that there is not."""
    return played.state.get(run, STATUS)


def steps_of(played: Played, run: str = RUN) -> Iterator[tuple[str, Step]]:
    """Yield a run's steps by id."""
    for name in sorted(played.state.fields(run)):
        if name.startswith(STEP_PREFIX):
            step: Step | None = played.state.get(run, name)
            if step is not None:
                yield name[len(STEP_PREFIX) :], step


def play(
    resolved: ResolvedSpec,
    web: str,
    allows: Allows | None = None,
) -> Played:
    """Play a run in a world where the web says ``web``. The step with the first id is always worked on next."""
    table = _Table()
    table.feed(_submission(resolved, inputs_of(web)))
    while table.played.events < _MOST:
        if table.mail:
            table.feed(table.mail.pop(0))
        elif table.requests:
            request = table.requests.pop(min(table.requests))
            _work(table, request, web, allows)
        elif table.timers:
            (run, timer), due_ms = min(table.timers.items(), key=lambda one: (one[1], one[0]))
            del table.timers[run, timer]
            table.now_ms = max(table.now_ms, due_ms)
            table.feed(TimerFired(run_id=run, org_id="", timer=timer_of(timer), due_ms=table.now_ms))
        else:
            return table.played
    raise AssertionError(f"a run of {len(resolved.spec.dag.nodes)} nodes does not end")


class _Table:
    """The runs' table, and what they wait for."""

    def __init__(self) -> None:
        self.fold = RunFold()
        self.played = Played()
        self.now_ms = _START_MS
        self.requests: dict[tuple[str, str, int], StepRequest] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.mail: list[RunEvent] = []

    def feed(self, event: RunEvent) -> None:
        """Fold an event, and take in what it asks for."""
        played = self.played
        for command in self.fold.fold(played.state, event, self.now_ms, played.events):
            match command:
                case Emit(record) if isinstance(record, StepRequest):
                    played.calls.append(record)
                    self.requests[record.run_id, record.step_id, record.attempt] = record
                case Emit(record) if isinstance(record, RunSubmitted | CancelRequested | ChildFinished):
                    self.mail.append(record)
                case Arm(entity, timer, due_ms):
                    self.timers[entity, timer] = due_ms
                case Disarm(entity, timer):
                    self.timers.pop((entity, timer), None)
                case _:
                    pass
        played.events += 1


def _work(table: _Table, request: StepRequest, web: str, allows: Allows | None) -> None:
    outcome: dict[str, Any] = {
        "run_id": request.run_id,
        "org_id": ORG,
        "step_id": request.step_id,
        "attempt": request.attempt,
        "started_at_ms": table.now_ms,
        "finished_at_ms": table.now_ms,
        "worker_id": "w",
    }
    given = work_on(request, web)
    if allows is not None and not allows(request):
        table.played.denied.add(request.request_id)
        given = Given(error="denied")
    if given.error:
        code = "policy_denied" if given.error == "denied" else "boom"
        table.feed(StepFailed(**outcome, error=ErrorInfo(code=code, message=given.error, retryable=False)))
        return
    uses = [ToolUse(id=f"c{n}", name=name, args=args) for n, (name, args) in enumerate(given.calls)]
    table.feed(StepSucceeded(**outcome, output=inline(given.output), tool_calls=uses))


def _submission(resolved: ResolvedSpec, inputs: dict[str, Any]) -> RunSubmitted:
    return RunSubmitted(
        run_id=RUN,
        org_id=ORG,
        source="api",
        body_hash="body",
        workflow_name=resolved.spec.name,
        workflow_version=resolved.spec.version,
        spec=resolved,
        inputs=inputs,
        submitted_at_ms=_START_MS,
        rules_version=LABELS,
        security=RunSecurity(policy="default@1", policy_hash="h", inputs=INPUT_LABELS, tools=dict(TOOLS)),
    )
