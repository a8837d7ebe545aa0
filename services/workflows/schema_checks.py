"""Validates the schemas that nodes give for answers; those of prompts were checked when they were created."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.check.workflow import prompt_refs
from schemas.spec.loops import placed_nodes
from schemas.spec.model import AgentNode, LlmNode, WorkflowSpec
from schemas.spec.nested import workflow_nodes
from schemas.values.json_schemas import schema_problems
from services.workflows.checks import Parsed


def answer_schema_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    """Yield a problem for each ``output_schema`` by which no answer can be checked."""
    for path, node in placed_nodes(spec):
        if isinstance(node, LlmNode | AgentNode) and node.config.output_schema is not None:
            yield from schema_problems(f"{path}.config.output_schema", node.config.output_schema)


def named_workflows(parsed: Parsed) -> list[str]:
    """Return the workflow itself and those that its nodes start."""
    return [parsed.spec.name, *sorted({node.config.workflow for node in workflow_nodes(parsed.spec)})]


def named_prompts(parsed: Parsed) -> list[str]:
    """Return the prompts that nodes name, without those that are written inside of nodes."""
    own = {one.name for one in parsed.inline}
    return sorted({ref.partition("@")[0] for ref in prompt_refs(parsed.spec)} - own)
