"""Why a run of a workflow cannot have a data subject, and which workflows need one. Pure.

A workflow with ``subject: required`` is refused at registration for what is refused of any other one when a run with a
subject is submitted.
"""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.privacy.sealed_questions import SHOWN, questions_of
from schemas.spec.loops import placed_nodes
from schemas.spec.model import ResolvedSpec, WorkflowNode, WorkflowSpec
from schemas.spec.nested import pinned_key

_OUTPUT_SCHEMA = "`output_schema` cannot be checked, since outputs are sealed; give it to the nodes instead"


def refused_of(resolved: ResolvedSpec) -> list[str]:
    """Return why a run of a workflow cannot have a data subject, with what to do; empty if it can."""
    refused = [one.said for one in questions_of(resolved.spec).refused]
    if resolved.spec.output_schema is not None:
        refused.append(_OUTPUT_SCHEMA)
    for key, child in resolved.children.items():
        refused += [f"workflow {key}: {why}" for why in _refused_of_child(child.spec)]
    return refused


def requires_subject(resolved: ResolvedSpec) -> str | None:
    """Return the workflow by which runs must have a data subject: this one or one that it starts. ``None``: none."""
    if resolved.spec.subject == "required":
        return resolved.spec.name
    return next((key for key, child in resolved.children.items() if child.spec.subject == "required"), None)


def subject_problems(resolved: ResolvedSpec) -> Iterator[Problem]:
    """Yield why a workflow whose runs must have a data subject can have none, by its path in the document."""
    needing, spec = requires_subject(resolved), resolved.spec
    if needing is None:
        return
    if spec.subject != "required":
        said = f"workflow {needing}, which it starts, has `subject: required`, so its own runs need a subject, too"
        yield Problem("subject", said, "write subject: required")
    places = {node.id: path for path, node in placed_nodes(spec)}
    for one in questions_of(spec).refused:
        said, _, fix = one.said.partition("; ")
        yield Problem(f"{places[one.node]}.{one.at}", said, fix)
    if spec.output_schema is not None:
        yield Problem("output_schema", "cannot be checked, since outputs are sealed", "give it to the nodes instead")
    starts = {
        pinned_key(node.config, resolved.pins): path
        for path, node in placed_nodes(spec)
        if isinstance(node, WorkflowNode)
    }
    for key, child in resolved.children.items():
        for why in _refused_of_child(child.spec):
            said, _, fix = why.partition("; ")
            yield Problem(f"{starts.get(key, 'dag.nodes')}.config.workflow", f"workflow {key}: {said}", fix)


def _refused_of_child(spec: WorkflowSpec) -> Iterator[str]:
    asked = questions_of(spec)
    yield from (one.said for one in asked.refused)
    for condition in asked.conditions:
        yield f"the condition {condition.text[:SHOWN]!r} reads its inputs, which are sealed before it is started"
    for name, _ in (one for one in asked.lengths if one[1]):
        yield f"it maps over a part of its input {name!r}; let a function before it return that list as its output"
    if spec.input_schema is not None or spec.output_schema is not None:
        yield "its schemas of inputs and outputs cannot be checked on sealed values; give them to its nodes instead"
    sources = {edge.source for edge in spec.dag.edges}
    if len([node for node in spec.dag.nodes if node.id not in sources]) > 1:
        yield "it has several last nodes, whose sealed outputs cannot be put together; end it in one node"
