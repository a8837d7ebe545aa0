"""The kinds of nodes, one row each. A new kind is its file here and its row."""

from collections.abc import Mapping

from schemas.spec.model import NodeKind
from streams.core.runs.nodes import agent, loop, signal, switch, wait, worker_step, workflow
from streams.core.runs.nodes.kind import KindRules
from streams.core.runs.plan.model import is_part
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader

NODE_KINDS: Mapping[NodeKind, KindRules] = {
    "llm": worker_step.LLM,
    "tool": worker_step.TOOL,
    "function": worker_step.FUNCTION,
    "wait": wait.WAIT,
    "switch": switch.SWITCH,
    "signal": signal.SIGNAL,
    "agent": agent.AGENT,
    "workflow": workflow.WORKFLOW,
    "loop": loop.LOOP_RULES,
}


def kind_of(run: RunReader, step_id: str, step: Step) -> KindRules:
    """Return the kind of a step: its node's, but for steps that serve one: agent parts, pages of a map's outputs."""
    if step.gather is not None:
        return worker_step.FUNCTION
    return agent.PART if is_part(step_id) else NODE_KINDS[run.node_of(step).kind]
