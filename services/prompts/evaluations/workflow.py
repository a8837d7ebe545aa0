"""The workflow of an evaluation: a map over the cases for each version and repetition, and what scores the answers.

    candidate_1 … candidate_n ─┬──────────────────────────┬─> scores
    baseline_1  … baseline_n  ─┼─> pairs ─> judge_1 … ────┤
                               └─> rows ──> scorer_1 … ───┘

The cases and the scorers are inputs of its runs. So two evaluations of the same versions are runs of one version of
the workflow, however many cases they have. A repetition is a node of its own: another step, with another idempotency
key, and no answer of it comes from the cache. A judge is asked on each pair of answers twice, in both orders.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.evaluations import ScorerSpec
from schemas.ids import content_hash
from schemas.spec.policy import Tier
from services.prompts.evaluations import names
from services.prompts.evaluations.judge import JUDGE_TEMPLATE, judge_inputs

#: A workflow's name has 128 characters at most, and so has a prompt inside of it, ``<workflow>.judge_20``.
_NAME_CHARS = 112
_PREFIX = "evaluation."
_HASH_CHARS = 12
#: Options of a judge that are fields of its node.
_OF_JUDGES = ("provider", "model", "max_tokens")
_ITEM = {"inputs": "{{item.inputs}}", "output": "{{item.output}}", "expected": "{{item.expected}}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the versions that are compared: ``name`` says which of the two, ``variables`` what it is given."""

    name: str
    version: int
    variables: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an evaluation asks. ``model`` are fields of the nodes that every call has, such as ``provider``."""

    prompt: str
    sides: Sequence[Side]
    repeats: int
    quality: Tier
    scorers: Sequence[ScorerSpec] = ()
    model: Mapping[str, Any] = field(default_factory=dict)

    @property
    def judges(self) -> list[ScorerSpec]:
        """The scorers that are models."""
        return [one for one in self.scorers if one.kind == "llm_judge"]

    @property
    def functions(self) -> list[ScorerSpec]:
        """The scorers that users wrote."""
        return [one for one in self.scorers if one.kind == "custom"]


def workflow_name(prompt: str) -> str:
    """Return the name of the workflow that evaluates a prompt."""
    name = f"{_PREFIX}{prompt}"
    if len(name) <= _NAME_CHARS:
        return name
    return f"{name[: _NAME_CHARS - _HASH_CHARS - 1]}-{content_hash(prompt.encode())[:_HASH_CHARS]}"


def nodes_of(side: str, repeats: int) -> list[str]:
    """Return the nodes whose children are a version's answers, by repetition."""
    return [f"{side}_{number}" for number in range(1, repeats + 1)]


def document(plan: Plan, version: int) -> dict[str, Any]:
    """Return the workflow as a document with this version."""
    answering = [_answers(plan, side, node) for side in plan.sides for node in nodes_of(side.name, plan.repeats)]
    judging, scoring = list(_judges(plan)), list(_functions(plan))
    gathering = [_gathers(plan, names.PAIRS, names.PAIRS_FUNCTION)] if judging else []
    gathering += [_gathers(plan, names.ROWS, names.ROWS_FUNCTION)] if scoring else []
    edges = [(one, other) for one in answering for other in gathering]
    edges += [(one, other) for one in gathering for other in (judging if one["id"] == names.PAIRS else scoring)]
    scores = _scores(plan, judging, scoring)
    edges += [(one, scores) for one in (*answering, *judging, *scoring)]
    return {
        "name": workflow_name(plan.prompt),
        "version": version,
        "description": f"Evaluates the prompt {plan.prompt}; made by POST /api/v1/evaluations",
        "dag": {
            "nodes": [*answering, *gathering, *judging, *scoring, scores],
            "edges": [{"from": one["id"], "to": other["id"]} for one, other in edges],
        },
    }


def _answers(plan: Plan, side: Side, node: str) -> dict[str, Any]:
    mapped = _mapped("{{cases}}", dict(_bound(side.variables)))
    config = {"prompt_ref": f"{plan.prompt}@{side.version}", "cache": {"enabled": False}, **mapped, **plan.model}
    return {"id": node, "type": "llm", "config": config, "policy": {"quality": plan.quality}}


def _bound(variables: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Bind the case's inputs, and nothing else of it: a prompt must not see what is expected."""
    yield from {"item": None, "index": None}.items()
    yield from ((name, f"{{{{item.inputs.{name}}}}}") for name in variables)


def _mapped(items: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"parallel": True, "items": items, "inputs": inputs, "on_child_error": "collect"}


def _gathers(plan: Plan, node: str, function: str) -> dict[str, Any]:
    return _function(plan, node, function, {"cases": "{{cases}}", "answers": _all_answers(plan)})


def _judges(plan: Plan) -> Iterator[dict[str, Any]]:
    for number, spec in enumerate(plan.judges, 1):
        chosen: dict[str, Any] = {name: spec.options[name] for name in _OF_JUDGES if name in spec.options}
        mapped = _mapped(f"{names.PAIRS}.output", {"item": None, "index": None, **judge_inputs(spec)})
        config: dict[str, Any] = {"prompt": JUDGE_TEMPLATE, "cache": {"enabled": False}, **mapped, **chosen}
        yield {"id": f"judge_{number}", "type": "llm", "config": config, "policy": {"quality": plan.quality}}


def _functions(plan: Plan) -> Iterator[dict[str, Any]]:
    for number, spec in enumerate(plan.functions, 1):
        node = _function(plan, f"scorer_{number}", str(spec.options["function"]), _ITEM)
        node["config"] |= _mapped(f"{names.ROWS}.output", {})
        yield node


def _scores(plan: Plan, judging: Sequence[Mapping[str, Any]], scoring: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    args: dict[str, Any] = {"cases": "{{cases}}", "scorers": "{{scorers}}", "answers": _all_answers(plan)}
    if judging:
        args["pairs"] = f"{names.PAIRS}.output"
        args["judged"] = [f"{node['id']}.output" for node in judging]
    if scoring:
        args["rows"] = f"{names.ROWS}.output"
        args["given"] = [f"{node['id']}.output" for node in scoring]
    return _function(plan, names.SCORES, names.SCORES_FUNCTION, args)


def _function(plan: Plan, node: str, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    config = {"function_name": name, "function_args": args}
    return {"id": node, "type": "function", "config": config, "policy": {"quality": plan.quality}}


def _all_answers(plan: Plan) -> dict[str, list[str]]:
    return {side.name: [f"{node}.output" for node in nodes_of(side.name, plan.repeats)] for side in plan.sides}
