"""The request of one attempt. It is made from state alone, so the same one can be made again after a restore."""

from typing import Any

from msgspec import structs

from schemas.payload import inline
from schemas.queues import whole_name
from schemas.records.steps import StepRequest, Work
from schemas.records.timers import Backstop
from schemas.spec.loops import iteration_prefix
from schemas.spec.references import LOOP
from streams.core.runs.labels.requests import of_request
from streams.core.runs.plan.arguments import Datum, Output, Scope
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.arms import asked
from streams.core.runs.requests.binding import bind_args, open_items
from streams.core.runs.requests.chained import args_hash, chained_after
from streams.core.runs.requests.gather import TIMEOUT_MS, WORK, gather_args
from streams.core.runs.requests.reserve import allowance_nano
from streams.core.runs.requests.sizes import check_request
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: How long a request may wait on its lane before the backstop timer gives the attempt up. The worker itself
#: enforces ``timeout_ms``; the backstop is for a worker that is gone and a lane that is stuck.
QUEUE_ALLOWANCE_MS = 15 * 60_000


def node_scope(run: RunReader, node: PlanNode, step: Step | None, item: Datum | None = None) -> Scope:
    """Return where names are looked up for a node's step, or for a child's with its item."""
    if node.compensates:
        return _scope_after(run)
    if node.loop is not None:
        return _scope_inside(run, node, node.loop, step)
    index = 0 if step is None else step.index or 0
    own = step if step is None or step.index is None else run.step(node.id)
    stored = run.stored_inputs
    if not node.early or own is None or not own.unseen:
        return Scope(run.inputs, run.output, item, index, stored)
    unseen = own.unseen
    return Scope(run.inputs, lambda source: None if source in unseen else run.output(source), item, index, stored)


def _scope_inside(run: RunReader, node: PlanNode, loop_id: str, step: Step | None) -> Scope:
    """Return where the names of a loop's body are looked up: in its iteration, in the loop, then around the loop."""
    loop = run.plan.nodes[loop_id]
    around = node_scope(run, loop, run.step(loop_id))
    inside, prefix = loop.body or {}, iteration_prefix(loop_id, node.iteration)
    unseen = () if step is None else step.unseen

    def outputs(source: str) -> Output:
        if source in inside:
            return None if f"{prefix}{source}" in unseen else run.output(f"{prefix}{source}")
        if source == f"{LOOP}.iteration":
            return inline(node.iteration)
        if source == f"{LOOP}.previous":
            return run.iteration_output(loop, node.iteration - 1)
        return around.outputs(source)

    return Scope(around.inputs, outputs, stored=around.stored)


def _scope_after(run: RunReader) -> Scope:
    """Return where a compensating node's names are looked up: what has not succeeded gave nothing."""
    error = run.error
    of_run = {"run_error_code": error.code if error else "", "run_error_message": error.message if error else ""}
    stored = {name: place for name, place in (run.stored_inputs or {}).items() if name not in of_run}
    return Scope(
        run.inputs | of_run,
        lambda source: run.output(source) if run.succeeded(source.partition(".")[0]) else None,
        stored=stored,
    )


def request(run: RunChanges, step_id: str, step: Step, item: Datum | None = None) -> None:
    """Ask for a step's current attempt. ``item`` saves looking a mapped child's item up again.

    Raises ``BindingError``.
    """
    node = run.node_of(step)
    if step.index is not None and item is None:
        item = open_items(node, node_scope(run, node, step)).at(step.index)
    run.requests.append(_build(run, node, step_id, step, node_scope(run, node, step, item)))


def check_chained(run: RunReader, node: PlanNode) -> None:
    """Find what a request for a node would find, for a step that its worker goes on to. Raises ``BindingError``."""
    args, links = bind_args(node, node_scope(run, node, None))
    check_request(node.id, args, links, run.header.tags, asked(run, node))


def asked_for(run: RunReader, node: PlanNode) -> str:
    """Return the ``args_hash`` of a node's arguments as the recorded outputs make them."""
    return args_hash(*bind_args(node, node_scope(run, node, run.step(node.id))))


def timeout_timer(
    node: PlanNode, step_id: str, attempt: int, requested_at_ms: int
) -> tuple[Backstop | None, int | None]:
    """Return an attempt's backstop timer and when it is due; both ``None`` without ``timeout_ms``."""
    if node.policy.timeout_ms is None:
        return None, None
    return Backstop(step_id, attempt), requested_at_ms + node.policy.timeout_ms + QUEUE_ALLOWANCE_MS


def asked_again(run: RunReader, step: Step) -> dict[str, Any]:
    """Return the fields of a step that is requested again. Its first request's time counts for its target and span."""
    first_ms = step.asked_first_ms
    again: dict[str, Any] = {"started_at_ms": None, "finished_at_ms": None, "error": None}
    return {"requested_at_ms": run.now_ms, "first_asked_ms": first_ms, **again}


def base_request(run: RunReader, node: PlanNode, step_id: str, step: Step, work: Work) -> StepRequest:
    """Return a request for a step's current attempt without arguments."""
    header = run.header
    return StepRequest(
        run_id=header.run_id,
        org_id=header.org_id,
        workflow_name=header.workflow_name,
        workflow_version=header.workflow_version,
        step_id=step_id,
        node_id=node.name,
        attempt=step.attempt,
        deferral=step.deferral,
        tier=node.policy.quality,
        work=work,
        timeout_ms=node.policy.timeout_ms,
        sla_ms=node.policy.sla_ms,
        tags=header.tags,
        run_budget_nano=allowance_nano(run, node),
        caps=run.caps,
        capture=header.capture,
        requested_at_ms=step.requested_at_ms or run.now_ms,
        queue=whole_name(node.queue, header.org_id),
        idempotency=node.policy.idempotency,
        retry_on=node.policy.retries.retry_on,
        tracestate=header.tracestate,
        security=None if run.security is None else of_request(run, run.security, step_id, step, work),
        subject=header.subject,
        wants=list(node.wants) if header.subject else [],
    )


def _build(run: RunReader, node: PlanNode, step_id: str, step: Step, scope: Scope) -> StepRequest:
    gathers = step.gather is not None
    args, links = gather_args(run, step) if gathers else bind_args(node, scope)
    work = WORK if gathers else asked(run, node)
    size = check_request(step_id, args, links, run.header.tags, work)
    # Only a request that was never given back carries more: what comes of an earlier one must find it gone.
    chained = run.chain_steps and node.next is not None and not step.deferral
    return structs.replace(
        base_request(run, node, step_id, step, work),
        args=args,
        links=links,
        timeout_ms=TIMEOUT_MS if gathers else node.policy.timeout_ms,
        on_unknown=node.policy.on_unknown,
        continuation=chained_after(run, node, scope, size) if chained else [],
        # Workers in other languages know only what their queue asks for.
        queue="" if gathers else whole_name(node.queue, run.header.org_id),
        compensation=node.compensates,
    )
