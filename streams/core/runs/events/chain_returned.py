"""What the fold does when a worker does not go on with a chain, see ``chain``."""

import msgspec

from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from streams.core.runs.requests.step_request import request
from streams.core.runs.state.entries import Step
from streams.core.runs.state.run import Turn


def holds_its_request(step: Step) -> bool:
    """Return whether the request of a step's open attempt is still with a worker, as far as the log says.

    Once it was given back, whoever works on it all the same has nothing that would be read again after a crash.
    """
    return step.state == "running" and not step.deferral


def take_over(turn: Turn, event: StepSucceeded | StepFailed | StepDeferred) -> None:
    """Ask for the step that rode along with a request that is given back, after somebody else recorded its own step.

    A worker that has it all the same is found by the claim.
    """
    if event.chain != "returned" or turn.is_over:
        return
    nodes = turn.plan.nodes
    node = nodes.get(event.step_id)
    while node is not None and turn.succeeded(node.id):
        node = nodes[node.next] if node.next is not None else None
    step = turn.step(node.id) if node is not None and node.id != event.step_id else None
    if node is not None and step is not None and step.attempt == 1 and holds_its_request(step):
        request(turn, node.id, step)


def never_asked(step: Step | None) -> bool:
    """Return whether a step was not asked for: it is pending, stands in line for a place, or was canceled there."""
    return step is None or step.total is not None or (step.attempt == 0 and step.state in ("ready", "canceled"))


def settle_never_asked(turn: Turn, event: StepSucceeded | StepFailed) -> None:
    """Use up the attempt of a step that its worker went on to while the fold, not knowing that, did not ask for it.

    The run was over, or the outcome that the worker went on from was not the one that was recorded. The money counts,
    and if the step is asked for after all, that is another attempt: this one's claim has an outcome that nobody took.
    """
    node = turn.plan.nodes.get(event.step_id)
    if not event.args_hash or node is None or node.parallel:
        return
    usage = event.usage
    turn.pay(event.cost_nano, usage)
    turn.leave(
        event.step_id,
        msgspec.structs.replace(
            turn.step(node.id) or Step(node.id, "canceled" if turn.is_over else "pending"),
            attempt=event.attempt,
            cost_nano=event.cost_nano,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            kinds=usage.kinds,
            finished_at_ms=turn.finished_at_ms,
        ),
    )
