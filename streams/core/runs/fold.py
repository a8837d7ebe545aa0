"""``RunFold``: the table ``runs``, folded from ``run-events``. Implements ``streams.core.state.Fold``."""

from collections.abc import Collection, Iterable, Mapping

from schemas.records.base import Json
from schemas.records.run_events import RunEvent, RunSubmitted
from schemas.records.timers import timer_id
from schemas.spec.model import ResolvedSpec
from schemas.tables.runs import PARENT, SPEC, SPEC_PREFIX, STATUS, STEP_PREFIX, spec_entity
from streams.core.commands import Arm, Command, Emit, ExpireAt
from streams.core.runs.events import admitted
from streams.core.runs.events.submitted import Submission, submission_is
from streams.core.runs.nodes import cap, compensation
from streams.core.runs.nodes.dispatch import fill_places
from streams.core.runs.nodes.kinds import kind_of
from streams.core.runs.nodes.run_end import KEEP_FINISHED_MS
from streams.core.runs.plan.compile import compile_plan
from streams.core.runs.rules import RULES, SUBMITTED
from streams.core.runs.state import entries
from streams.core.runs.state.changes import RunChanges, late, open_run
from streams.core.runs.state.entries import HEADER, PROGRESS
from streams.core.runs.state.reader import RunReader
from streams.core.runs.traces.run import late_spans, run_spans
from streams.core.runs.views.arm_outcome import new_outcomes, outcomes_again
from streams.core.runs.views.parent_result import answer
from streams.core.runs.views.run_view import changed_views, full_views
from streams.core.state import State


class RunFold:
    """The rules of a run. It holds nothing but settings; one instance serves every partition.

    ``chain_steps`` lets requests carry the steps that may follow them. It decides what is asked for, and nothing else:
    state and views are the same. ``keep_finished_ms`` is how long a finished run stays in the table.
    """

    def __init__(self, *, chain_steps: bool = False, keep_finished_ms: int = KEEP_FINISHED_MS) -> None:
        self._chain_steps = chain_steps
        self._keep_finished_ms = keep_finished_ms

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
        header = state.get(entity, HEADER)
        return () if header is None else (spec_entity(header.spec_hash),)

    def fold(self, state: State, event: RunEvent, now_ms: int, offset: int) -> list[Command]:
        """Apply one event.

        Raises ``NewerMajor`` for rules that it does not know, ``BadRecord`` for a submission that should not have
        been accepted, and ``ImpossibleMove`` when state and rules contradict each other.
        """
        if isinstance(event, RunSubmitted):
            return self._submitted(Submission(state, event, now_ms, offset, self._chain_steps))
        rules = RULES[type(event)]
        run = open_run(state, event.run_id, now_ms, offset, chain_steps=self._chain_steps)
        if run is None:
            return [rules.of_unknown(event)]
        if event.org_id != run.header.org_id and rules.checks_org:
            return [late("other_organisation")]
        rules.rows[rules.situation(run, event)](run, event)
        return self._close(state, run, event)

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return what a restored run waits for: its admission, open requests and timers, and its whole view."""
        if entity.startswith(SPEC_PREFIX):
            return []
        run = open_run(state, entity, now_ms, 0, chain_steps=self._chain_steps)
        if run is None:
            return []
        return [
            *_ask_again(state, run),
            *(Emit(view) for view in full_views(run, run.stored_version)),
            *cap.as_it_is(run),
            *self._at_end(state, run),
            *outcomes_again(state, run),
        ]

    def encode(self, entity: str, field: str, value: Json) -> bytes:
        """Return an entry's stored bytes."""
        return entries.encode(field, value)

    def decode(self, entity: str, field: str, data: bytes) -> Json:
        """Return the value of stored bytes."""
        if field == SPEC:
            return compile_plan(ResolvedSpec.model_validate_json(data))
        return entries.decode(field, data)

    def timer(self, entity: str, field: str, data: bytes) -> tuple[str, int] | None:
        """Return the timer of a step, or the run's own."""
        if field == PROGRESS:
            return entries.deadline(data)
        return entries.armed(data) if field.startswith(STEP_PREFIX) else None

    def hold(self, entity: str, field: str, data: bytes) -> None:
        """Return nothing: money is another table's."""

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Return whether a run's header is among them, which is written once; a spec has one entry."""
        return HEADER in fields or SPEC in fields

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return what tells a late or repeated event that a run is over.

        That is all of it where money may still come, or its parent may ask again.
        """
        steps = (data for name, data in fields.items() if name.startswith(STEP_PREFIX))
        if fields.get(STATUS) != b"succeeded" or PARENT in fields or any(entries.unsettled(data) for data in steps):
            return fields
        return [HEADER, STATUS]

    def _close(self, state: State, run: RunChanges, event: RunEvent) -> list[Command]:
        """Write what changed; return requests, views and span, then what belongs to the commit."""
        if run.plan.max_parallel is not None and run.status == "running":
            fill_places(run)
        if run.ended:
            compensation.begin(run)
        emitted: list[Command] = [Emit(record) for record in run.requests]
        if others := run.to_other_runs:
            emitted += [Emit(record) for record in others]
        emitted += [Emit(view) for view in changed_views(run)]
        emitted += cap.changes(run)
        emitted += new_outcomes(state, run, event)
        run.write()
        if run.ended:
            emitted += map(Emit, run_spans(run))
            emitted += _to_parent(run)
            if admitted.has_turns(state, run.header):
                emitted.append(admitted.give_back(run.header))
        elif run.is_over:
            emitted += map(Emit, late_spans(run))
            if run.paid_more:
                emitted += _to_parent(run)
        if run.is_over:
            run.commands += self._expiry(run)
        return emitted + run.commands

    def _at_end(self, state: State, run: RunReader) -> list[Command]:
        if not run.is_over:
            return []
        told = _to_parent(run)
        if admitted.has_turns(state, run.header):
            told.append(admitted.give_back(run.header))
        return [*map(Emit, run_spans(run)), *told, *self._expiry(run)]

    def _submitted(self, submission: Submission) -> list[Command]:
        done = SUBMITTED[submission_is(submission.state, submission.event)](submission)
        return done if isinstance(done, list) else self._close(submission.state, done, submission.event)

    def _expiry(self, run: RunReader) -> list[Command]:
        """Say again, with every write, when a finished run leaves: a late one must not make it stay.

        One that still compensates does not leave.
        """
        if not run.plan.apart:
            return [ExpireAt(run.run_id, (run.finished_at_ms or run.now_ms) + self._keep_finished_ms)]
        if compensation.is_open(run):
            return []
        ended_ms = max(run.finished_at_ms or run.now_ms, compensation.last_ms(run))
        return [ExpireAt(run.run_id, ended_ms + self._keep_finished_ms)]


def _to_parent(run: RunReader) -> list[Command]:
    said = answer(run)
    return [] if said is None else [Emit(said)]


def _ask_again(state: State, run: RunChanges) -> list[Command]:
    waits = run.status == "queued" and admitted.has_turns(state, run.header)
    armed: list[Command] = [admitted.ask(state, run.header)] if waits else []
    if run.deadline_ms is not None:
        armed.append(Arm(run.run_id, timer_id(entries.DEADLINE), run.deadline_ms))
    for step_id, step in run.steps():
        if step.timer is not None and step.due_ms is not None:
            armed.append(Arm(run.run_id, timer_id(step.timer), step.due_ms))
        if step.total is None:
            kind_of(run, step_id, step).outstanding(run, step_id, step)
    return [*(Emit(record) for record in run.requests), *(Emit(record) for record in run.to_other_runs), *armed]
