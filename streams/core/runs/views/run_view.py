"""What a reader is told: the run, and the steps that changed, in as many records as the size limit asks for.

The records of one event share a version and hold different steps. The first one carries inputs and output.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from schemas.ids import forked_from, trace_id
from schemas.payload import Inline, Payload, Reference, inline
from schemas.records.base import Json, Usage
from schemas.records.run_views import Children, RunView, StepView
from schemas.spec.model import NodeKind
from streams.core.runs.labels.results_of_run import with_labels, with_outcome
from streams.core.runs.nodes import compensation, workflow
from streams.core.runs.plan.agent_ids import part_of
from streams.core.runs.plan.arguments import Outputs
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.sizes import FIXED, RECORD_LIMIT, json_size, payload_size
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: The share of a record that a run's output may take, so that inputs and a step fit beside it.
OUTPUT_SHARE = RECORD_LIMIT // 2
_NONE = Usage()


def changed_views(run: RunReader) -> list[RunView]:
    """Return the views of what this event changed; none when a reader would see nothing new."""
    if not run.visibly_changed:
        return []
    steps = [step_view(run, step_id, step) for step_id, step in run.changed.items()]
    shown = ((step_id, run.step(step_id)) for step_id in run.shown if step_id not in run.changed)
    steps += [step_view(run, step_id, step) for step_id, step in shown if step is not None]
    if run.ended and run.status != "succeeded":
        steps.extend(_never_started(run))
    return _views(run, run.offset, steps, with_inputs=run.is_new)


def full_views(run: RunReader, version: int) -> list[RunView]:
    """Return the views of everything, as of ``version``."""
    steps = [step_view(run, step_id, step) for step_id, step in run.steps()]
    if run.is_over and run.status != "succeeded":
        steps.extend(_never_started(run))
    return _views(run, version, steps, with_inputs=True)


def _kind(node: PlanNode, step_id: str, step: Step) -> NodeKind:
    if step.gather is not None:
        return "function"
    part = part_of(step_id)
    return node.kind if part is None else "tool" if part == "tool" else "llm"


def step_view(run: RunReader, step_id: str, step: Step) -> StepView:
    """Return one step as a reader sees it. A mapped node's output is that of its workflow."""
    waiting = step.state in ("waiting", "ready")
    reused, node = run.reused, run.node_of(step)
    return StepView(
        step_id=step_id,
        node_id=node.name,
        kind=_kind(node, step_id, step),
        state=step.state,
        attempt=step.attempt,
        output=step.output if step.state != "failed" else _collected(run, step_id, step),
        error=step.error,
        usage=_usage(step),
        cost_nano=step.cost_nano,
        provider=step.provider,
        model=step.model,
        cached=step.cached,
        worker_id=step.worker_id,
        requested_at_ms=step.requested_at_ms,
        started_at_ms=step.started_at_ms,
        finished_at_ms=step.finished_at_ms,
        waiting_for=step.waiting_for if waiting else None,
        note=step.note,
        waiting_until_ms=step.due_ms if waiting else None,
        reused_from=forked_from(run.header.source) if reused and step.node in reused else None,
        children=_children(run, step),
        sla_missed=step.sla_missed,
        child_run_id=workflow.run_of(run, step_id, step),
    )


def _collected(run: RunReader, step_id: str, step: Step) -> Payload | None:
    """Return what a failed child's place in its node's output has, if it has one."""
    if step.index is None or run.node_of(step).on_child_error != "collect":
        return None
    return with_outcome(run, step_id, step, run.child_output(step_id))


def _children(run: RunReader, step: Step) -> Children | None:
    counts = run.maps.get(step.node) if step.total is not None else None
    if counts is None:
        return None
    succeeded = counts.ended - counts.failed
    return Children(total=counts.total, succeeded=succeeded, failed=counts.failed, open=counts.open)


def _usage(step: Step) -> Usage:
    # Tools and functions use no tokens; one shared value saves a third of a step's view.
    if not step.input_tokens and not step.output_tokens and step.kinds is None:
        return _NONE
    return Usage(input_tokens=step.input_tokens, output_tokens=step.output_tokens, **(step.kinds or {}))


def _never_started(run: RunReader) -> Iterator[StepView]:
    for node in run.plan.nodes.values():
        if run.step(node.id) is None and not node.compensates:
            yield StepView(
                step_id=node.id, node_id=node.id, kind=node.kind, state="canceled", finished_at_ms=run.finished_at_ms
            )


def _views(run: RunReader, version: int, steps: list[StepView], *, with_inputs: bool) -> list[RunView]:
    inputs = run.inputs if with_inputs else None
    stored = run.stored_inputs if with_inputs else None
    output, elsewhere = _run_output(run) if run.status == "succeeded" else (None, [])
    base = FIXED + (json_size(run.header.tags) if run.header.tags else 0) + (json_size(run.error) if run.error else 0)
    extra = (json_size(inputs) if inputs else 0) + sum(map(payload_size, (output or {}).values()))
    if stored:
        extra += sum(len(name.encode()) + payload_size(reference) for name, reference in stored.items())
    views = []
    for chunk in _chunks(steps, base, base + extra):
        views.append(_view(run, version, chunk, inputs, stored, output, elsewhere))
        inputs = stored = output = None
    return views


def _chunks(steps: Iterable[StepView], base: int, first: int) -> Iterator[list[StepView]]:
    """Yield steps in chunks that fit a record; at least one chunk, which may be empty."""
    chunk: list[StepView] = []
    size, empty = first, False
    for step in steps:
        needs = FIXED + payload_size(step.output) + (json_size(step.error) if step.error else 0)
        if size + needs > RECORD_LIMIT and (chunk or not empty):
            yield chunk
            chunk, size, empty = [], base, True
        chunk.append(step)
        size += needs
    yield chunk


def _run_output(run: RunReader) -> tuple[dict[str, Payload], list[str]]:
    """Return the sinks' outputs that fit, and the sinks whose outputs do not. Some have none."""
    room = OUTPUT_SHARE
    output: dict[str, Payload] = {}
    elsewhere: list[str] = []
    for node in run.plan.sinks:
        payload = _sink_output(run, node)
        if payload is None:
            continue
        room -= payload_size(payload)
        if room < 0:
            room += payload_size(payload)
            elsewhere.append(node.id)
        else:
            output[node.id] = payload
    return output, elsewhere


def _sink_output(run: RunReader, node: PlanNode) -> Payload | None:
    output = run.output(node.id)
    if not isinstance(output, Outputs):
        return output
    if output.gathered is not None:
        return output.gathered
    return with_labels(run, node.id, inline([_item(child) for child in output]))


def _item(child: Payload) -> Json:
    return child.value if isinstance(child, Inline) else msgspec.to_builtins(child)


def _view(
    run: RunReader,
    version: int,
    steps: list[StepView],
    inputs: dict[str, Any] | None,
    stored: Mapping[str, Reference] | None,
    output: dict[str, Payload] | None,
    elsewhere: list[str],
) -> RunView:
    header = run.header
    # Who has the inputs has their labels. Five roles read each view, so it repeats neither.
    security = run.security if inputs is not None else None
    return RunView(
        run_id=header.run_id,
        org_id=header.org_id,
        version=version,
        workflow_name=header.workflow_name,
        workflow_version=header.workflow_version,
        status=run.status,
        source=header.source,
        submission_id=header.submission_id,
        body_hash=header.body_hash,
        spec_hash=header.spec_hash,
        inputs=inputs,
        tags=header.tags,
        budget_nano=header.budget_nano,
        usage=run.usage,
        cost_nano=run.cost_nano,
        output=output,
        output_in_steps=elsewhere,
        error=run.error,
        submitted_at_ms=header.submitted_at_ms,
        started_at_ms=run.started_at_ms,
        finished_at_ms=run.finished_at_ms,
        trace_id=trace_id(header.run_id),
        steps=steps,
        compensating=compensation.is_open(run),
        stored_inputs=dict(stored) if stored else None,
        parent=run.parent,
        children_nano=run.children_nano,
        rollouts=list(run.arms),
        policy="" if security is None else security.record.policy,
        input_labels=security.input_labels if security is not None else {},
        subject=header.subject,
    )
