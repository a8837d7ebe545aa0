"""Nodes of type ``agent``: a model that calls tools in a loop until it answers, each turn and call a step of its own.

    assistant                        waits, for the steps below, as long as the loop lasts
    assistant/turn-1                 asks the model; it answers, which ends the loop, or asks for calls
    assistant/turn-1/search[0]       a call that it asked for; all of a turn's calls run at once
    assistant/turn-2                 asks again, with all that was said and what came of the calls

Each of them is requested, claimed, paid, retried and recorded like any step. The result of a turn names the calls, so
that the fold asks for them; their outputs travel to the next turn as they were recorded, large ones as references. A
call that failed for good is a result, too: the model is told. A turn that failed for good fails the agent, and so do
too many turns or too much money; what was said is in the steps.

The transcript must fit a request. So the more of it there is, the less of an output may travel inside its record
(``StepRequest.inline_most``): workers store what is larger, and the transcript has its reference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import structs

from schemas.money import from_cents
from schemas.payload import INLINE_LIMIT
from schemas.records.base import ErrorInfo
from schemas.records.run_events import ToolUse
from schemas.records.steps import AgentTurn, LlmCall, StepRequest, ToolCall, ToolResult, TurnBefore
from schemas.records.timers import Backstop, Defer, Retry
from schemas.spec.model import AgentNode
from streams.core.runs.nodes import worker_step
from streams.core.runs.nodes.concurrency import stand_part_in_line
from streams.core.runs.nodes.kind import Compiled, Compiling, Ended, KindRules
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.model import PlanNode, is_part
from streams.core.runs.requests.binding import bind_args, open_items
from streams.core.runs.requests.sizes import KIB, RECORD_LIMIT, check_request, json_size, payload_size
from streams.core.runs.requests.step_request import base_request, node_scope, timeout_timer
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader
from streams.core.runs.transitions import ImpossibleMove

#: Calls that one turn may ask for; what is more is told back to the model as a failure.
CALLS_MOST = 32
#: What outputs of turns and calls may take of a request; the rest is the prompt, its arguments and the references.
TRANSCRIPT_ROOM = 640 * KIB
#: A reference takes some 300 bytes, so storing less would save nothing.
LEAST_INSIDE = KIB
_TURN = re.compile(r"(?P<agent>.+)/turn-(?P<number>\d+)(?P<tool>/.*)?")
_SAFE = re.compile(r"[^A-Za-z0-9_.-]")

Part = Literal["turn", "tool"]


@dataclass(frozen=True, slots=True)
class Agent:
    """A model that calls tools until it answers."""

    call: LlmCall
    tools: tuple[str, ...]
    max_turns: int
    max_cost_nano: int | None


def part_of(step_id: str) -> Part | None:
    """Return which part of an agent a step is, ``None`` for a step that is none."""
    if not is_part(step_id):
        return None
    match = _TURN.fullmatch(step_id)
    return None if match is None else "tool" if match["tool"] else "turn"


def turn_id(agent: str, number: int) -> str:
    """Return the step id of an agent's turn, counted from 1."""
    return f"{agent}/turn-{number}"


def call_ids(agent: str, number: int, calls: Sequence[ToolUse]) -> list[str]:
    """Return the step ids of a turn's calls; a name that is nobody's is cut to what an id may have."""
    return [f"{turn_id(agent, number)}/{_SAFE.sub('_', use.name)[:64]}[{i}]" for i, use in enumerate(calls)]


def place_of(step_id: str) -> tuple[str, int]:
    """Return the agent's step id and the number of the turn that a part belongs to."""
    match = _TURN.fullmatch(step_id)
    if match is None:
        raise ValueError(f"{step_id!r} is no part of an agent")
    return match["agent"], int(match["number"])


def compile_agent(node: AgentNode, compiling: Compiling) -> Compiled:
    """Return a model that may call tools."""
    config = node.config
    call = worker_step.llm_call(node, compiling)
    cap = None if config.max_cost_cents is None else from_cents(config.max_cost_cents)
    return Compiled(own=Agent(call, tuple(config.tools), config.max_turns, cap), call=call, takes_inputs=True)


def start(turn: RunChanges, node: PlanNode, step_id: str, step: Step, item: Datum | None) -> Step:
    """Ask for an agent's first turn; return how the agent waits. Raises ``BindingError``."""
    _ask_turn(turn, node, step_id, step, 1, item)
    return structs.replace(step, state="waiting", timer=None, due_ms=None, **_waits(turn_id(step_id, 1)))


def part_ended(turn: RunChanges, part_id: str, part: Step, _result: Any) -> Ended | None:
    """Go on after a turn or a call ended for good; return how the agent ended, if it did."""
    agent_id, _ = place_of(part_id)
    if part_of(part_id) == "tool":
        error = after_call(turn, part_id)
    elif part.state == "failed":
        error = None if part.error is None else why_failed(turn, part_id, part.error)
    elif part.calls:
        error = after_turn(turn, part_id, part.calls)
    else:
        return Ended(agent_id, output=part.output)
    return None if error is None else Ended(agent_id, error=error)


def part_request(turn: RunReader, step_id: str, step: Step) -> StepRequest:
    """Return the request of a part's current attempt, made from state alone. Raises ``BindingError``."""
    agent_id, number = place_of(step_id)
    node = turn.node_of(step)
    if part_of(step_id) == "turn":
        return _turn_request(turn, node, agent_id, turn.step(agent_id), step, number, None)
    whole = turn.step(turn_id(agent_id, number))
    calls = whole.calls if whole is not None else ()
    use = calls[call_ids(agent_id, number, calls).index(step_id)]
    return _call_request(turn, node, step_id, step, use, _inside_of_calls(turn, agent_id, number, len(calls)))


def after_turn(turn: RunChanges, step_id: str, calls: Sequence[ToolUse]) -> ErrorInfo | None:
    """Go on after a turn that asked for calls. Returns why the agent fails, if it does."""
    agent_id, number = place_of(step_id)
    agent, node = _agent(turn, agent_id)
    spent = _spent(turn, agent_id, number)
    if agent.max_cost_nano is not None and spent >= agent.max_cost_nano:
        message = f"{number} turns did cost all that the agent may spend, and it asks for more; raise max_cost_cents"
        return ErrorInfo(code="max_cost", message=message, step_id=agent_id)
    if number >= agent.max_turns:
        message = f"the model still asks for tools after {number} turns; raise max_turns, or ask for less"
        return ErrorInfo(code="max_turns", message=message, step_id=agent_id)
    inside = _inside_of_calls(turn, agent_id, number, len(calls))
    for id_, use in zip(call_ids(agent_id, number, calls), calls, strict=True):
        _ask_call(turn, node, id_, use, agent, inside)
    return after_call(turn, step_id)


def after_call(turn: RunChanges, part_id: str) -> ErrorInfo | None:
    """Ask for the next turn when every call of this one has ended. Returns why the agent fails, if it does."""
    agent_id, number = place_of(part_id)
    whole, parent = turn.step(turn_id(agent_id, number)), turn.step(agent_id)
    if whole is None or parent is None:
        return None
    ids = call_ids(agent_id, number, whole.calls)
    open_ = [
        id_ for id_ in ids if (step := turn.step(id_)) is not None and step.state in ("ready", "running", "waiting")
    ]
    if open_:
        _note(turn, agent_id, parent, open_[0])
        return None
    _, node = _agent(turn, agent_id)
    try:
        _ask_turn(turn, node, agent_id, parent, number + 1, None)
    except BindingError as exc:
        return ErrorInfo(code=exc.code, message=str(exc), step_id=agent_id)
    _note(turn, agent_id, parent, turn_id(agent_id, number + 1))
    return None


def why_failed(turn: RunReader, part_id: str, error: ErrorInfo) -> ErrorInfo:
    """Return the error of an agent whose turn failed for good. A call over what is left of its own cap is told so."""
    agent_id, number = place_of(part_id)
    agent, _ = _agent(turn, agent_id)
    left = _left(turn, agent, agent_id, number)
    run_left = turn.left_nano
    code = error.code
    if code == "run_budget_exceeded" and agent.max_cost_nano is not None and (run_left is None or left != run_left):
        code = "max_cost"
    return structs.replace(error, code=code, step_id=agent_id, retryable=False)


def _ask_turn(turn: RunChanges, node: PlanNode, agent_id: str, parent: Step, number: int, item: Datum | None) -> None:
    id_ = turn_id(agent_id, number)
    step = _part(turn, node, id_)
    _ask(turn, id_, step, _turn_request(turn, node, agent_id, parent, step, number, item))


def _inside_of_calls(turn: RunReader, agent_id: str, number: int, calls: int) -> int | None:
    before = [_turn_before(turn, agent_id, one) for one in range(1, number)]
    whole = turn.step(turn_id(agent_id, number))
    said = [] if whole is None or whole.output is None else [TurnBefore(said=whole.output)]
    return _most_inside([*before, *said], calls)


def _most_inside(before: Sequence[TurnBefore], parts: int) -> int | None:
    """Return up to how many bytes each of the next ``parts`` may have inside, ``None`` where all may have what any has.

    Each time half of the room that is left is given away, so that there is always some.
    """
    used = sum(payload_size(one.said) + sum(map(_result_size, one.results)) for one in before)
    share = max(LEAST_INSIDE, (TRANSCRIPT_ROOM - used) // (2 * max(1, parts)))
    return share if share < INLINE_LIMIT else None


def _result_size(result: ToolResult) -> int:
    return payload_size(result.output) + (json_size(result.error) if result.error is not None else 0)


def _ask_call(turn: RunChanges, node: PlanNode, id_: str, use: ToolUse, agent: Agent, inside: int | None) -> None:
    step = _part(turn, node, id_)
    error = _refusal(id_, use, agent)
    if error is None:
        try:
            _ask(turn, id_, step, _call_request(turn, node, id_, step, use, inside))
        except BindingError as exc:
            error = ErrorInfo(code=exc.code, message=str(exc), step_id=id_)
    if error is not None:
        turn.begin(id_, Step(node.id, "failed", error=error, finished_at_ms=turn.now_ms))


def _ask(turn: RunChanges, id_: str, step: Step, request_: StepRequest) -> None:
    """Ask for a part; where parts take places it waits for one first, and is asked for at the end of this event."""
    if turn.plan.max_parallel is not None:
        stand_part_in_line(turn, id_, step.node)
    else:
        turn.requests.append(request_)
        _begin(turn, id_, step)


def ask_part(turn: RunChanges, node: PlanNode, step_id: str) -> None:
    """Ask for a part that has a place now. Its request could be made when it began to wait, so it can be now."""
    step = _part(turn, node, step_id)
    turn.requests.append(part_request(turn, step_id, step))
    _begin(turn, step_id, step)


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


def _part(turn: RunReader, node: PlanNode, id_: str) -> Step:
    timer, due_ms = timeout_timer(node, id_, 1, turn.now_ms)
    return Step(node.id, "running", attempt=1, requested_at_ms=turn.now_ms, timer=timer, due_ms=due_ms)


def _begin(turn: RunChanges, id_: str, step: Step) -> None:
    turn.begin(id_, step)
    if step.timer is not None and step.due_ms is not None:
        turn.arm(step.timer, step.due_ms)


def _turn_request(
    turn: RunReader, node: PlanNode, agent_id: str, parent: Step | None, step: Step, number: int, item: Datum | None
) -> StepRequest:
    agent = node.data(Agent)
    if parent is not None and parent.index is not None and item is None:
        item = open_items(node, node_scope(turn, node, parent)).at(parent.index)
    args, links = bind_args(node, node_scope(turn, node, parent, item))
    before = [_turn_before(turn, agent_id, one) for one in range(1, number)]
    work = AgentTurn(call=agent.call, tools=list(agent.tools), before=before)
    id_ = turn_id(agent_id, number)
    size = check_request(id_, args, links, turn.header.tags, work) + json_size(before)
    if size > RECORD_LIMIT:
        raise BindingError(
            "too_large",
            f"what was said up to turn {number} has {size // KIB} KiB with large outputs stored, the most is "
            f"{RECORD_LIMIT // KIB}; let the agent make fewer calls, or lower max_turns",
        )
    left = _left(turn, agent, agent_id, number)
    asked = base_request(turn, node, id_, step, work)
    inside = _most_inside(before, 1)
    return structs.replace(asked, args=args, links=links, run_budget_nano=left, inline_most=inside)


def _call_request(
    turn: RunReader, node: PlanNode, id_: str, step: Step, use: ToolUse, inside: int | None
) -> StepRequest:
    work = ToolCall(name=use.name)
    check_request(id_, use.args, [], turn.header.tags, work)
    return structs.replace(base_request(turn, node, id_, step, work), args=use.args, inline_most=inside)


def _turn_before(turn: RunReader, agent_id: str, number: int) -> TurnBefore:
    id_ = turn_id(agent_id, number)
    whole = turn.recorded(id_)
    output = whole.output
    if output is None:
        raise ImpossibleMove(f"'{id_}' is told to the model again, and has no output")
    results = []
    for id_ in call_ids(agent_id, number, whole.calls):
        step = turn.step(id_)
        results.append(ToolResult(output=step.output if step else None, error=step.error if step else None))
    return TurnBefore(said=output, results=results)


def _agent(turn: RunReader, agent_id: str) -> tuple[Agent, PlanNode]:
    node = turn.node_of(turn.recorded(agent_id))
    return node.data(Agent), node


def ask_for(turn: RunChanges, step_id: str, step: Step) -> None:
    """Ask for the current attempt of a part. Raises ``BindingError``."""
    turn.requests.append(part_request(turn, step_id, step))


def _retry_part(turn: RunChanges, step_id: str, step: Step) -> None:
    worker_step.retry(turn, step_id, step, ask_for)


def _part_deferred(turn: RunChanges, step_id: str, step: Step) -> None:
    worker_step.deferred(turn, step_id, step, ask_for)


def _part_outstanding(turn: RunChanges, step_id: str, step: Step) -> None:
    if step.state == "running":
        ask_for(turn, step_id, step)


def _note(turn: RunChanges, agent_id: str, parent: Step, waits_for: str) -> None:
    waits = _waits(waits_for)
    if parent.waiting_for != waits["waiting_for"]:
        turn.change(agent_id, parent, **waits)


def _waits(step_id: str) -> dict[str, Any]:
    return {"waiting_for": f"step {step_id}"[:200]}


def _left(turn: RunReader, agent: Agent, agent_id: str, number: int) -> int | None:
    """Return what a turn may spend: what is left to the run and to the agent, the smaller of both."""
    caps = [turn.left_nano]
    if agent.max_cost_nano is not None:
        caps.append(max(0, agent.max_cost_nano - _spent(turn, agent_id, number)))
    return min((cap for cap in caps if cap is not None), default=None)


def _spent(turn: RunReader, agent_id: str, number: int) -> int:
    """Return what an agent's turns up to this one did cost, with what its calls did."""
    total = 0
    for one in range(1, number + 1):
        whole = turn.step(turn_id(agent_id, one))
        if whole is not None:
            parts = [turn.step(id_) for id_ in call_ids(agent_id, one, whole.calls)]
            total += whole.cost_nano + sum(part.cost_nano for part in parts if part is not None)
    return total


#: The turns of an agent and their calls: steps that workers do, on requests of their own.
PART = KindRules(
    compile_agent,
    start,
    {Retry: _retry_part, Defer: _part_deferred, Backstop: worker_step.time_out},
    on_result=part_ended,
    outstanding=_part_outstanding,
)
AGENT = KindRules(compile_agent, start, on_result=part_ended)
