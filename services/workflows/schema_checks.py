"""Validates the schemas that nodes give for answers; those of prompts were checked when they were created."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.loops import placed_nodes
from schemas.spec.model import AgentNode, LlmNode, WorkflowSpec
from schemas.values.json_schemas import schema_problems


def answer_schema_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    """Yield a problem for each ``output_schema`` by which no answer can be checked."""
    for path, node in placed_nodes(spec):
        if isinstance(node, LlmNode | AgentNode) and node.config.output_schema is not None:
            yield from schema_problems(f"{path}.config.output_schema", node.config.output_schema)
