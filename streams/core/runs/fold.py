"""``RunFold``: the table ``runs``, folded from ``run-events``. Implements ``streams.core.state.Fold``."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from schemas.records.base import Json
from schemas.records.run_events import (
    CancelRequested,
    RunEvent,
    RunSubmitted,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from streams.core.commands import Arm, Command, Emit, ExpireAt
from streams.core.runs import entries
from streams.core.runs.entries import HEADER, PROGRESS, SPEC_PREFIX, Header, Progress, spec_entity
from streams.core.runs.finish import KEEP_FINISHED_MS, run_span
from streams.core.runs.outcomes import cancel_requested, step_deferred, step_failed, step_succeeded, timer_fired
from streams.core.runs.requests import request
from streams.core.runs.submit import repeated, submit
from streams.core.runs.turn import Turn, late, open_turn
from streams.core.runs.views import changed_views, full_views
from streams.core.state import State

_RULES: Mapping[type, Callable[[Turn, Any], None]] = {
    StepSucceeded: step_succeeded,
    StepFailed: step_failed,
    StepDeferred: step_deferred,
    TimerFired: timer_fired,
    CancelRequested: cancel_requested,
}


class RunFold:
    """The rules of a run. It holds nothing; one instance serves every partition."""

    def touches(self, event: RunEvent) -> tuple[str, ...]:
        """Return the run and, for a submission, its spec."""
        if isinstance(event, RunSubmitted):
            return event.run_id, spec_entity(event.spec.hash)
        return (event.run_id,)

    def follows(self, state: State, event: RunEvent) -> tuple[str, ...]:
        """Return the spec that the run's header names."""
        return self.beside(state, event.run_id)

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Return what must be loaded beside an entity before ``outstanding`` is asked for it."""
        header = cast("Header | None", state.get(entity, HEADER))
        return () if header is None else (spec_entity(header.spec_hash),)

    def fold(self, state: State, event: RunEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply one event.

        Raises ``NewerMajor`` for rules that it does not know, ``BadRecord`` for a submission that should not have
        been accepted, and ``ImpossibleMove`` when state and rules contradict each other.
        """
        if isinstance(event, RunSubmitted):
            known = repeated(state, event)
            return _close(submit(state, event, now_ms, offset)) if known is None else known
        turn = open_turn(state, event.run_id, now_ms, offset)
        if turn is None:
            return [late("unknown_run")]
        # The engine makes timers and knows no organisation; everybody else must name the run's own.
        if event.org_id != turn.header.org_id and not isinstance(event, TimerFired):
            return [late("other_organisation")]
        _RULES[type(event)](turn, event)
        return _close(turn)

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return what a restored run waits for: its open requests and timers, and its view as a whole."""
        if entity.startswith(SPEC_PREFIX):
            return []
        turn = open_turn(state, entity, now_ms, 0)
        if turn is None:
            return []
        version = cast("Progress", state.get(entity, PROGRESS)).version
        return [*_ask_again(turn), *(Emit(view) for view in full_views(turn, version)), *_at_end(turn)]

    def encode(self, entity: str, field: str, value: Json) -> bytes:
        """Return an entry's stored bytes."""
        return entries.encode(field, value)

    def decode(self, entity: str, field: str, data: bytes) -> Json:
        """Return the value of stored bytes."""
        return entries.decode(field, data)


def _close(turn: Turn) -> list[Command]:
    """Write what changed; return requests, views and span, then what belongs to the commit."""
    emitted: list[Command] = [Emit(record) for record in turn.requests]
    emitted += [Emit(view) for view in changed_views(turn)]
    turn.write()
    if turn.ended:
        emitted.append(Emit(run_span(turn)))
    if turn.is_over:
        turn.commands.append(_expiry(turn))
    return emitted + turn.commands


def _expiry(turn: Turn) -> ExpireAt:
    """Say again, with every write, when a finished run leaves: a late one must not make it stay."""
    return ExpireAt(turn.run_id, (turn.finished_at_ms or turn.now_ms) + KEEP_FINISHED_MS)


def _ask_again(turn: Turn) -> list[Command]:
    armed: list[Command] = []
    for step_id, step in turn.steps():
        if step.timer is not None and step.due_ms is not None:
            armed.append(Arm(turn.run_id, step.timer, step.due_ms))
        if step.state == "running" and step.total is None:
            request(turn, step_id, step)
    return [*(Emit(record) for record in turn.requests), *armed]


def _at_end(turn: Turn) -> list[Command]:
    return [Emit(run_span(turn)), _expiry(turn)] if turn.is_over else []
