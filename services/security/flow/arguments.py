"""The arguments of a node: what its document binds, and what comes by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.labels.label import TRUSTED, Label
from schemas.labels.mapped import Labels
from schemas.labels.paths import ROOT, Path
from schemas.prompts.refs import parse_prompt_ref
from schemas.prompts.texts import known_names
from schemas.spec.model import (
    AgentNode,
    FunctionNode,
    LlmNode,
    Node,
    PinnedPrompt,
    ResolvedSpec,
    ToolNode,
    WaitNode,
    WorkflowNode,
)
from schemas.spec.references import parse_reference
from services.security.flow.values import INPUTS, Names, Read, bound, tainted

_TAKES_INPUTS = (LlmNode, AgentNode, ToolNode, FunctionNode, WorkflowNode)


@dataclass(frozen=True, slots=True)
class Given:
    """The labels of arguments, ``$.name`` each, and what each of them was made of. ``*`` is what comes by itself."""

    labels: Labels
    reads: Mapping[str, tuple[Read, ...]]


def given(node: Node, before: list[str], names: Names, resolved: ResolvedSpec) -> Given:
    """Return the arguments of a node's steps. What the document binds wins over what comes by itself."""
    places: dict[Path, Label] = {ROOT: TRUSTED}
    reads: dict[str, tuple[Read, ...]] = {}
    named = _named(node)
    takes_inputs = node.config.inputs is None and isinstance(node, _TAKES_INPUTS)
    if takes_inputs and not before:
        # Also the names that no declaration knows: they have the label of the whole.
        places |= {path: label for path, label in names.inputs if not path or path[0] not in named}
        reads["*"] = tainted([Read(INPUTS, names.inputs.whole)])
    if names.item is not None:
        by_itself = {"item": names.item.labels, "index": Labels.of_whole(names.index)}
        for name, labels in by_itself.items():
            if name not in named:
                places |= labels.placed((name,))
                reads[name] = names.item.reads
    for name, value in named.items():
        one = bound(value, names)
        places |= one.labels.placed((name,))
        reads[name] = one.reads
    if takes_inputs:
        for source in _by_themselves(node, before, resolved):
            if source not in named:
                places |= names.output(source).placed((source,))
                reads[source] = tainted([Read(source, names.output(source).whole)])
    return Given(Labels(places), reads)


def _by_themselves(node: Node, before: list[str], resolved: ResolvedSpec) -> list[str]:
    """Return the predecessors whose outputs come by themselves: that of a mapped list only if a prompt names it."""
    items = node.config.items
    reference = parse_reference(items) if isinstance(items, str) else None
    mapped = before[0] if node.config.parallel and items is None and len(before) == 1 else None
    if reference is not None:
        mapped = reference.node
    if mapped is None or not isinstance(node, LlmNode | AgentNode):
        return [source for source in before if source != mapped]
    prompt = resolved.prompts.get(node.config.prompt_ref)
    # Another version of the prompt, which a rollout may choose, could name it.
    wanted = (
        {mapped} if prompt is None or parse_prompt_ref(node.config.prompt_ref).floats else _prompt_names(node, prompt)
    )
    return [source for source in before if source != mapped or source in wanted]


def _prompt_names(node: LlmNode | AgentNode, prompt: PinnedPrompt) -> frozenset[str]:
    return known_names(prompt.template, prompt.form) | frozenset(node.config.images)


def _named(node: Node) -> dict[str, object]:
    named: dict[str, object] = dict(node.config.inputs or {})
    if isinstance(node, ToolNode):
        named |= node.config.tool_args
    elif isinstance(node, FunctionNode):
        named |= node.config.function_args
    elif isinstance(node, WaitNode) and node.config.until is not None:
        named["until"] = node.config.until
    return named
