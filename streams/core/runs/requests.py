"""The request of one attempt. It is made from state alone, so the same one can be made again after a restore."""

from schemas.records.steps import StepRequest
from streams.core.runs.binding import bind_args, open_items
from streams.core.runs.entries import Step
from streams.core.runs.plan import PlanNode
from streams.core.runs.sizes import FIXED, KIB, RECORD_LIMIT, json_size, links_size
from streams.core.runs.turn import Turn
from streams.core.runs.values import BindingError, Datum, Scope

#: How long a request may wait on its lane before the backstop timer gives the attempt up. The worker itself
#: enforces ``timeout_ms``; the backstop is for a worker that is gone and a lane that is stuck.
QUEUE_ALLOWANCE_MS = 15 * 60_000


def node_scope(turn: Turn, item: Datum | None = None, index: int = 0) -> Scope:
    """Return where a node's names are looked up."""
    return Scope(turn.inputs, turn.output, item, index)


def request(turn: Turn, step_id: str, step: Step, item: Datum | None = None) -> None:
    """Ask for a step's current attempt. ``item`` saves looking a mapped child's item up again.

    Raises ``BindingError``.
    """
    node = turn.node_of(step)
    if step.index is not None and item is None:
        item = open_items(node, node_scope(turn)).at(step.index)
    turn.requests.append(_build(turn, node, step_id, step, node_scope(turn, item, step.index or 0)))


def timeout_timer(node: PlanNode, step_id: str, attempt: int, requested_at_ms: int) -> tuple[str | None, int | None]:
    """Return the id and the due time of an attempt's backstop timer; both ``None`` without ``timeout_ms``."""
    if node.policy.timeout_ms is None:
        return None, None
    return f"timeout:{step_id}:{attempt}", requested_at_ms + node.policy.timeout_ms + QUEUE_ALLOWANCE_MS


def _build(turn: Turn, node: PlanNode, step_id: str, step: Step, scope: Scope) -> StepRequest:
    header = turn.header
    args, links = bind_args(node, scope)
    budget = header.budget_nano
    built = StepRequest(
        run_id=header.run_id,
        org_id=header.org_id,
        workflow_name=header.workflow_name,
        workflow_version=header.workflow_version,
        step_id=step_id,
        node_id=node.id,
        attempt=step.attempt,
        deferral=step.deferral,
        tier=node.policy.quality,
        work=node.work,
        args=args,
        links=links,
        timeout_ms=node.policy.timeout_ms,
        sla_ms=node.policy.sla_ms,
        tags=header.tags,
        run_budget_nano=None if budget is None else max(0, budget - turn.cost_nano),
        capture=header.capture,
        requested_at_ms=step.requested_at_ms or turn.now_ms,
    )
    _check_size(built)
    return built


def _check_size(built: StepRequest) -> None:
    template = built.work.template if built.work.kind == "llm" else ""
    size = FIXED + json_size([built.args, built.tags, template]) + links_size(built.links)
    if size > RECORD_LIMIT:
        raise BindingError(
            "too_large",
            f"the request of '{built.step_id}' has {size // KIB} KiB, the most is {RECORD_LIMIT // KIB}; bind fewer or "
            "smaller values with `inputs`, or map over fewer items",
        )
