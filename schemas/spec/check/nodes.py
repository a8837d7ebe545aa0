"""Validates a node within its workflow: references, prompt or tool, and the variables of its templates."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.batches import BATCH_PROVIDERS
from schemas.errors import Problem
from schemas.prompts.effective import effective
from schemas.prompts.refs import parse_prompt_ref
from schemas.prompts.texts import known_names, required_names
from schemas.queues import OWN
from schemas.spec.check.flow import flow_problems
from schemas.spec.check.loops import loop_problems
from schemas.spec.check.quarantine import quarantine_problems
from schemas.spec.check.shape import similar
from schemas.spec.check.texts import text_problems
from schemas.spec.check.waiting_nodes import dynamic_problems
from schemas.spec.compensation import RUN_ERROR
from schemas.spec.inputs.bound import texts
from schemas.spec.loops import every_node
from schemas.spec.model import (
    AgentNode,
    FunctionNode,
    LlmNode,
    LoopNode,
    Node,
    PinnedPrompt,
    SignalNode,
    ToolNode,
    WorkflowNode,
)
from schemas.spec.policy import TIERS
from schemas.spec.references import parse_loop_reference, parse_reference, parse_template, variables_of
from schemas.spec.text.outline import Outline

#: Variables that a child of a mapped node has in addition to its inputs.
ITEM_NAMES = frozenset({"item", "index"})


@dataclass(frozen=True)
class Registry:
    """The names that a workflow may use."""

    prompts: Mapping[str, PinnedPrompt]
    tools: frozenset[str]
    functions: frozenset[str]


def node_problems(index: int, node: Node, outline: Outline, registry: Registry | None) -> Iterator[Problem]:
    """Yield the problems of a node. Without a registry only those that the document alone shows."""
    place = f"{outline.path}[{index}]"
    path = f"{place}.config"
    yield from _queue_problems(f"{place}.queue", node)
    yield from text_problems(path, node, outline)
    yield from _parallel_problems(path, node, outline)
    if node.policy.on_unknown == "reconcile" and not isinstance(node, ToolNode):
        where = f"{place}.policy.on_unknown"
        yield Problem(where, f"an unknown outcome of a {node.type} cannot be reconciled", "write `fail` or `retry`")
    yield from _model_policy_problems(f"{place}.policy", node, registry)
    yield from dynamic_problems(path, node)
    yield from flow_problems(place, node, outline)
    yield from answer_problems(path, node, outline)
    yield from quarantine_problems(place, node, _prompt_of(node, registry))
    if isinstance(node, LoopNode):
        yield from loop_problems(place, node, outline)
    if registry is not None:
        yield from _registry_problems(path, node, outline, registry)


def _prompt_of(node: Node, registry: Registry | None) -> PinnedPrompt | None:
    return (
        None
        if registry is None or not isinstance(node, LlmNode | AgentNode)
        else registry.prompts.get(node.config.prompt_ref)
    )


def required_inputs(
    nodes: Iterable[Node],
    outline: Outline,
    prompts: Mapping[str, PinnedPrompt],
    of_child: Callable[[WorkflowNode], frozenset[str]] = lambda _: frozenset(),
) -> frozenset[str]:
    """Return the run inputs that the templates of a checked spec need.

    ``of_child`` returns the required inputs of the workflow that a node runs.
    """
    needed: set[str] = set()
    before = outline.predecessors
    for node in every_node(nodes):
        own = ITEM_NAMES if node.config.parallel else RUN_ERROR if node.id in outline.apart else frozenset()
        for where, text in texts(node):
            if parse_reference(text) is None:
                needed |= variables_of(text) - (frozenset() if where == ".items" else own)
        if isinstance(node, LlmNode | AgentNode) and node.config.inputs is None and not before[node.id]:
            prompt = prompts[node.config.prompt_ref]
            needed |= (required_names(prompt.template, prompt.form) | set(node.config.images)) - own
        elif isinstance(node, WorkflowNode) and node.config.inputs is None and not before[node.id]:
            needed |= of_child(node) - own
    return frozenset(needed)


def _parallel_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    config = node.config
    if not config.parallel:
        said = {
            "items": config.items is not None,
            "max_parallel": config.max_parallel is not None,
            "max_items": config.max_items is not None,
            "on_child_error": config.on_child_error != "fail",
        }
        for name in (name for name, is_said in said.items() if is_said):
            what = name if name == "items" else f"children, so no `{name}`"
            yield Problem(f"{path}.{name}", f"a node that is not parallel has no {what}", "add `parallel: true`")
        return
    before = outline.before[node.id]
    if config.items is None and len(before) != 1:
        yield Problem(
            f"{path}.parallel",
            f"'{node.id}' has {len(before)} predecessors, so the list that it maps over is ambiguous",
            "name the list with `items`",
        )
    text = config.items
    if isinstance(text, str) and _is_literal(text) and parse_template(text).only is None:
        yield Problem(f"{path}.items", f"'{text}' is not a list", "write a list, <node>.output or {{run_input}}")


def _is_literal(text: str) -> bool:
    return parse_reference(text) is None and parse_loop_reference(text) is None


def queue_of(node: Node) -> str | None:
    """Check the queue that a node names. The tools of its workers are unknown here."""
    return node.queue if isinstance(node, LlmNode | ToolNode | FunctionNode) else None


def _model_policy_problems(path: str, node: Node, registry: Registry | None) -> Iterator[Problem]:
    """Find a policy for routes, streams or data that would change nothing."""
    if node.policy.stream and not isinstance(node, LlmNode | AgentNode):
        yield Problem(f"{path}.stream", f"a node of type {node.type} asks no model", "remove it")
    yield from _batch_problems(path, node, registry)
    for name in ("provider_options", "prompt_cache"):
        if name in node.policy.model_fields_set and not isinstance(node, LlmNode | AgentNode):
            yield Problem(f"{path}.{name}", f"a node of type {node.type} asks no model", "remove it")
    if node.policy.data_class and not isinstance(node, LlmNode | AgentNode):
        yield Problem(f"{path}.data_class", f"a node of type {node.type} asks no model", "remove it")
    if node.policy.route is None:
        return
    if not isinstance(node, LlmNode | AgentNode):
        yield Problem(f"{path}.route", f"a node of type {node.type} chooses no model", "remove it")
    elif node.config.provider is not None or node.config.model is not None:
        fix = "remove `model` and `provider`, or limit the choice with `route.models`"
        yield Problem(f"{path}.route", "a pinned model is never routed", fix)


def _batch_problems(path: str, node: Node, registry: Registry | None) -> Iterator[Problem]:
    """Find a wish for batches that nothing can fulfil."""
    batch = node.policy.batch
    if batch == "never":
        return
    if not isinstance(node, LlmNode | AgentNode):
        yield Problem(f"{path}.batch", f"a node of type {node.type} asks no model", "remove it")
        return
    prompt = None if registry is None else registry.prompts.get(node.config.prompt_ref)
    provider, able = effective(node, prompt).provider, " or ".join(sorted(BATCH_PROVIDERS))
    if batch == "only" and provider not in BATCH_PROVIDERS:
        what = "no provider is pinned" if provider is None else f"the provider '{provider}' has no batch API here"
        yield Problem(f"{path}.batch", what, f"pin `provider` {able} with a `model`, or write `batch: auto`")
    if node.policy.stream:
        yield Problem(f"{path}.stream", "the answer of a batch is never streamed", "remove it, or `batch`")


def _queue_problems(path: str, node: Node) -> Iterator[Problem]:
    queue = (queue_of(node) or "").removeprefix(OWN)
    if queue in TIERS:
        yield Problem(path, f"'{queue}' is a quality, not a queue", f"write `policy: {{quality: {queue}}}` instead")
    elif queue == "dlq":
        yield Problem(path, "'dlq' is reserved for dead letters", "choose another name")


def _registry_problems(path: str, node: Node, outline: Outline, registry: Registry) -> Iterator[Problem]:
    if queue_of(node) is not None and not isinstance(node, LlmNode):
        return
    if isinstance(node, ToolNode):
        yield from _unknown(f"{path}.tool_name", "tool", node.config.tool_name, registry.tools)
    elif isinstance(node, FunctionNode):
        yield from _unknown(f"{path}.function_name", "function", node.config.function_name, registry.functions)
    elif isinstance(node, LlmNode | AgentNode):
        yield from _prompt_problems(path, node, outline, registry)
    if isinstance(node, AgentNode):
        yield from _agent_problems(path, node, registry)


def _agent_problems(path: str, node: AgentNode, registry: Registry) -> Iterator[Problem]:
    prompt = registry.prompts.get(node.config.prompt_ref)
    tools = effective(node, prompt).tools
    for n, name in enumerate(tools):
        yield from _unknown(
            f"{path}.tools[{n}]" if node.config.tools else f"{path}.tools", "tool", name, registry.tools
        )
    if not tools and prompt is not None:
        fix = "list at least one tool in `tools`, or in the prompt's version; a node of type llm needs none"
        yield Problem(f"{path}.tools", "neither the agent nor its prompt names tools", fix)
    if node.config.cache:
        yield Problem(f"{path}.cache", "turns of an agent cannot be cached", "remove it")


def _unknown(path: str, what: str, name: str, known: Iterable[str]) -> Iterator[Problem]:
    names = set(known)
    if name not in names:
        yield Problem(path, f"there is no {what} '{name}'", similar(name, names))


def _semantic_problems(path: str, node: LlmNode | AgentNode, prompt: PinnedPrompt) -> Iterator[Problem]:
    policy = node.config.cache_policy
    variables = known_names(prompt.template, prompt.form)
    if policy is None or policy.semantic is None or policy.semantic.variable in variables:
        return
    said = f"the prompt '{node.config.prompt_ref}' has no variable '{policy.semantic.variable}'"
    yield Problem(f"{path}.cache.semantic.variable", said, similar(policy.semantic.variable, variables))


def _how_to_have(ref: str) -> str:
    named = parse_prompt_ref(ref)
    return "create it first" if named.label is None else f"create it, or move its label {named.label} to a version"


def _prompt_problems(path: str, node: LlmNode | AgentNode, outline: Outline, registry: Registry) -> Iterator[Problem]:
    ref = node.config.prompt_ref
    prompt = registry.prompts.get(ref)
    if prompt is None:
        fix = f"{similar(ref, registry.prompts)}" if registry.prompts else _how_to_have(ref)
        yield Problem(f"{path}.prompt_ref", f"there is no prompt '{ref}'", fix)
        return
    yield from _semantic_problems(path, node, prompt)
    if node.config.repair and effective(node, prompt).output_schema is None:
        said = "without an `output_schema`, of the node or of its prompt, every answer is right"
        yield Problem(f"{path}.repair", said, "add `output_schema`, or remove `repair`")
    before = outline.before[node.id]
    inputs = node.config.inputs
    if inputs is None and not before:
        return  # a root gets the run's inputs, so its variables are required of every submission
    given = set(before if inputs is None else inputs) | (ITEM_NAMES if node.config.parallel else set())
    source = "its predecessors" if inputs is None else "`inputs`"
    for n, name in enumerate(node.config.images):
        if name not in given:
            fix = f"name one of {', '.join(sorted(given)) or 'its inputs; it has none'}"
            yield Problem(f"{path}.images[{n}]", f"'{name}' is not an input of '{node.id}'", fix)
    for name in sorted(required_names(prompt.template, prompt.form) - given):
        yield Problem(
            f"{path}.prompt_ref" if inputs is None else f"{path}.inputs",
            f"the prompt '{ref}' needs '{name}', which {source} of '{node.id}' do not provide",
            f"add `{name}` to `inputs`; provided are {', '.join(sorted(given)) or 'none'}",
        )


def answer_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    """Yield the problems of a signal's ``answer``; nothing for other nodes. ``path`` is that of its config."""
    if not isinstance(node, SignalNode) or node.config.answer is None or outline.cycle is not None:
        return
    where, text = f"{path}.answer", node.config.answer
    reference = parse_reference(text)
    if reference is None:
        yield Problem(where, f"'{text}' is no reference", "write <node>.output, of a node after this one")
        return
    if node.config.parallel:
        yield Problem(where, "a mapped signal has no answer: several of its children may get one", "remove `answer`")
    if reference.node not in outline.before:
        yield Problem(where, f"there is no node '{reference.node}' beside '{node.id}'", "name a node after this one")
    elif node.id not in outline.above.get(reference.node, frozenset()):
        said = f"'{reference.node}' does not run after '{node.id}'"
        yield Problem(where, said, f"add edges that lead from '{node.id}' to '{reference.node}'")
