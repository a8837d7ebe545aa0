"""Nodes of type ``agent``: a model that calls tools in a loop until it answers, each turn and call a step of its own.

    assistant                        waits, for the steps below, as long as the loop lasts
    assistant/turn-1                 asks the model; it answers, which ends the loop, or asks for calls
    assistant/turn-1/search[0]       a call that it asked for; all of a turn's calls run at once
    assistant/turn-2                 asks again, with all that was said and what came of the calls

Each of them is requested, claimed, paid, retried and recorded like any step. The result of a turn names the calls, so
that the fold asks for them; their outputs travel to the next turn as they were recorded, large ones as references. A
call that failed for good is a result, too: the model is told. A turn that failed for good fails the agent, and so do
too many turns or too much money; what was said is in the steps.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from schemas.money import from_cents
from schemas.prompts.effective import effective
from schemas.records.base import ErrorInfo
from schemas.records.run_events import ToolUse
from schemas.records.steps import StepRequest
from schemas.records.timers import ApprovalTimeout, Backstop, Defer, Retry
from schemas.spec.model import AgentNode, PinnedPrompt
from streams.core.runs.nodes import approval, worker_step
from streams.core.runs.nodes.concurrency import queue_part
from streams.core.runs.nodes.kind import Compiled, Compiling, Ended, KindRules
from streams.core.runs.plan.agent_ids import call_ids, part_of, place_of, turn_id
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.model import Other, PlanNode
from streams.core.runs.requests.agent_parts import (
    Agent,
    agent_of,
    call_request,
    inside_of_calls,
    left_of,
    part_request,
    spent_of,
    turn_request,
)
from streams.core.runs.requests.reserve import allowance_nano
from streams.core.runs.requests.step_request import timeout_timer
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

#: Calls that one turn may ask for; what is more is told back to the model as a failure.
CALLS_MOST = 32


def compile_agent(node: AgentNode, compiling: Compiling) -> Compiled:
    """Return a model that may call tools."""
    call = worker_step.llm_call(node, compiling)
    config = effective(node, compiling.resolved.prompts[node.config.prompt_ref])
    cap = None if config.max_cost_cents is None else from_cents(config.max_cost_cents)
    others = {one.version: _other(node, compiling, one) for one in worker_step.other_versions(node, compiling)}
    own = Agent(call, tuple(config.tools), config.max_turns, cap)
    return Compiled(own=own, call=call, takes_inputs=True, label=worker_step.label_of(node), others=others)


def _other(node: AgentNode, compiling: Compiling, prompt: PinnedPrompt) -> Other:
    return Other(worker_step.call_with(node, compiling, prompt), tuple(effective(node, prompt).tools))


def start(run: RunChanges, node: PlanNode, step_id: str, step: Step, item: Datum | None) -> Step:
    """Ask for an agent's first turn; return how the agent waits. Raises ``BindingError``."""
    _ask_turn(run, node, step_id, step, 1, item)
    return structs.replace(step, state="waiting", timer=None, due_ms=None, **_waits(turn_id(step_id, 1)))


def part_ended(run: RunChanges, part_id: str, part: Step, _result: Any) -> Ended | None:
    """Go on after a turn or a call ended for good; return how the agent ended, if it did."""
    agent_id, _ = place_of(part_id)
    if part_of(part_id) == "tool":
        error = after_call(run, part_id)
    elif part.state == "failed":
        error = None if part.error is None else why_failed(run, part_id, part.error)
    elif part.calls:
        error = after_turn(run, part_id, part.calls)
    else:
        return Ended(agent_id, output=part.output)
    return None if error is None else Ended(agent_id, error=error)


def after_turn(run: RunChanges, step_id: str, calls: Sequence[ToolUse]) -> ErrorInfo | None:
    """Go on after a turn that asked for calls. Returns why the agent fails, if it does."""
    agent_id, number = place_of(step_id)
    agent, node = agent_of(run, agent_id)
    spent = spent_of(run, agent_id, number)
    if agent.max_cost_nano is not None and spent >= agent.max_cost_nano:
        message = f"{number} turns did cost all that the agent may spend, and it asks for more; raise max_cost_cents"
        return ErrorInfo(code="max_cost", message=message, step_id=agent_id)
    if number >= agent.max_turns:
        message = f"the model still asks for tools after {number} turns; raise max_turns, or ask for less"
        return ErrorInfo(code="max_turns", message=message, step_id=agent_id)
    inside = inside_of_calls(run, agent_id, number, len(calls))
    for id_, use in zip(call_ids(agent_id, number, calls), calls, strict=True):
        _ask_call(run, node, id_, use, agent, inside)
    return after_call(run, step_id)


def after_call(run: RunChanges, part_id: str) -> ErrorInfo | None:
    """Ask for the next turn when every call of this one has ended. Returns why the agent fails, if it does."""
    agent_id, number = place_of(part_id)
    whole, parent = run.step(turn_id(agent_id, number)), run.step(agent_id)
    if whole is None or parent is None:
        return None
    ids = call_ids(agent_id, number, whole.calls)
    open_ = [
        id_ for id_ in ids if (step := run.step(id_)) is not None and step.state in ("ready", "running", "waiting")
    ]
    if open_:
        _note(run, agent_id, parent, open_[0])
        return None
    _, node = agent_of(run, agent_id)
    try:
        _ask_turn(run, node, agent_id, parent, number + 1, None)
    except BindingError as exc:
        return ErrorInfo(code=exc.code, message=str(exc), step_id=agent_id)
    _note(run, agent_id, parent, turn_id(agent_id, number + 1))
    return None


def why_failed(run: RunReader, part_id: str, error: ErrorInfo) -> ErrorInfo:
    """Return the error of an agent whose turn failed for good. A call over what is left of its own cap is told so."""
    agent_id, number = place_of(part_id)
    agent, node = agent_of(run, agent_id)
    left = left_of(run, agent, node, agent_id, number)
    run_left = allowance_nano(run, node)
    code = error.code
    if code == "run_budget_exceeded" and agent.max_cost_nano is not None and (run_left is None or left != run_left):
        code = "max_cost"
    return structs.replace(error, code=code, step_id=agent_id, retryable=False)


def _ask_turn(run: RunChanges, node: PlanNode, agent_id: str, parent: Step, number: int, item: Datum | None) -> None:
    id_ = turn_id(agent_id, number)
    step = _part(run, node, id_)
    if number == 1:
        # The agent has no entry yet, and its first turn reads what it reads.
        step = structs.replace(step, decided=parent.decided, read=parent.read)
    step = run.labelled(id_, step)
    _ask(run, id_, step, turn_request(run, node, agent_id, parent, step, number, item))


def _ask_call(run: RunChanges, node: PlanNode, id_: str, use: ToolUse, agent: Agent, inside: int | None) -> None:
    step = run.labelled(id_, _part(run, node, id_))
    error = _refusal(id_, use, agent)
    if error is None:
        try:
            _ask(run, id_, step, call_request(run, node, id_, step, use, inside))
        except BindingError as exc:
            error = ErrorInfo(code=exc.code, message=str(exc), step_id=id_)
    if error is not None:
        run.begin(id_, Step(node.id, "failed", error=error, finished_at_ms=run.now_ms))


def _ask(run: RunChanges, id_: str, step: Step, request_: StepRequest) -> None:
    """Ask for a part; where parts take places it waits for one first, and is asked for at the end of this event."""
    if run.plan.max_parallel is not None:
        queue_part(run, id_, step.node)
    else:
        run.requests.append(request_)
        _begin(run, id_, step)


def ask_part(run: RunChanges, node: PlanNode, step_id: str) -> None:
    """Ask for a part that has a place now. Its request could be made when it began to wait, so it can be now."""
    step = run.labelled(step_id, _part(run, node, step_id))
    run.requests.append(part_request(run, step_id, step))
    _begin(run, step_id, step)


def _refusal(id_: str, use: ToolUse, agent: Agent) -> ErrorInfo | None:
    if use.problem:
        return ErrorInfo(code="bad_arguments", message=use.problem[:1000], step_id=id_)
    if use.name not in agent.tools:
        known = ", ".join(agent.tools)
        return ErrorInfo(
            code="unknown_tool", message=f"there is no tool {use.name[:100]!r}; there are {known}", step_id=id_
        )
    if int(id_.rpartition("[")[2][:-1]) >= CALLS_MOST:
        return ErrorInfo(code="too_many_calls", message=f"a turn may ask for {CALLS_MOST} calls", step_id=id_)
    return None


def _part(run: RunReader, node: PlanNode, id_: str) -> Step:
    timer, due_ms = timeout_timer(node, id_, 1, run.now_ms)
    return Step(node.id, "running", attempt=1, requested_at_ms=run.now_ms, timer=timer, due_ms=due_ms)


def _begin(run: RunChanges, id_: str, step: Step) -> None:
    run.begin(id_, step)
    if step.timer is not None and step.due_ms is not None:
        run.arm(step.timer, step.due_ms)


def ask_for(run: RunChanges, step_id: str, step: Step) -> None:
    """Ask for the current attempt of a part. Raises ``BindingError``."""
    run.requests.append(part_request(run, step_id, step))


def _retry_part(run: RunChanges, step_id: str, step: Step) -> None:
    worker_step.retry(run, step_id, step, ask_for)


def _part_deferred(run: RunChanges, step_id: str, step: Step) -> None:
    worker_step.deferred(run, step_id, step, ask_for)


def _part_outstanding(run: RunChanges, step_id: str, step: Step) -> None:
    if step.state == "running":
        ask_for(run, step_id, step)


def _note(run: RunChanges, agent_id: str, parent: Step, waits_for: str) -> None:
    waits = _waits(waits_for)
    if parent.waiting_for != waits["waiting_for"]:
        run.change(agent_id, parent, **waits)


def _waits(step_id: str) -> dict[str, Any]:
    return {"waiting_for": f"step {step_id}"[:200]}


#: The turns of an agent and their calls: steps that workers do, on requests of their own.
PART = KindRules(
    compile_agent,
    start,
    {
        Retry: _retry_part,
        Defer: _part_deferred,
        Backstop: worker_step.time_out,
        ApprovalTimeout: approval.time_out,
    },
    on_result=part_ended,
    outstanding=_part_outstanding,
)
AGENT = KindRules(compile_agent, start, on_result=part_ended)
