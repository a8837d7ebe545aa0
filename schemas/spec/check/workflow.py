"""Validates a workflow at registration; runs trust the result.

Two steps: ``parse_workflow`` reads a document, ``check_spec`` compares it with the registered names. Each reports every
problem that it finds, with a path into the document and how to fix it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from schemas.errors import InvalidSpec, Problem
from schemas.privacy.sealed_workflows import subject_problems
from schemas.records.base import Json
from schemas.spec.check.compensation import compensation_problems
from schemas.spec.check.flow import size_problems
from schemas.spec.check.flow_control import flow_control_problems
from schemas.spec.check.loops import loops_problems
from schemas.spec.check.nodes import Registry, node_problems, queue_of
from schemas.spec.check.retries import with_no_codes
from schemas.spec.check.shape import shape_problems
from schemas.spec.hash import resolve, spec_hash
from schemas.spec.inputs.known_inputs import Arguments, any_arguments, given_problems
from schemas.spec.inputs.required_inputs import child_input_problems, needed_of
from schemas.spec.loops import every_node, placed_nodes
from schemas.spec.model import (
    AgentNode,
    FunctionNode,
    LlmNode,
    PinnedPrompt,
    ResolvedSpec,
    SignalNode,
    ToolNode,
    WorkflowSpec,
)
from schemas.spec.nested import Family, family_problems
from schemas.spec.text.outline import Outline, graph_problems, outline_of, outline_of_document
from schemas.spec.text.read import MAX_PROBLEMS, read_document
from schemas.values.strict_schemas import strict_problems

__all__ = [
    "CheckedSpec",
    "check_spec",
    "parse_workflow",
    "prompt_refs",
    "queues_of",
    "resolve",
    "spec_hash",
]


NO_FAMILY = Family()


@dataclass(frozen=True)
class CheckedSpec:
    """A workflow that may be registered. ``resolved`` has its prompts by ``prompt_ref`` as written in the document.

    ``required_inputs`` are the names that every submission must give.
    """

    spec: WorkflowSpec
    resolved: ResolvedSpec
    required_inputs: frozenset[str]


def parse_workflow(document: str | Mapping[str, Json]) -> WorkflowSpec:
    """Read a document: YAML or JSON text, or its parsed mapping.

    Raises ``InvalidSpec``; for an invalid shape it includes further problems of the graph and the references.
    """
    data = with_no_codes(read_document(document))
    spec, problems = shape_problems(data)
    if spec is not None:
        return spec
    if len(problems) >= MAX_PROBLEMS:
        raise InvalidSpec(_unique(problems))
    outline = outline_of_document(data)
    raise InvalidSpec(_unique(chain(problems, _structure(outline, None))))


def prompt_refs(spec: WorkflowSpec) -> frozenset[str]:
    """Return the prompts that a spec names, as written: the ones to look up before ``check_spec``."""
    return frozenset(
        node.config.prompt_ref for node in every_node(spec.dag.nodes) if isinstance(node, LlmNode | AgentNode)
    )


def queues_of(spec: WorkflowSpec) -> frozenset[str]:
    """Return the queues that a spec's nodes name."""
    return frozenset(queue for queue in map(queue_of, every_node(spec.dag.nodes)) if queue is not None)


def check_spec(
    spec: WorkflowSpec,
    *,
    prompts: Mapping[str, PinnedPrompt | None],
    tools: Collection[str],
    functions: Collection[str],
    further: Iterable[Problem] = (),
    family: Family = NO_FAMILY,
    arguments: Arguments = any_arguments,
) -> CheckedSpec:
    """Check a spec against the registered names. Raises ``InvalidSpec`` with every problem.

    ``prompts`` maps each ``prompt_ref`` as written; a missing entry or ``None`` is an unknown prompt. ``further`` are
    problems found elsewhere, to be reported with the rest. ``family`` are the workflows that it reaches. ``arguments``
    knows what tools and functions take.
    """
    known = {ref: prompt for ref, prompt in prompts.items() if prompt is not None}
    structure = _structure(outline_of(spec), Registry(known, frozenset(tools), frozenset(functions)))
    problems = _unique(
        chain(
            structure, value_schema_problems(spec), flow_control_problems(spec), further, family_problems(spec, family)
        )
    )
    if problems:
        raise InvalidSpec(problems)
    resolved = resolve(spec, known, family)
    last = chain(child_input_problems(resolved), given_problems(resolved, arguments), subject_problems(resolved))
    if problems := _unique(last):
        raise InvalidSpec(problems)
    return CheckedSpec(spec, resolved, needed_of(resolved))


def _structure(outline: Outline, registry: Registry | None) -> Iterator[Problem]:
    for one in (outline, *outline.inner.values()):
        yield from graph_problems(one)
    yield from compensation_problems(outline)
    yield from size_problems(found.node for found in outline.nodes if found.node is not None)
    yield from loops_problems(outline)
    for one in (outline, *outline.inner.values()):
        for found in one.nodes:
            if found.node is not None:
                yield from node_problems(found.index, found.node, one, registry)


def _unique(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the first problems: each may cost a comparison with all names, and a thousand of them help nobody."""
    return tuple(dict.fromkeys(islice(problems, MAX_PROBLEMS)))


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
