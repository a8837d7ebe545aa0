"""Checks the inputs of a submission against the schemas of the prompts that certainly get them."""

from collections.abc import Iterator, Mapping

from schemas.errors import InvalidInput, Problem
from schemas.prompts.rendering import value_violations
from schemas.records.base import Json
from schemas.spec.compensation import compensating
from schemas.spec.model import AgentNode, LlmNode, ResolvedSpec
from schemas.values.json_schemas import BadSchema


def check_prompt_values(resolved: ResolvedSpec, inputs: Mapping[str, Json]) -> None:
    """Raise ``InvalidInput`` for inputs that a prompt certainly gets and that break its schema.

    It certainly gets them where its node is a first one, without ``inputs`` and without a condition. The values of all
    others are checked before their calls.
    """
    problems = tuple(dict.fromkeys(_value_problems(resolved, inputs)))
    if problems:
        raise InvalidInput.of(*problems)


def _value_problems(resolved: ResolvedSpec, inputs: Mapping[str, Json]) -> Iterator[Problem]:
    if not any(prompt.form is not None for prompt in resolved.prompts.values()):
        return
    spec = resolved.spec
    later = {edge.target for edge in spec.dag.edges} | compensating(spec)
    for node in spec.dag.nodes:
        if not isinstance(node, LlmNode | AgentNode) or node.id in later:
            continue
        config = node.config
        prompt = resolved.prompts.get(config.prompt_ref)
        if prompt is None or config.inputs is not None or config.parallel or config.condition is not None:
            continue
        try:
            found = value_violations(prompt.template, prompt.form, inputs)
        except BadSchema:
            continue  # its call says so
        for one in found:
            path, _, said = one.removeprefix("$").partition(": ")
            fix = f"see the schema of prompt {prompt.name} version {prompt.version}, which node '{node.id}' uses"
            yield Problem(f"inputs{path}", said, fix)
