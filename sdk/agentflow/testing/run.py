"""A run of a simulation: what it is, what the test does with it, and what it asserts."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentflow import engine
from agentflow.testing.fakes import Call
from agentflow.testing.world import Seen, Stuck, World, value_of

ENDED = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True)
class SimulatedStep:
    """A step as a reader sees it. ``note`` says why it was skipped, ``waiting_for`` what it waits for."""

    id: str
    node_id: str
    type: str
    status: str
    attempts: int
    output: Any
    error: str | None
    note: str | None
    waiting_for: str | None
    started_at: str | None = None
    finished_at: str | None = None


class SimulatedRun:
    """A run, and the clock that it lives by."""

    def __init__(self, world: World, run_id: str) -> None:
        self._world = world
        self._numbers = itertools.count(1)
        self.id = run_id

    @property
    def status(self) -> str:
        """``queued``, ``running``, ``succeeded``, ``failed`` or ``canceled``."""
        return self._seen.status

    @property
    def output(self) -> dict[str, Any] | None:
        """The outputs of the last nodes by id, once it succeeded."""
        return self._seen.output

    @property
    def error(self) -> str | None:
        """The code and the message of the error that it failed with."""
        error = self._seen.error
        return None if error is None else f"{error.code}: {error.message}"

    @property
    def steps(self) -> dict[str, SimulatedStep]:
        """Its steps by id: ``split``, of a mapped node also ``analyze[3]``, of a loop ``refine~2/draft``."""
        return {name: _step(view) for name, view in self._seen.steps.items()}

    @property
    def calls(self) -> list[Call]:
        """Every call of a fake, in order, also those of runs that it started."""
        return self._world.calls

    @property
    def children(self) -> "list[SimulatedRun]":
        """The runs that its steps started."""
        runs = self._world.runs.items()
        return [SimulatedRun(self._world, other) for other, seen in runs if seen.started_by == self.id]

    @property
    def waiting_for(self) -> set[str]:
        """The names of the signals that it and the runs that it started wait for."""
        texts = (one.waiting_for or "" for run in (self, *self.children) for one in run.steps.values())
        return {text.removeprefix("signal ") for text in texts if text.startswith("signal ")}

    @property
    def elapsed_s(self) -> float:
        """The seconds on the clock since the start."""
        return (self._world.now_ms - self._world.start_ms) / 1000

    def signal(self, name: str, value: Any = None, *, signal_id: str | None = None) -> None:
        """Send a signal, and let happen what is due now."""
        named = signal_id or f"{self.id}/signal-{next(self._numbers)}"
        payload = engine.inline(value)
        for run in (self, *self.children):
            if run is self or name in run.waiting_for:
                event = engine.SignalReceived(run_id=run.id, org_id="test", name=name, signal_id=named, payload=payload)
                self._world.add(event)
        self._world.play(self._world.now_ms)

    def cancel(self, reason: str = "") -> None:
        """Cancel it, and let happen what is due now."""
        self._world.add(engine.CancelRequested(run_id=self.id, org_id="test", reason=reason))
        self._world.play(self._world.now_ms)

    def advance(self, seconds: float) -> None:
        """Move the clock, and let happen what is due by then."""
        self._world.play(self._world.now_ms + round(seconds * 1000))

    def finish(self, signals: Mapping[str, Any] | None = None) -> None:
        """Skip all waiting until its end. ``signals`` are sent, once each, when the run waits for them.

        Raises ``Stuck`` when it waits for something else without an end.
        """
        left = dict(signals or {})
        try:
            self._world.skip(lambda: self._is_done(left))
        except Stuck as exc:
            waits = ", ".join(sorted(self.waiting_for))
            fix = f"it waits for the signal {waits}; give it in signals=, or send it" if waits else str(exc)
            raise Stuck(f"run {self.id} is {self.status} and will not end: {fix}") from exc
        self._world.play(self._world.now_ms)

    def assert_succeeded(self) -> None:
        """Assert that it succeeded; the message has its error."""
        _require(self.status == "succeeded", f"the run is {self.status}: {self.error}")

    def assert_called(self, name: str, *, times: int | None = None, **args: Any) -> list[Call]:
        """Assert that a tool, function, prompt or node was called, ``times`` times, with these among its arguments."""
        calls = self.calls_of(name)
        fitting = [call for call in calls if all(call.args.get(name) == value for name, value in args.items())]
        found = [dict(call.args) for call in calls]
        wanted = "at least once" if times is None else f"{times} times"
        is_right = bool(fitting) if times is None else len(fitting) == times
        _require(is_right, f"{name} should be called {wanted} with {args}, and was called with {found}")
        return fitting

    def assert_not_called(self, name: str) -> None:
        """Assert that a tool, function, prompt or node was never called."""
        found = [dict(call.args) for call in self.calls_of(name)]
        _require(not found, f"{name} should not be called, and was called with {found}")

    def assert_skipped(self, node_id: str) -> None:
        """Assert that a node was skipped."""
        step = self.steps.get(node_id)
        _require(step is not None and step.status == "skipped", f"{node_id} should be skipped, and is {step}")

    def calls_of(self, name: str) -> list[Call]:
        """Return the calls of a tool, a function, a prompt (with or without its version) or a node."""
        return [call for call in self.calls if name in (call.name, call.name.partition("@")[0], call.node_id)]

    def _is_done(self, left: dict[str, Any]) -> bool:
        for name in self.waiting_for & left.keys() if self._world.is_patient else ():
            self.signal(name, left.pop(name))
        return self.status in ENDED

    @property
    def _seen(self) -> Seen:
        return self._world.runs.get(self.id) or Seen()


def _step(view: Any) -> SimulatedStep:
    return SimulatedStep(
        id=view.step_id,
        node_id=view.node_id,
        type=view.kind,
        status=view.state,
        attempts=view.attempt,
        output=None if view.output is None else value_of(view.output),
        error=None if view.error is None else view.error.code,
        note=view.note,
        waiting_for=view.waiting_for,
        started_at=_time(view.started_at_ms),
        finished_at=_time(view.finished_at_ms),
    )


def _time(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
