"""A submission: the run's first entries, and the plan that it shares with other runs of its spec."""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import BadRecord, NewerMajor
from schemas.ids import started_by
from schemas.metrics import SUBMISSION_CONFLICTS_TOTAL
from schemas.privacy.sealed import is_sealed
from schemas.records.parents import Parent
from schemas.records.run_events import RunSubmitted
from schemas.spec.hash import is_whole
from schemas.spec.rules_version import ARMS as RULES_OF_ARMS
from schemas.spec.rules_version import FLOW as RULES_OF_FLOW
from schemas.spec.rules_version import LABELS as RULES_OF_LABELS
from schemas.spec.rules_version import NEWEST
from schemas.spec.rules_version import SEALED as RULES_OF_SEALED
from schemas.tables.runs import (
    ARMS,
    BOUNDS,
    CAPS,
    INPUTS,
    PARENT,
    REUSED,
    SECURITY,
    SPEC,
    STORED_INPUTS,
    spec_entity,
)
from streams.core.commands import Command, Count, Emit
from streams.core.runs.events.admitted import queue_run
from streams.core.runs.labels.pinned import Pinned
from streams.core.runs.nodes.dispatch import start
from streams.core.runs.nodes.reuse import reuse
from streams.core.runs.plan.compile import compile_plan
from streams.core.runs.plan.model import Plan
from streams.core.runs.requests.sizes import KIB, LABELS_LIMIT, json_size
from streams.core.runs.state.changes import RunChanges, open_run
from streams.core.runs.state.entries import DEADLINE, HEADER, Header, Progress
from streams.core.runs.views.parent_result import answer
from streams.core.state import State

SubmissionIs = Literal["new", "repeated", "conflict"]


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission, and the table that it comes to."""

    state: State
    event: RunSubmitted
    now_ms: int
    offset: int
    chain_steps: bool


def submission_is(state: State, event: RunSubmitted) -> SubmissionIs:
    """Return whether a run is known; then whether the submission says the same."""
    header = state.get(event.run_id, HEADER)
    if header is None:
        return "new"
    return "repeated" if header.body_hash == event.body_hash and header.org_id == event.org_id else "conflict"


def conflict(_submission: Submission) -> list[Command]:
    """Count a submission that gives a run's id to another run."""
    return [Count(SUBMISSION_CONFLICTS_TOTAL)]


def repeated(submission: Submission) -> list[Command]:
    """Tell the end of a run once more to a parent that asks for it once more; else do nothing."""
    event = submission.event
    if event.parent is None:
        return []
    run = open_run(submission.state, event.run_id, submission.now_ms, submission.offset)
    said = None if run is None or not run.is_over else answer(run)
    return [] if said is None else [Emit(said)]


def submit(submission: Submission) -> RunChanges:
    """Return a new run, started unless it has to wait for its admission. Raises ``NewerMajor`` and ``BadRecord``."""
    state, event, now_ms, offset = submission.state, submission.event, submission.now_ms, submission.offset
    if event.rules_version > NEWEST:
        raise NewerMajor(f"rules {event.rules_version}", f"rules {NEWEST}")
    if json_size([event.tags, event.source, event.submission_id, event.workflow_name]) > LABELS_LIMIT:
        raise BadRecord("too_large", f"tags and names of a run have over {LABELS_LIMIT // KIB} KiB together")
    header = _header(event)
    plan = _plan(state, event)
    if event.rules_version < plan.rules_version:
        raise BadRecord(
            "rules_version",
            f"run {event.run_id} asks for rules {event.rules_version} and its workflow needs {plan.rules_version}; "
            "submit it with schemas.spec.rules_version.rules_of(spec, prompts)",
        )
    _keep(state, event)
    run = RunChanges(
        state,
        header,
        plan,
        status="queued",
        progress=Progress(offset),
        now_ms=now_ms,
        offset=offset,
        chain_steps=submission.chain_steps,
    )
    run.is_new = True
    if event.reuse:
        state.put(event.run_id, REUSED, tuple(event.reuse))
        reuse(run, event.reuse)
    _set_deadline(run, event)
    if event.turns or event.flow is not None:
        queue_run(run, state, limited=event.turns, flow=event.flow)
    else:
        start(run)
    return run


def _keep(state: State, event: RunSubmitted) -> None:
    """Write what the submission says of the run besides its header."""
    state.put(event.run_id, INPUTS, event.inputs)
    if event.stored_inputs:
        state.put(event.run_id, STORED_INPUTS, event.stored_inputs)
    if event.parent is not None:
        _set_parent(state, event, event.parent)
    if event.caps:
        state.put(event.run_id, CAPS, event.caps)
    if event.bounds and event.budget_nano is not None:
        state.put(event.run_id, BOUNDS, event.bounds)
    if event.rollouts:
        _check_arms(event)
        state.put(event.run_id, ARMS, tuple(event.rollouts))
    if event.security is not None:
        _check_rules(event, "has labels", RULES_OF_LABELS)
        state.put(event.run_id, SECURITY, Pinned.of(event.security))
    if event.subject:
        _check_sealed(event)
    if event.flow is not None:
        _check_rules(event, "passes gates of flow control", RULES_OF_FLOW)


def _check_arms(event: RunSubmitted) -> None:
    """Raise ``BadRecord`` for arms that older rules would lose, or whose versions the spec has not."""
    _check_rules(event, "has arms of rollouts", RULES_OF_ARMS)
    pinned = [event.spec.prompts, *(one.prompts for one in event.spec.children.values())]
    for arm in event.rollouts:
        own = [prompts[arm.ref].version for prompts in pinned if arm.ref in prompts]
        if not own or any(version != arm.version for version in own):
            raise BadRecord("rollouts", f"the spec of run {event.run_id} does not pin {arm.ref} to {arm.version}")


def _check_sealed(event: RunSubmitted) -> None:
    """Raise ``BadRecord`` for a run of a data subject with an input in clear: it would be in the log for good."""
    _check_rules(event, "has a data subject", RULES_OF_SEALED)
    # What the document itself gives to another run is no data of a person.
    if event.parent is None and any(not is_sealed(event.stored_inputs.get(name)) for name in event.inputs):
        raise BadRecord("subject", f"run {event.run_id} has a data subject, and an input that is not sealed")


def _check_rules(event: RunSubmitted, what: str, needs: int) -> None:
    if event.rules_version < needs:
        raise BadRecord("rules_version", f"run {event.run_id} {what}; submit it with rules_version {needs}")


def _set_parent(state: State, event: RunSubmitted, parent: Parent) -> None:
    if started_by(event.source) != parent.run_id:
        said = f"run {event.run_id} names run {parent.run_id} as its parent and {event.source!r} as its source"
        raise BadRecord("bad_parent", said)
    state.put(event.run_id, PARENT, parent)


def _set_deadline(run: RunChanges, event: RunSubmitted) -> None:
    """Arm the run's own timer, if it has one: the workflow's or the submission's, whichever is sooner."""
    given = [limit for limit in (run.plan.deadline_ms, event.deadline_ms) if limit is not None]
    if given:
        run.deadline_ms = event.submitted_at_ms + min(given)
        run.arm(DEADLINE, run.deadline_ms)


def _plan(state: State, event: RunSubmitted) -> Plan:
    """Return the stored plan, or store it. The hash is proved first: other runs will trust it."""
    spec = event.spec
    entity = spec_entity(spec.hash)
    plan: Plan | None = state.get(entity, SPEC)
    if plan is None:
        if not is_whole(spec):
            raise BadRecord("spec_hash", f"the spec of run {event.run_id} has another hash than it says")
        plan = compile_plan(spec)
        state.put(entity, SPEC, plan)
    return plan


def _header(event: RunSubmitted) -> Header:
    return Header(
        run_id=event.run_id,
        org_id=event.org_id,
        source=event.source,
        submission_id=event.submission_id,
        body_hash=event.body_hash,
        workflow_name=event.workflow_name,
        workflow_version=event.workflow_version,
        spec_hash=event.spec.hash,
        tags=event.tags,
        budget_nano=event.budget_nano,
        capture=event.capture,
        submitted_at_ms=event.submitted_at_ms,
        traceparent=event.traceparent,
        rules_version=event.rules_version,
        tracestate=event.tracestate,
        subject=event.subject,
    )
