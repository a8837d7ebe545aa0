"""The requests of an agent's turns and calls, see ``nodes.agent``; the ids of these steps are in ``plan.agent_ids``.

The transcript must fit a request. So the more of it there is, the less of an output may travel inside its record
(``StepRequest.inline_most``): workers store what is larger, and the transcript has its reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from schemas.payload import INLINE_LIMIT
from schemas.records.base import Json
from schemas.records.run_events import ToolUse
from schemas.records.steps import AgentTurn, Link, LlmCall, StepRequest, ToolCall, ToolResult, TurnBefore
from streams.core.runs.labels.steps import arguments
from streams.core.runs.labels.texts import written_by_people
from streams.core.runs.plan.agent_ids import call_ids, part_of, place_of, turn_id
from streams.core.runs.plan.arguments import BindingError, Datum
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.arms import of_arm
from streams.core.runs.requests.binding import bind_args, open_items
from streams.core.runs.requests.reserve import allowance_nano
from streams.core.runs.requests.sizes import KIB, RECORD_LIMIT, check_request, json_size, payload_size
from streams.core.runs.requests.step_request import base_request, node_scope
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader
from streams.core.runs.transitions import ImpossibleMove

#: What outputs of turns and calls may take of a request; the rest is the prompt, its arguments and the references.
TRANSCRIPT_ROOM = 640 * KIB
#: A reference takes some 300 bytes, so storing less would save nothing.
LEAST_INSIDE = KIB


@dataclass(frozen=True, slots=True)
class Agent:
    """A model that calls tools until it answers."""

    call: LlmCall
    tools: tuple[str, ...]
    max_turns: int
    max_cost_nano: int | None


def part_request(run: RunReader, step_id: str, step: Step) -> StepRequest:
    """Return the request of a part's current attempt, made from state alone. Raises ``BindingError``."""
    agent_id, number = place_of(step_id)
    node = run.node_of(step)
    if part_of(step_id) == "turn":
        return turn_request(run, node, agent_id, run.step(agent_id), step, number, None)
    whole = run.step(turn_id(agent_id, number))
    calls = whole.calls if whole is not None else ()
    use = calls[call_ids(agent_id, number, calls).index(step_id)]
    return call_request(run, node, step_id, step, use, inside_of_calls(run, agent_id, number, len(calls)))


def inside_of_calls(run: RunReader, agent_id: str, number: int, calls: int) -> int | None:
    """Return up to how many bytes each call of a turn may have inside its record, ``None`` for no other limit."""
    before = [_turn_before(run, agent_id, one) for one in range(1, number)]
    whole = run.step(turn_id(agent_id, number))
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


def turn_request(
    run: RunReader, node: PlanNode, agent_id: str, parent: Step | None, step: Step, number: int, item: Datum | None
) -> StepRequest:
    """Return the request of a turn, with all that was said before. Raises ``BindingError``."""
    agent = node.data(Agent)
    args, links = _bound(run, node, parent, item)
    before = [_turn_before(run, agent_id, one) for one in range(1, number)]
    work = AgentTurn(call=of_arm(run, node, agent.call), tools=list(agent.tools), before=before)
    id_ = turn_id(agent_id, number)
    size = check_request(id_, args, links, run.header.tags, work) + json_size(before)
    if size > RECORD_LIMIT:
        raise BindingError(
            "too_large",
            f"what was said up to turn {number} has {size // KIB} KiB with large outputs stored, the most is "
            f"{RECORD_LIMIT // KIB}; let the agent make fewer calls, or lower max_turns",
        )
    left = left_of(run, agent, node, agent_id, number)
    asked = base_request(run, node, id_, step, work)
    inside = _most_inside(before, 1)
    return structs.replace(asked, args=args, links=links, run_budget_nano=left, inline_most=inside)


def call_request(run: RunReader, node: PlanNode, id_: str, step: Step, use: ToolUse, inside: int | None) -> StepRequest:
    """Return the request of a call that a turn requested. Raises ``BindingError``."""
    work = ToolCall(name=use.name)
    links = [] if use.sealed is None else [Link(at=[], payload=use.sealed)]
    check_request(id_, use.args, links, run.header.tags, work)
    asked = base_request(run, node, id_, step, work)
    security = asked.security
    if security is not None and run.security is not None:
        agent_id, number = place_of(id_)
        args, _ = _bound(run, node, run.step(agent_id), None)
        of_turn = arguments(run, run.security, turn_id(agent_id, number), step)
        texts = written_by_people(args, of_turn, run, agent_id, number)
        security = structs.replace(security, trusted=texts)
    # What is asked of the agent's output is not asked of what a call of it gives.
    return structs.replace(asked, args=use.args, links=links, inline_most=inside, security=security, wants=[])


def _bound(
    run: RunReader, node: PlanNode, parent: Step | None, item: Datum | None
) -> tuple[dict[str, Json], list[Link]]:
    """Return an agent's arguments. Raises ``BindingError``."""
    if parent is not None and parent.index is not None and item is None:
        item = open_items(node, node_scope(run, node, parent)).at(parent.index)
    return bind_args(node, node_scope(run, node, parent, item))


def _turn_before(run: RunReader, agent_id: str, number: int) -> TurnBefore:
    id_ = turn_id(agent_id, number)
    whole = run.recorded(id_)
    output = whole.output
    if output is None:
        raise ImpossibleMove(f"'{id_}' is told to the model again, and has no output")
    results = []
    for id_ in call_ids(agent_id, number, whole.calls):
        step = run.step(id_)
        results.append(ToolResult(output=step.output if step else None, error=step.error if step else None))
    return TurnBefore(said=output, results=results)


def agent_of(run: RunReader, agent_id: str) -> tuple[Agent, PlanNode]:
    """Return an agent and its node, by the id of its step."""
    node = run.node_of(run.recorded(agent_id))
    return node.data(Agent), node


def left_of(run: RunReader, agent: Agent, node: PlanNode, agent_id: str, number: int) -> int | None:
    """Return what a turn may spend: what is left to the run and to the agent, the smaller of both."""
    caps = [allowance_nano(run, node)]
    if agent.max_cost_nano is not None:
        caps.append(max(0, agent.max_cost_nano - spent_of(run, agent_id, number)))
    return min((cap for cap in caps if cap is not None), default=None)


def spent_of(run: RunReader, agent_id: str, number: int) -> int:
    """Return the cost of an agent's turns up to this one, and of their calls."""
    total = 0
    for one in range(1, number + 1):
        whole = run.step(turn_id(agent_id, one))
        if whole is not None:
            parts = [run.step(id_) for id_ in call_ids(agent_id, one, whole.calls)]
            total += whole.cost_nano + sum(part.cost_nano for part in parts if part is not None)
    return total
