"""The runs of a simulation: their events in order of time, folded by the server's rules."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentflow import engine
from agentflow.errors import AgentFlowError
from agentflow.testing.attempts import Attempts
from agentflow.testing.fakes import Call

#: Far more than any test needs; a loop without an end is an error of the test, not a hanging process.
MAX_EVENTS = 1_000_000


class Stuck(AgentFlowError):
    """The run has not ended, and nothing will happen unless the test does it."""


@dataclass
class Seen:
    """A run as readers see it."""

    status: str = "queued"
    output: dict[str, Any] | None = None
    error: engine.ErrorInfo | None = None
    steps: dict[str, Any] = field(default_factory=dict)
    started_by: str | None = None


class World:
    """All runs of one simulation. Times are in milliseconds."""

    def __init__(self, attempts: Attempts, start_ms: int) -> None:
        self.start_ms = self.now_ms = start_ms
        self.runs: dict[str, Seen] = {}
        self.calls: list[Call] = attempts.calls
        self._attempts = attempts
        self._fold, self._state = engine.RunFold(), engine.MemoryState()
        self._due: list[tuple[int, int, engine.RunEvent]] = []
        self._timers: dict[tuple[str, str], int] = {}
        self._count = 0

    def add(self, event: engine.RunEvent, at_ms: int | None = None) -> None:
        """Let an event happen, now or later."""
        self._count += 1
        heapq.heappush(self._due, (self.now_ms if at_ms is None else at_ms, self._count, event))

    def play(self, until_ms: int) -> None:
        """Let everything happen that is due by a time, and set the clock to it."""
        while self.next_ms is not None and self.next_ms <= until_ms:
            self.step()
        self.now_ms = max(self.now_ms, until_ms)

    def skip(self, done: Callable[[], bool]) -> None:
        """Move the clock from event to event until ``done``. Raises ``Stuck`` when nothing more happens."""
        while not done():
            if self.next_ms is None:
                raise Stuck("nothing more happens")
            self.step()

    @property
    def next_ms(self) -> int | None:
        """When the next thing happens."""
        times = [self._due[0][0]] if self._due else []
        return min([*times, *self._timers.values()], default=None)

    @property
    def is_patient(self) -> bool:
        """Whether only time limits are left: of signals, of runs, of attempts."""
        patient = (engine.SignalTimeout, engine.Deadline, engine.Backstop)
        soon = (named for (_, named), due in self._timers.items() if due <= self.now_ms)
        later = (named for (_, named), due in self._timers.items() if due > self.now_ms)
        return not self._due and not any(soon) and all(isinstance(engine.timer_of(one), patient) for one in later)

    def step(self) -> None:
        """Let the next thing happen: what is due first, events before timers of the same moment."""
        timer = min(self._timers.items(), key=lambda one: one[1], default=None)
        if self._due and (timer is None or self._due[0][0] <= timer[1]):
            at_ms, _, event = heapq.heappop(self._due)
        elif timer is not None:
            (run_id, named), at_ms = timer
            del self._timers[run_id, named]
            event = engine.TimerFired(run_id=run_id, org_id="", timer=engine.timer_of(named), due_ms=at_ms)
        else:
            return
        self.now_ms = max(self.now_ms, at_ms)
        self._count += 1
        if self._count > MAX_EVENTS:
            raise Stuck(f"over {MAX_EVENTS} events happened, and the run has not ended; does it loop?")
        for command in self._fold.fold(self._state, event, self.now_ms, self._count):
            self._do(command)

    def _do(self, command: Any) -> None:
        match command:
            case engine.Emit(engine.StepRequest() as request):
                at_ms, result = self._attempts.result(request, self.now_ms, self.now_ms - self.start_ms)
                self.add(result, at_ms)
            case engine.Emit(engine.RunView() as view):
                self._see(view)
            case engine.Emit(engine.RunSubmitted() | engine.ChildFinished() | engine.CancelRequested() as event):
                self.add(event)
            case engine.Arm(entity, named, due_ms):
                self._timers[entity, named] = due_ms
            case engine.Disarm(entity, named):
                self._timers.pop((entity, named), None)

    def _see(self, view: engine.RunView) -> None:
        seen = self.runs.setdefault(view.run_id, Seen())
        seen.status, seen.error = view.status, view.error
        seen.started_by = None if view.parent is None else view.parent.run_id
        seen.steps |= {step.step_id: step for step in view.steps}
        if view.output is not None:
            seen.output = {node: value_of(payload) for node, payload in view.output.items()}
        if view.output_in_steps:
            seen.output = (seen.output or {}) | {node: _in_steps(node, seen) for node in view.output_in_steps}


def value_of(payload: Any) -> Any:
    """Return the value of a payload; nothing is stored elsewhere here."""
    return payload.value if isinstance(payload, engine.Inline) else payload


def _in_steps(node: str, seen: Seen) -> Any:
    """Return a node's output from its step, or as the list of its children's outputs."""
    if (own := seen.steps.get(node)) is not None and own.output is not None:
        return value_of(own.output)
    children = (step for step in seen.steps.values() if step.node_id == node and "[" in step.step_id)
    ordered = sorted(children, key=lambda step: int(step.step_id.rpartition("[")[2].rstrip("]")))
    return [None if step.output is None else value_of(step.output) for step in ordered]
