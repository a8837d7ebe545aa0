"""The inputs that a workflow reads. Any other input of a run is most likely a misspelt one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from schemas.errors import Problem
from schemas.prompts.refs import parse_prompt_ref
from schemas.prompts.texts import known_names
from schemas.spec.check.nodes import ITEM_NAMES
from schemas.spec.check.shape import MAX_NAMED, similar
from schemas.spec.inputs.condition_inputs import inputs_of_conditions, inputs_of_texts
from schemas.spec.inputs.required_inputs import needed_of
from schemas.spec.loops import every_node, placed_nodes
from schemas.spec.model import AgentNode, FunctionNode, LlmNode, Node, ResolvedSpec, ToolNode, WorkflowNode
from schemas.spec.nested import pinned_key
from schemas.spec.text.outline import outline_of

Arguments = Callable[[Literal["tool", "function"], str], frozenset[str] | None]
"""Returns the names of the arguments that a tool or a function takes; ``None`` if it is unknown or takes any."""


@dataclass(frozen=True, slots=True)
class ArgumentNames:
    """The arguments of tools and functions as data, by kind and name, for another process to read."""

    names: Mapping[tuple[str, str], frozenset[str]]

    def __call__(self, kind: Literal["tool", "function"], name: str) -> frozenset[str] | None:
        """Return the names of the arguments of one; ``None`` if it is unknown or takes any."""
        return self.names.get((kind, name))


def any_arguments(_kind: Literal["tool", "function"], _name: str) -> frozenset[str] | None:
    """Know no tool and no function."""
    return None


def known_inputs(resolved: ResolvedSpec, arguments: Arguments) -> frozenset[str] | None:
    """Return the inputs that a run of a resolved workflow may read; ``None`` if these may be any."""
    return _known(resolved, resolved.children, arguments, {})


def unknown_input_problems(
    known: frozenset[str] | None, names: Iterable[str], workflow: str, path: str = "inputs"
) -> list[Problem]:
    """Return a problem for each input that nothing in ``workflow`` reads, of the first ``MAX_NAMED``."""
    if known is None:
        return []
    unknown = islice((name for name in names if name not in known), MAX_NAMED)
    fix = "otherwise remove it, or write `allow_unknown_inputs: true` in the workflow"
    return [
        Problem(f"{path}.{name}", f"is read by nothing in {workflow}", f"{similar(name, known)}; {fix}")
        for name in unknown
    ]


def given_problems(resolved: ResolvedSpec, arguments: Arguments) -> list[Problem]:
    """Return a problem for each input that a node gives to its nested workflow, and that nothing reads there."""
    problems: list[Problem] = []
    for place, node in placed_nodes(resolved.spec):
        if isinstance(node, WorkflowNode) and node.config.inputs is not None:
            child = resolved.children[pinned_key(node.config, resolved.pins)]
            known = _known(child, resolved.children, arguments, {})
            path = f"{place}.config.inputs"
            problems += unknown_input_problems(known, node.config.inputs, f"workflow {child.spec.name}", path)
    return problems


def _known(
    one: ResolvedSpec,
    children: Mapping[str, ResolvedSpec],
    arguments: Arguments,
    done: dict[str, frozenset[str] | None],
) -> frozenset[str] | None:
    read = inputs_of_conditions(one.spec.dag.nodes)
    keys = inputs_of_texts(() if one.spec.flow is None else one.spec.flow.keys)
    if read.whole or keys.whole or one.spec.allow_unknown_inputs:
        return None
    names = needed_of(one, children) | read.named | read.asked | keys.named | keys.asked
    before = outline_of(one.spec).predecessors
    for node in every_node(one.spec.dag.nodes):
        if before[node.id] or node.config.inputs is not None:
            continue
        taken = _taken(node, one, children, arguments, done)
        if taken is None:
            return None
        names |= taken
    return names


def _taken(
    node: Node,
    one: ResolvedSpec,
    children: Mapping[str, ResolvedSpec],
    arguments: Arguments,
    done: dict[str, frozenset[str] | None],
) -> frozenset[str] | None:
    """Return the inputs that a node takes which gets all of them."""
    if isinstance(node, WorkflowNode):
        key = pinned_key(node.config, one.pins)
        if key not in done:
            done[key] = _known(children[key], children, arguments, done)
        names, own = done[key], frozenset[str]()
    elif isinstance(node, ToolNode):
        names = None if node.queue else arguments("tool", node.config.tool_name)
        own = frozenset(node.config.tool_args)
    elif isinstance(node, FunctionNode):
        names = None if node.queue else arguments("function", node.config.function_name)
        own = frozenset(node.config.function_args)
    elif isinstance(node, LlmNode | AgentNode):
        prompt = one.prompts.get(node.config.prompt_ref)
        # The next version that is the newest, or that a label names, may read other inputs.
        floats = prompt is None or parse_prompt_ref(node.config.prompt_ref).floats
        names = None if floats or prompt is None else known_names(prompt.template, prompt.form)
        own = frozenset()
    else:
        return frozenset()
    return None if names is None else names - own - (ITEM_NAMES if node.config.parallel else frozenset())
