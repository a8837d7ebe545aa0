"""Validates the schemas that nodes give for answers; those of prompts were checked when they were created."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.loops import placed_nodes
from schemas.spec.model import AgentNode, LlmNode, WorkflowSpec
from schemas.values.json_schemas import BadSchema, check_schema


def schema_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    """Yield a problem for each ``output_schema`` by which no answer can be checked."""
    for path, node in placed_nodes(spec):
        if not isinstance(node, LlmNode | AgentNode) or node.config.output_schema is None:
            continue
        try:
            check_schema(node.config.output_schema)
        except BadSchema as exc:
            fix = "correct it; what it refers to must be in its $defs"
            yield Problem(f"{path}.config.output_schema", f"is no JSON schema: {exc}", fix)
