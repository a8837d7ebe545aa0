"""The schemas of a document by which the engine checks values: of a run's inputs and output, of tools' outputs."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.loops import placed_nodes
from schemas.spec.model import FunctionNode, SignalNode, ToolNode, WorkflowSpec
from schemas.values.strict_schemas import strict_problems


def value_schema_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    """Yield a problem for each schema by which nothing can be checked."""
    for name in ("input_schema", "output_schema"):
        schema = getattr(spec, name)
        if schema is not None:
            yield from strict_problems(name, schema)
    for path, node in placed_nodes(spec):
        if isinstance(node, SignalNode) and node.config.input_schema is not None:
            yield from strict_problems(f"{path}.config.input_schema", node.config.input_schema)
        if isinstance(node, ToolNode | FunctionNode) and node.config.output_schema is not None:
            yield from strict_problems(f"{path}.config.output_schema", node.config.output_schema)
