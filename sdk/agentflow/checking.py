"""Checks a workflow document by the server's rules, without a server."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentflow.errors import AgentFlowError, InvalidWorkflow, ProblemPart

try:
    from agentflow import engine, given_prompts
except ModuleNotFoundError as exc:
    raise AgentFlowError(
        f"the rules need the package {exc.name!r}; install them with: pip install 'agentflow-sdk[testing]'"
    ) from exc

_ANY_WORKFLOW = {
    "version": 1,
    "allow_unknown_inputs": True,
    "dag": {"nodes": [{"id": "end", "type": "wait", "config": {"duration_ms": 0}}]},
}


@dataclass(frozen=True)
class Checked:
    """A valid workflow: the inputs that every run must give, and those that it may (``None``: any).

    ``resolved`` is the workflow as a run carries it.
    """

    required_inputs: frozenset[str]
    known_inputs: frozenset[str] | None
    resolved: engine.ResolvedSpec


def check(
    document: str | Mapping[str, Any],
    *,
    prompts: given_prompts.Prompts | None = None,
    tools: Collection[str] | None = None,
    functions: Collection[str] | None = None,
    workflows: Sequence[str | Mapping[str, Any]] = (),
) -> Checked:
    """Return a document that a server with these prompts, tools, functions and workflows would register.

    ``prompts`` are texts, or mappings as ``POST /api/v1/prompts`` takes them and ``GET`` answers them.
    Of what is not given (``None``, and workflows that are not) whatever the document names is taken to exist. Raises
    ``InvalidWorkflow`` with every problem.
    """
    try:
        spec, own = _read(document)
        there = (_tools(spec) or {given_prompts.ANY_TOOL}) if tools is None else set(tools)
        refs = _prompts(spec, own, prompts, there)
        checked = engine.check_spec(
            spec,
            prompts=refs,
            tools=there.union(given_prompts.tools_of(refs)) if tools is None else there,
            functions=_functions(spec) if functions is None else functions,
            family=_family(spec, workflows, prompts, there),
        )
    except engine.InvalidSpec as exc:
        raise InvalidWorkflow([ProblemPart(one.path, one.message, one.fix) for one in exc.problems]) from exc
    known = engine.known_inputs(checked.resolved, engine.any_arguments)
    return Checked(checked.required_inputs, known, checked.resolved)


def check_inputs(workflow: str, checked: Checked, inputs: Mapping[str, Any]) -> None:
    """Raise ``InvalidWorkflow`` when a run lacks an input, or has one that nothing reads or that breaks a schema."""
    missing = sorted(checked.required_inputs.difference(inputs))
    problems = [ProblemPart(f"inputs.{name}", "is missing", f'add "{name}" to the inputs') for name in missing]
    unknown = engine.unknown_input_problems(checked.known_inputs, inputs, workflow)
    problems += [ProblemPart(one.path, one.message, one.fix) for one in unknown]
    if problems:
        raise InvalidWorkflow(problems)
    try:
        engine.check_input_schema(checked.resolved.spec, inputs)
        engine.check_prompt_values(checked.resolved, inputs)
    except engine.InvalidInput as exc:
        raise InvalidWorkflow([ProblemPart(one.path, one.message, one.fix) for one in exc.problems]) from exc


def _read(document: str | Mapping[str, Any]) -> tuple[engine.WorkflowSpec, dict[str, engine.PinnedPrompt]]:
    """Return the workflow in a document, and the prompts inside of its nodes, as a registration makes them."""
    taken, inline, problems = engine.take_inline(engine.read_document(document))
    try:
        spec = engine.parse_workflow(taken)
    except engine.InvalidSpec as exc:
        raise engine.InvalidSpec((*problems, *exc.problems)) from exc
    if problems:
        raise engine.InvalidSpec(tuple(problems))
    pinned = {one.node: one.pinned(1) for one in inline}
    return engine.with_versions(spec, pinned), {f"{one.name}@1": one for one in pinned.values()}


def _prompts(
    spec: engine.WorkflowSpec,
    own: Mapping[str, engine.PinnedPrompt],
    prompts: given_prompts.Prompts | None,
    tools: Collection[str],
) -> dict[str, engine.PinnedPrompt | None]:
    """Return the prompts that a workflow names: its own, and those that are given or assumed."""

    def found(ref: str) -> engine.PinnedPrompt | None:
        return given_prompts.assumed(ref, spec, tools) if prompts is None else given_prompts.pinned(ref, prompts)

    return {ref: own.get(ref) or found(ref) for ref in engine.prompt_refs(spec)}


def _tools(spec: engine.WorkflowSpec) -> set[str]:
    nodes = list(engine.every_node(spec.dag.nodes))
    agents = {name for node in nodes if isinstance(node, engine.AgentNode) for name in node.config.tools}
    return agents | {node.config.tool_name for node in nodes if isinstance(node, engine.ToolNode)}


def _functions(spec: engine.WorkflowSpec) -> set[str]:
    nodes = engine.every_node(spec.dag.nodes)
    return {node.config.function_name for node in nodes if isinstance(node, engine.FunctionNode)}


def _family(
    spec: engine.WorkflowSpec,
    workflows: Sequence[str | Mapping[str, Any]],
    prompts: given_prompts.Prompts | None,
    tools: Collection[str],
) -> engine.Family:
    """Return the workflows that a workflow reaches: those that are given, and stand-ins for all others."""
    members = ((one, _member(one, own, prompts, tools)) for one, own in map(_read, workflows))
    given = {engine.member_key(one.name, one.version): member for one, member in members}
    newest: dict[str, int] = {}
    for member in given.values():
        newest[member.spec.name] = max(newest.get(member.spec.name, 0), member.spec.version)
    for name, version in _named((spec, *(member.spec for member in given.values()))):
        number = version or newest.setdefault(name, 1)
        if engine.member_key(name, number) not in given:
            any_one = engine.WorkflowSpec.model_validate(_ANY_WORKFLOW | {"name": name, "version": number})
            given[engine.member_key(name, number)] = engine.Member(any_one, {})
    return engine.Family(given, newest)


def _named(specs: Sequence[engine.WorkflowSpec]) -> Iterator[tuple[str, int | None]]:
    names = {spec.name for spec in specs[:1]}
    for spec in specs:
        for node in engine.workflow_nodes(spec):
            if node.config.workflow not in names:
                yield node.config.workflow, node.config.version


def _member(
    spec: engine.WorkflowSpec,
    own: Mapping[str, engine.PinnedPrompt],
    prompts: given_prompts.Prompts | None,
    tools: Collection[str],
) -> engine.Member:
    refs = _prompts(spec, own, prompts, tools)
    missing = sorted(ref for ref, prompt in refs.items() if prompt is None)
    if missing:
        said = f"workflow '{spec.name}' names the prompt '{missing[0]}', which is not there"
        raise engine.InvalidSpec((engine.Problem("dag.nodes", said, "give it in `prompts`"),))
    return engine.Member(spec, {ref: prompt for ref, prompt in refs.items() if prompt is not None})
