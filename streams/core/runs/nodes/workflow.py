"""Nodes of type ``workflow``: a step that starts a run of another workflow, and waits for its end or not.

1. The step is ``waiting`` from its beginning, for ``child <run id>``. That id follows from run, step and attempt, so
   whoever asks for the run once more asks for the same one; a repeat of what has ended is told its end again.
2. The run has what is left of this run's cap, or the node's own if that is less, and, when it is waited for, no more
   time than this run. Tags, capture and organisation are the same; its trace names the step.
3. An awaited run's end comes as ``ChildFinished``. Success is the step's output; failure and cancel fail the attempt,
   which may be tried again if the other run's failure may: that is another run. What it did cost counts once, in
   ``children_nano``, also when nobody waits for it any more.
4. What no longer waits (canceled, failed, timed out) tells the other run to end. A detached one goes on.
5. A detached run's step has its output at once, and a timer that is due at once ends it: the run is surely in the log
   when that timer is.
"""

from dataclasses import dataclass
from typing import Any

from msgspec import structs

from schemas.errors import BadRecord
from schemas.ids import canonical_hash, child_run_id, child_source, traceparent
from schemas.money import from_cents
from schemas.payload import Payload, Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.parents import Parent
from schemas.records.rollouts.arms import RunArm
from schemas.records.run_events import CancelRequested, ChildFinished, RunSubmitted
from schemas.records.steps import Link
from schemas.records.timers import Backstop, Detached, Retry
from schemas.spec.inputs.required_inputs import required_of
from schemas.spec.model import ResolvedSpec, WorkflowNode
from schemas.spec.nested import child_spec, pinned_key
from schemas.spec.rules_version import ARMS as RULES_OF_ARMS
from schemas.spec.rules_version import FIRST, rules_of
from schemas.spec.rules_version import LABELS as RULES_OF_LABELS
from schemas.spec.rules_version import OUTCOMES as RULES_OF_OUTCOMES
from schemas.spec.rules_version import SEALED as RULES_OF_SEALED
from schemas.spec.text.document import resolved_bytes
from schemas.values.strict_schemas import broken_keywords
from streams.core.runs.labels.requests import of_child
from streams.core.runs.labels.steps import also_read, least_trusted
from streams.core.runs.nodes.kind import NO_TIMER, Compiled, Compiling, Ended, KindRules
from streams.core.runs.nodes.worker_step import count_retry, gone
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.binding import bind_args, open_items
from streams.core.runs.requests.reserve import allowance_nano
from streams.core.runs.requests.sizes import (
    FIXED,
    INPUTS_LIMIT,
    KIB,
    LABELS_LIMIT,
    OUTPUT_LIMIT,
    RECORD_LIMIT,
    json_size,
    payload_size,
    too_large,
    trimmed,
)
from streams.core.runs.requests.step_request import asked_again, node_scope
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader
from streams.core.runs.transitions import ImpossibleMove

_WAITS = "child "


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a run of another workflow is made of: its definition, the inputs and the number of the rules that it needs,
    and the bytes of the definition as JSON. Nodes that run the same one share it."""

    resolved: ResolvedSpec
    required: frozenset[str]
    rules_version: int
    size: int


@dataclass(frozen=True, slots=True)
class Child:
    """A run of another workflow. ``only_inputs``: its inputs are what the node's ``inputs`` say and nothing else."""

    spec: ChildSpec
    detach: bool
    max_cost_nano: int | None
    only_inputs: bool


def compile_workflow(node: WorkflowNode, compiling: Compiling) -> Compiled:
    """Return a run of another workflow. Raises ``BadRecord`` for one that is not pinned."""
    config = node.config
    try:
        key = pinned_key(config, compiling.resolved.pins)
        spec = compiling.once(f"workflow {key}", lambda: _child_spec(child_spec(compiling.resolved, key)))
    except KeyError as exc:
        raise BadRecord("bad_spec", f"node '{node.id}' runs workflow {exc}, which is not pinned") from exc
    cap = None if config.max_cost_cents is None else from_cents(config.max_cost_cents)
    return Compiled(own=Child(spec, config.detach, cap, config.inputs is not None), takes_inputs=True)


def _child_spec(resolved: ResolvedSpec) -> ChildSpec:
    rules = rules_of(resolved.spec, resolved.prompts.values())
    return ChildSpec(resolved, required_of(resolved), rules, len(resolved_bytes(resolved)))


def start(run: RunChanges, node: PlanNode, step_id: str, step: Step, item: Datum | None) -> Step:
    """Ask for the run of a step's current attempt; return how the step waits. Raises ``BindingError``."""
    submission = _submission(run, node, step_id, step, item)
    child_id = submission.run_id
    run.start_run(submission)
    waits: dict[str, Any] = {"state": "waiting", "waiting_for": f"{_WAITS}{child_id}"}
    if _child(node).detach:
        output, timer = inline({"run_id": child_id}), Detached(step_id, step.attempt)
        return structs.replace(step, value=output, timer=timer, due_ms=run.now_ms, **waits)
    limit = node.policy.timeout_ms
    timer_ = None if limit is None else Backstop(step_id, step.attempt)
    return structs.replace(step, timer=timer_, due_ms=None if limit is None else run.now_ms + limit, **waits)


def start_again(run: RunChanges, step_id: str, step: Step) -> None:
    """Start another run, as the next attempt of a step."""
    count_retry(run, step)
    asked = structs.replace(step, attempt=step.attempt + 1, requested_at_ms=run.now_ms)
    begun = start(run, run.node_of(step), step_id, asked, None)
    waits = {name: getattr(begun, name) for name in ("waiting_for", "timer", "due_ms", "value")}
    run.change(step_id, step, state="waiting", attempt=asked.attempt, **waits, **asked_again(run, step))
    if begun.timer is not None and begun.due_ms is not None:
        run.arm(begun.timer, begun.due_ms)


def end_of_detached(_turn: RunChanges, step_id: str, step: Step) -> Ended:
    """End a step that does not wait for its run: that is in the log by now."""
    if step.output is None:
        raise ImpossibleMove(f"step '{step_id}' does not wait for its run, and has no output")
    return Ended(step_id, output=step.output)


def time_out(run: RunChanges, step_id: str, step: Step) -> Ended:
    """Tell a run that takes too long to end. Its cost may still come."""
    give_up(run, step_id, step)
    message = f"the run that attempt {step.attempt} started was not done in "
    message += f"{run.node_of(step).policy.timeout_ms} ms; it is canceled"
    error = ErrorInfo(code="timeout", message=message, retryable=True, step_id=step_id)
    return Ended(step_id, error=error, changes=gone(run, step))


def child_ended(run: RunChanges, step_id: str, step: Step, event: ChildFinished) -> Ended:
    """End the attempt that waited for a run."""
    error = why_failed(event, run.node_of(step))
    if error is None and (size := payload_size(event.output)) > OUTPUT_LIMIT:
        error = too_large(step_id, size)
    if error is None:
        return Ended(step_id, output=_said(run, event), changes=_read(run, step, event))
    return Ended(step_id, error=trimmed(error, step_id), changes=_read(run, step, event))


def ask(run: RunChanges, step_id: str, step: Step) -> None:
    """Ask once more for the run that a step waits for, and for the ends of those that it gave up."""
    node = run.node_of(step)
    if awaits(node, step):
        start(run, node, step_id, step, None)
    for attempt in step.unsettled:
        run.end_run(_cancel(run, step_id, attempt))


def awaits(node: PlanNode, step: Step) -> bool:
    """Return whether the run that a step's current attempt started is open, as far as is known."""
    waits = step.state == "waiting" and step.waiting_for is not None and step.waiting_for.startswith(_WAITS)
    return waits and isinstance(node.own, Child)


def give_up(run: RunChanges, step_id: str, step: Step) -> bool:
    """Tell the run that a step waits for to end; return whether its cost may still come.

    One that this very event requested never starts, and a detached one continues.
    """
    node = run.node_of(step)
    if not awaits(node, step):
        return False
    if run.withdraw_run(child_run_id(run.run_id, step_id, step.attempt)) or _child(node).detach:
        return False
    run.end_run(_cancel(run, step_id, step.attempt))
    return True


def run_of(run: RunReader, step_id: str, step: Step) -> str | None:
    """Return the run that a step's last attempt started, if it is a step that starts runs."""
    starts = isinstance(run.node_of(step).own, Child) and step.total is None and step.gather is None
    return child_run_id(run.run_id, step_id, step.attempt) if starts and step.attempt else None


def is_of(run: RunReader, event: ChildFinished, step: Step) -> bool:
    """Return whether an event is of a run that a step started."""
    started = isinstance(run.node_of(step).own, Child) and step.total is None
    return started and event.child_run_id == child_run_id(run.run_id, event.step_id, event.attempt)


def why_failed(event: ChildFinished, node: PlanNode) -> ErrorInfo | None:
    """Return the error of a step whose run has ended so, ``None`` when it succeeded."""
    what = f"run {event.child_run_id} of workflow '{_child(node).spec.resolved.spec.name}'"
    error = event.error
    if event.status == "succeeded":
        return None if error is None else structs.replace(error, step_id=event.step_id)
    said = "" if error is None else f": {error.message}" if event.status == "canceled" else f": {_told(error)}"
    return ErrorInfo(
        code="child_canceled" if event.status == "canceled" else "child_failed",
        message=f"{what} {'was ' * (event.status == 'canceled')}{event.status}{said}",
        retryable=event.status == "failed" and error is not None and error.retryable,
        step_id=event.step_id,
        details={"child_run_id": event.child_run_id} | ({} if error is None else {"child_error_code": error.code}),
    )


def _read(run: RunReader, step: Step, event: ChildFinished) -> dict[str, Any] | None:
    """Return the fields of a step whose run has ended: with labels, that of how it ended is what it has read."""
    if run.security is None:
        return None
    return {"finished_at_ms": run.now_ms, **NO_TIMER, "read": also_read(step, event.label)}


def _said(run: RunReader, event: ChildFinished) -> Payload:
    """Return a run's output; one that comes without labels to a run that has some is trusted least."""
    output = event.output or inline(None)
    return output if run.security is None or output.labels else least_trusted(output)


def _child(node: PlanNode) -> Child:
    return node.data(Child)


def _told(error: ErrorInfo) -> str:
    where = "" if error.step_id is None else f" in {error.step_id}"
    return f"{error.code}{where}: {error.message}"


def _cancel(run: RunReader, step_id: str, attempt: int) -> CancelRequested:
    return CancelRequested(
        run_id=child_run_id(run.run_id, step_id, attempt),
        org_id=run.header.org_id,
        reason="it is not waited for any more",
        requested_by=f"parent run {run.run_id}",
    )


def _submission(run: RunReader, node: PlanNode, step_id: str, step: Step, item: Datum | None) -> RunSubmitted:
    child, header, child_id = _child(node), run.header, child_run_id(run.run_id, step_id, step.attempt)
    inputs, stored = _inputs(run, node, step_id, step, item)
    resolved = child.spec.resolved
    asked_ms = step.requested_at_ms or run.now_ms
    caps = (allowance_nano(run, node), child.max_cost_nano)
    ends_ms = None if child.detach else run.deadline_ms
    arms = _arms(run, resolved)
    return RunSubmitted(
        run_id=child_id,
        org_id=header.org_id,
        source=child_source(run.run_id),
        submission_id=f"{step_id}:{step.attempt}",
        body_hash=canonical_hash([child_id, resolved.hash, inputs, {name: one.sha256 for name, one in stored.items()}]),
        workflow_name=resolved.spec.name,
        workflow_version=resolved.spec.version,
        spec=resolved,
        inputs=inputs,
        stored_inputs=stored,
        tags=header.tags,
        budget_nano=min((cap for cap in caps if cap is not None), default=None),
        caps=run.caps,
        capture=header.capture,
        submitted_at_ms=asked_ms,
        traceparent=traceparent(run.run_id, step_id, step.attempt),
        tracestate=header.tracestate,
        rules_version=_rules(run, child, arms),
        deadline_ms=None if ends_ms is None else max(1, ends_ms - asked_ms),
        parent=Parent(run_id=run.run_id, step_id=step_id, attempt=step.attempt, detached=child.detach),
        rollouts=arms,
        security=None if run.security is None else of_child(run, run.security, step_id, step),
        subject=header.subject,
    )


def _rules(run: RunReader, child: Child, arms: list[RunArm]) -> int:
    of_labels = RULES_OF_LABELS if run.security is not None else FIRST
    of_sealed = RULES_OF_SEALED if run.header.subject else FIRST
    of_outcomes = RULES_OF_OUTCOMES if run.header.rules_version >= RULES_OF_OUTCOMES else FIRST
    return max(child.spec.rules_version, RULES_OF_ARMS if arms else FIRST, of_labels, of_sealed, of_outcomes)


def _arms(run: RunReader, resolved: ResolvedSpec) -> list[RunArm]:
    """Return this run's arms of the prompts that another run has: their exposure is that of the run at the top."""
    if not run.arms:
        return []
    refs = {ref for one in (resolved, *resolved.children.values()) for ref in one.prompts}
    return [structs.replace(arm, run_id=arm.run_id or run.run_id) for arm in run.arms if arm.ref in refs]


def _inputs(
    run: RunReader, node: PlanNode, step_id: str, step: Step, item: Datum | None
) -> tuple[dict[str, Any], dict[str, Reference]]:
    """Return the other run's inputs, which are as those of any run, and where the stored ones are.

    Raises ``BindingError``.
    """
    child = _child(node)
    if step.index is not None and item is None:
        item = open_items(node, node_scope(run, node, step)).at(step.index)
    inputs, links = bind_args(node, node_scope(run, node, step, item))
    if child.only_inputs:
        inputs = {name: value for name, value in inputs.items() if name in node.arg_names}
    stored = _stored([link for link in links if link.at[0] in inputs], child)
    name = child.spec.resolved.spec.name
    if missing := sorted(child.spec.required - inputs.keys()):
        said = ", ".join(missing)
        raise BindingError("input_missing", f"workflow '{name}' needs {said}; give it in `inputs` of '{node.id}'")
    _check_size(run, step_id, step, child, json_size([inputs, stored]))
    _check_schema(node, child, inputs, stored)
    return inputs, stored


def _check_schema(node: PlanNode, child: Child, inputs: dict[str, Any], stored: dict[str, Reference]) -> None:
    """Raise ``BindingError`` for inputs that break the schema of the other workflow, as its door would."""
    spec = child.spec.resolved.spec
    if spec.input_schema is None:
        return
    broken = list(broken_keywords(spec.input_schema, inputs))
    if stored:
        # Nobody reads them here, and what cannot be checked does not pass.
        broken = [f"{', '.join(sorted(stored))}: stored outside of its record (over 64 KiB), so it cannot be checked"]
    if broken:
        said = "; ".join(broken)
        raise BindingError("bad_input", f"the inputs of workflow '{spec.name}', run by '{node.id}': {said}")


def _stored(links: list[Link], child: Child) -> dict[str, Reference]:
    """Return where those inputs are that are stored outputs, or stored inputs, as a whole."""
    stored: dict[str, Reference] = {}
    for link in links:
        if len(link.at) > 1 or link.path or not isinstance(link.payload, Reference):
            raise BindingError(
                "input_too_large",
                f"the input '{link.at[0]}' of workflow '{child.spec.resolved.spec.name}' is, or has in it, a part of "
                "what is stored outside of its record (over 64 KiB); let a step before it give just that part",
            )
        stored[str(link.at[0])] = link.payload
    return stored


def _check_size(run: RunReader, step_id: str, step: Step, child: Child, size: int) -> None:
    """Find what the other run's fold would find in a submission that is too large."""
    whole, spec = child.spec.size, child.spec.resolved.spec
    labels = json_size([run.header.tags, child_source(run.run_id), f"{step_id}:{step.attempt}", spec.name])
    if labels > LABELS_LIMIT:
        said = f"tags and names of the run that '{step_id}' starts have over {LABELS_LIMIT // KIB} KiB together"
        raise BindingError("too_large", f"{said}: submit this run with fewer tags")
    if size > INPUTS_LIMIT or size + whole + labels + FIXED > RECORD_LIMIT:
        raise BindingError(
            "too_large",
            f"the inputs of the run that '{step_id}' starts have {size // KIB} KiB, its workflow has {whole // KIB}; "
            f"the most is {INPUTS_LIMIT // KIB}, and {RECORD_LIMIT // KIB} for both: give fewer or smaller inputs",
        )


WORKFLOW = KindRules(
    compile_workflow,
    start,
    {Retry: start_again, Backstop: time_out, Detached: end_of_detached},
    on_result=child_ended,
    outstanding=ask,
    give_up=give_up,
)
