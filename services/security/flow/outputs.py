"""The labels of what a node gives, by its kind."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label, joined
from schemas.labels.mapped import Labels
from schemas.prompts.effective import effective
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.model import AgentNode, FunctionNode, LlmNode, Node, ResolvedSpec, SignalNode, ToolNode, WorkflowNode
from schemas.spec.nested import pinned_key
from services.security.flow.arguments import Given
from services.security.flow.flows import Flow
from services.security.flow.ground import Ground, source_of

RunChild = Callable[[str, Labels, Label], Flow | None]
"""Returns the flow of a workflow, by ``name@version``, with labels of its inputs and of what starts it."""


@dataclass(frozen=True, slots=True)
class Made:
    """The labels of an output, and of what the node brought in by itself. See ``NodeFlow``."""

    output: Labels
    source: Label
    context: Label | None = None
    tools: tuple[str, ...] = ()
    child: Flow | None = None


def made(node: Node, args: Given, control: Label, ground: Ground, run_child: RunChild, resolved: ResolvedSpec) -> Made:
    """Return what a node gives that has these arguments and was chosen by data of this label."""
    read = args.labels.whole.join(control)
    if isinstance(node, ToolNode | FunctionNode):
        tool = _declared(node, ground)
        source = source_of(tool)
        return Made(source.raised(_endorsed(read, control) if tool.endorses else read), source.whole)
    if isinstance(node, SignalNode):
        return Made(Labels.of_whole(ground.signals.join(control)), ground.signals)
    if isinstance(node, AgentNode):
        tools = tuple(effective(node, resolved.prompts.get(node.config.prompt_ref)).tools)
        brought = joined(source_of(ground.tool(name)).whole for name in tools)
        context = read.join(brought)
        is_closed = node.id in ground.closed.get(resolved.spec.name, ())
        answer = _endorsed(context, control) if is_closed else context
        return Made(Labels.of_whole(answer), brought, context, tools)
    if isinstance(node, LlmNode) and node.id in ground.closed.get(resolved.spec.name, ()):
        return Made(Labels.of_whole(_endorsed(read, control)), TRUSTED)
    if isinstance(node, WorkflowNode):
        return _of_child(node, args, control, run_child, resolved)
    return Made(Labels.of_whole(read), TRUSTED)


def _declared(node: ToolNode | FunctionNode, ground: Ground) -> ToolSecurity:
    if isinstance(node, ToolNode):
        return ground.called(node)
    return ground.function(node.config.function_name)


def _endorsed(label: Label, control: Label) -> Label:
    """Return what is left of a label when its data was endorsed: it is trusted, as far as its choice is."""
    return _with_integrity(label, control.integrity)


def _with_integrity(label: Label, integrity: Integrity) -> Label:
    """Return a label with another integrity."""
    return Label(integrity, label.classes, label.readers, label.origins)


def _of_child(node: WorkflowNode, args: Given, control: Label, run_child: RunChild, resolved: ResolvedSpec) -> Made:
    try:
        child = run_child(pinned_key(node.config, resolved.pins), args.labels, control)
    except KeyError:
        child = None
    if child is None:
        return Made(Labels.of_whole(UNLABELLED.join(control)), UNLABELLED)
    if node.config.detach:
        # Its id says nothing of what it does.
        return Made(Labels.of_whole(args.labels.whole.join(control)), TRUSTED, child=child)
    source = joined(one.source for one in child.nodes.values())
    return Made(child.output.raised(control), source, child=child)
