"""Validates nodes that are quarantined: they read what must not be obeyed, and answer without free text."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.policies.closed_schemas import is_closed
from schemas.prompts.effective import effective
from schemas.spec.model import AgentNode, LlmNode, Node, PinnedPrompt

_CLOSED = (
    "use enums, numbers, booleans, dates, and objects of these with `additionalProperties: false`; "
    "free text could carry an order"
)


def quarantine_problems(place: str, node: Node, prompt: PinnedPrompt | None) -> Iterator[Problem]:
    """Yield what is wrong with a node that is quarantined; ``place`` is the path of the node.

    Of an unknown prompt nobody knows whether it has the schema that the node lacks.
    """
    if not isinstance(node, LlmNode | AgentNode) or not node.config.quarantined:
        return
    path = f"{place}.config.quarantined"
    if isinstance(node, AgentNode):
        fix = "read it in a node of type llm that is quarantined, and give the agent that node's answer"
        yield Problem(path, "an agent calls tools, so what it reads is never kept apart", fix)
        return
    if node.policy.stream:
        what = "the answer of a quarantined node is shown to nobody before it follows its schema"
        yield Problem(f"{place}.policy.stream", what, "remove it, or `quarantined`")
    schema = effective(node, prompt).output_schema
    if schema is None:
        if prompt is not None:
            yield Problem(path, "neither the node nor its prompt has an `output_schema`", f"add one: {_CLOSED}")
    elif not is_closed(schema):
        yield Problem(path, "its `output_schema` leaves room for free text", _CLOSED)
