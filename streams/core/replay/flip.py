"""Would a failed run have ended well without what happened at one of its steps? It is folded again to find out.

The run is folded from its submission. Each request is answered by what the log has for it: by the run's own outcome
where the request is the recorded one, else by the outcome of an equal request of a healthy run of the same workflow, or
by calling the function again. The step in question is answered with the output that it had in a healthy run. Nothing
is guessed: a request that no record answers stays open, and what depends on it is not known.

The same fold without the change must fail as the recorded run did; else the replay proves nothing.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import structs

from schemas.errors import StepError
from schemas.payload import Inline
from schemas.records.base import ErrorInfo, Usage
from schemas.records.run_events import (
    RunAdmitted,
    RunEvent,
    RunSubmitted,
    SignalReceived,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.steps import FunctionCall, StepRequest
from schemas.records.timers import Deadline, Timer
from schemas.run_states import TERMINAL_RUN
from streams.core.commands import Arm, Disarm, Emit
from streams.core.replay.answers import Known, Outcome, child_key, key_of, known_of
from streams.core.replay.effects import Bind, CallFunction, NotHere, inline_args, no_functions
from streams.core.replay.records import Recorded, chained
from streams.core.replay.session import Decided, Session

Verdict = Literal["flips", "stays", "unknown"]
#: A run that needs more is not replayed to its end.
MOST_EVENTS = 20_000
#: Errors that time brings about: a replay has no time of its own.
_TIMED = frozenset({"deadline_exceeded", "signal_timeout", "timeout"})
_TIMERS: msgspec.json.Decoder[Timer] = msgspec.json.Decoder(Timer)


class Flip(NamedTuple):
    """Whether a run's failure goes away with another outcome of a step: it does, it does not, or nobody knows.

    ``reason`` says why, in words. ``status`` is how the replay ended, and ``open`` are steps without an answer.
    """

    verdict: Verdict
    reason: str
    status: str = ""
    open: tuple[str, ...] = ()


async def flipped(
    failed: Sequence[Recorded],
    healthy: Sequence[Sequence[Recorded]],
    step_id: str,
    *,
    bind: Bind = inline_args,
    call: CallFunction = no_functions,
) -> Flip:
    """Return whether a failed run ends well when ``step_id`` does as in a healthy run of its workflow."""
    submitted = next((one.event for one in failed if isinstance(one.event, RunSubmitted)), None)
    if submitted is None:
        return Flip("unknown", "the log has not all records of the run")
    end = _end(Session(submitted.run_id, chain_steps=chained(failed)), failed)
    if end is None or end.code in _TIMED:
        return Flip(
            "unknown", "it did not fail" if end is None else f"{end.code} depends on time, which a replay has not"
        )
    known = known_of(failed, healthy)
    same = _Play(failed, known, "", bind, call)
    await same.run()
    again = _error_of(same.session)
    if again is None or (again.code, again.step_id) != (end.code, end.step_id):
        how = "does not end" if again is None else f"fails with {again.code}"
        return Flip("unknown", f"the replay without a change {how}", same.status, tuple(same.unanswered))
    other = _Play(failed, known, step_id, bind, call)
    await other.run()
    return _judged(other, end, step_id)


def _judged(play: "_Play", end: ErrorInfo, step_id: str) -> Flip:
    status, open_ = play.status, tuple(play.unanswered)
    if not play.changed:
        return Flip("unknown", f"no healthy run has an output of {step_id}", status, open_)
    found = _error_of(play.session)
    if status == "succeeded":
        return Flip("flips", "the run succeeds", status)
    if found is not None and (found.code, found.step_id) == (end.code, end.step_id):
        return Flip("stays", f"it fails with {found.code} all the same", status, open_)
    if found is not None:
        return Flip("stays", f"it fails with {found.code} instead", status, open_)
    symptom = end.step_id and play.session.steps.get(end.step_id)
    if symptom and symptom.state == "succeeded" and end.step_id != step_id:
        return Flip("flips", f"{end.step_id} succeeds; no record answers what follows", status, open_)
    return Flip(
        "unknown", f"no record answers {', '.join(open_[:3])}" if open_ else "the replay does not end", status, open_
    )


class _Play:
    """One fold of a run whose requests are answered by records. ``changed``: the step had another outcome."""

    def __init__(self, failed: Sequence[Recorded], known: Known, step_id: str, bind: Bind, call: CallFunction) -> None:
        first = next(one for one in failed if isinstance(one.event, RunSubmitted))
        assert isinstance(first.event, RunSubmitted)
        self.session = Session(first.event.run_id)
        self.changed = False
        self.unanswered: dict[str, None] = {}
        self._org_id = first.event.org_id
        self._known, self._step_id, self._bind, self._call = known, step_id, bind, call
        self._events: deque[RunEvent] = deque([first.event])
        admitted = next((one.event for one in failed if isinstance(one.event, RunAdmitted)), None)
        if admitted is not None:
            self._events.append(admitted)
        self._signals = deque(one.event for one in failed if isinstance(one.event, SignalReceived))
        self._timers: dict[str, int] = {}
        self._offset, self._now_ms = 0, first.at_ms

    @property
    def status(self) -> str:
        """How the run stands."""
        return "" if self.session.view is None else self.session.view.status

    async def run(self) -> None:
        """Fold until the run ends, or no record answers what is open."""
        for _ in range(MOST_EVENTS):
            event = self._next()
            if event is None or self.status in TERMINAL_RUN:
                return
            self._offset += 1
            for decided in self.session.feed(Recorded(self._offset, self._now_ms, event)):
                await self._taken(decided)

    def _next(self) -> RunEvent | None:
        if self._events:
            return self._events.popleft()
        if self._signals:
            return self._signals.popleft()
        due = [(at, id_) for id_, at in self._timers.items() if not isinstance(_TIMERS.decode(id_), Deadline)]
        if not due or self.unanswered:
            return None
        at, id_ = min(due)
        del self._timers[id_]
        self._now_ms = max(self._now_ms, at)
        return TimerFired(run_id=self.session.run_id, org_id=self._org_id, timer=_TIMERS.decode(id_), due_ms=at)

    async def _taken(self, decided: Decided) -> None:
        for command in decided.commands:
            match command:
                case Arm(entity, id_, due_ms) if entity == self.session.run_id:
                    self._timers[id_] = due_ms
                case Disarm(entity, id_) if entity == self.session.run_id:
                    self._timers.pop(id_, None)
                case Emit(StepRequest() as request):
                    await self._asked(request)
                case Emit(RunSubmitted() as child):
                    self._started(child)
                case _:
                    pass

    async def _asked(self, request: StepRequest) -> None:
        found = await self._answer(request)
        if found is None:
            self.unanswered[request.step_id] = None
            return
        self._events.append(
            structs.replace(
                found,
                run_id=request.run_id,
                org_id=request.org_id,
                step_id=request.step_id,
                attempt=request.attempt,
                chain=None,
                args_hash="",
            )
        )

    async def _answer(self, request: StepRequest) -> Outcome | None:
        if self._is_it(request.step_id):
            found = self._known.steps.get(request.step_id)
            self.changed |= found is not None
            return found
        key = key_of(request)
        own = self._known.own.get((request.step_id, request.attempt))
        if own is not None and own[0] == key:
            return own[1]
        return self._known.equal.get(key) or await self._called(request)

    def _is_it(self, step_id: str) -> bool:
        """Return whether a step is the one in question, or a part of it: a child of a map, a turn of an agent."""
        of = self._step_id
        return bool(of) and (step_id == of or step_id.startswith((f"{of}[", f"{of}/")))

    async def _called(self, request: StepRequest) -> Outcome | None:
        if not isinstance(request.work, FunctionCall):
            return None
        common: dict[str, Any] = {
            "run_id": request.run_id,
            "org_id": request.org_id,
            "step_id": request.step_id,
            "attempt": request.attempt,
            "started_at_ms": self._now_ms,
            "finished_at_ms": self._now_ms,
            "usage": Usage(),
        }
        try:
            return StepSucceeded(**common, output=Inline(value=await self._call(request, await self._bind(request))))
        except NotHere:
            return None
        except StepError as exc:
            return StepFailed(**common, error=ErrorInfo(code=exc.code, message=str(exc), step_id=request.step_id))
        except Exception as exc:  # noqa: BLE001 - a function is user code, and what it raises is what it did
            return StepFailed(**common, error=ErrorInfo(code="exception", message=str(exc), step_id=request.step_id))

    def _started(self, child: RunSubmitted) -> None:
        if child.parent is None or child.parent.detached:
            return
        step_id, key = child.parent.step_id, child_key(child)
        own, healthy = self._known.children.get(step_id), self._known.healthy_children.get(step_id)
        found = None
        if self._is_it(step_id):
            found = healthy and healthy[1]
            self.changed |= found is not None
        elif own is not None and own[0] == key:
            found = own[1]
        elif healthy is not None and healthy[0] == key:
            found = healthy[1]
        if found is None:
            self.unanswered[step_id] = None
            return
        self._events.append(
            structs.replace(
                found,
                run_id=child.parent.run_id,
                org_id=child.org_id,
                attempt=child.parent.attempt,
                child_run_id=child.run_id,
            )
        )


def _end(session: Session, records: Sequence[Recorded]) -> ErrorInfo | None:
    session.run(records)
    return _error_of(session)


def _error_of(session: Session) -> ErrorInfo | None:
    view = session.view
    return view.error if view is not None and view.status == "failed" else None
