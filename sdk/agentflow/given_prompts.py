"""Prompts that a test gives to the local check: texts, bodies as the API takes them, or versions as it answers them.

    prompts={"greeter": "Greet {{name}}", "judge@2": {"messages": [{"role": "user", "template": "Judge {{text}}"}]}}

A prompt that is not given is taken to exist as the document names it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from agentflow import engine
from agentflow import prompt_rules as rules

Prompts = Mapping[str, str | Mapping[str, Any]]

#: Of a prompt whose version brings tools that nobody names.
ANY_TOOL = "any"
_MOST_TOOLS = 64


def pinned(ref: str, prompts: Prompts) -> engine.PinnedPrompt | None:
    """Return the prompt that a document names, ``None`` if it is not given. Raises ``InvalidSpec``."""
    name = ref.partition("@")[0]
    given = prompts.get(ref, prompts.get(name))
    if given is None:
        return None
    template, form = _read(ref, name, given)
    texts = [message.template for message in form.messages] or [template]
    if problems := tuple(one for text in texts for one in engine.prompt_problems(_path(ref), text, form.dialect)):
        raise engine.InvalidSpec(problems)
    if not form.parts:
        form = form.model_copy(update={"parts": _parts(ref, texts, prompts, form.dialect)})
    return _pinned(ref, template, form)


def assumed(ref: str, spec: engine.WorkflowSpec, tools: Collection[str]) -> engine.PinnedPrompt:
    """Return a prompt with the variables that the document says it has, and ``tools`` where an agent names none."""
    nodes = [
        node
        for node in engine.every_node(spec.dag.nodes)
        if isinstance(node, engine.LlmNode | engine.AgentNode) and node.config.prompt_ref == ref
    ]
    policies = [node.config.cache_policy for node in nodes if node.config.cache_policy is not None]
    named = {one.semantic.variable for one in policies if one.semantic is not None}
    template = " ".join(f"{{{{{name}}}}}" for name in sorted(named))
    needs_tools = any(isinstance(node, engine.AgentNode) and not node.config.tools for node in nodes)
    brought = sorted(tools)[:_MOST_TOOLS] if needs_tools else []
    return _pinned(ref, template, engine.PromptForm(tools=brought))


def _read(ref: str, name: str, given: str | Mapping[str, Any]) -> tuple[str, engine.PromptForm]:
    """Return the text of a prompt, and what it says beside it."""
    if isinstance(given, str):
        return given, engine.PromptForm()
    try:
        if "hash" in given:
            return str(given["template"]), engine.PromptForm.model_validate(given.get("form") or {})
        prompt = rules.checked({"name": name, **given})
        form = rules.form_of(prompt, {}, {})
    except (engine.InvalidInput, engine.InvalidSpec) as exc:
        raise engine.InvalidSpec(tuple(_of(ref, one) for one in exc.problems)) from exc
    found = {"input_schema": form.input_schema, "output_schema": form.output_schema}
    given_ones = ((f"{_path(ref)}.{field}", schema) for field, schema in found.items() if schema is not None)
    if problems := tuple(one for path, schema in given_ones for one in engine.schema_problems(path, schema)):
        raise engine.InvalidSpec(problems)
    return prompt.template or "", form


def _pinned(ref: str, template: str, form: engine.PromptForm) -> engine.PinnedPrompt:
    name, _, version = ref.partition("@")
    said = None if form == engine.PromptForm() else form
    digest = engine.form_hash(template, said)
    number = int(version) if version.isdecimal() else 1
    return engine.PinnedPrompt(name=name, version=number, template=template, hash=digest, form=said)


def _parts(ref: str, texts: list[str], prompts: Prompts, dialect: engine.Dialect) -> dict[str, engine.PromptPart]:
    """Return the parts that a prompt includes, among the prompts that are given."""
    parts: dict[str, engine.PromptPart] = {}
    waiting = list(texts)
    while waiting:
        for part in engine.parse_stored(waiting.pop(), dialect).parts:
            given = prompts.get(part.ref, prompts.get(part.name))
            text = given if isinstance(given, str) or given is None else given.get("template")
            if not text:
                said = f"there is no prompt '{part.ref}' to include, or it has no text"
                raise engine.InvalidSpec((engine.Problem(_path(ref), said, f'add "{part.ref}" to the prompts'),))
            if part.ref not in parts:
                parts[part.ref] = engine.PromptPart(template=text)
                waiting.append(text)
    return parts


def _path(ref: str) -> str:
    return f"prompts.{ref}"


def _of(ref: str, problem: engine.Problem) -> engine.Problem:
    return engine.Problem(f"{_path(ref)}.{problem.path}".rstrip("."), problem.message, problem.fix)


def tools_of(prompts: Mapping[str, engine.PinnedPrompt | None]) -> Iterator[str]:
    """Yield the tools that versions of prompts bring."""
    for prompt in prompts.values():
        yield from () if prompt is None or prompt.form is None else prompt.form.tools
