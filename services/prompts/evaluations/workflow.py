"""The workflow of an evaluation: a map over the cases for each version and repetition, and what scores the answers.

    candidate_1 … candidate_n ─┬─────────────────────────┬─> scores
    baseline_1  … baseline_n  ─┴─> ask_0 ──> reply_0 ────┘

The cases and the scorers are inputs of its runs. So two evaluations of the same versions are runs of one version of
the workflow, however many cases they have. A repetition is a node of its own: another step, with another idempotency
key, and no answer of it comes from the cache. For each judge, and each function of a user, ``ask`` makes a list of
questions about the answers, and ``reply`` is mapped over it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.ids import content_hash
from schemas.prompts.evaluations import ScorerSpec
from schemas.spec.policy import Tier
from services.prompts.evaluations import names

#: A workflow's name has 128 characters at most, and so has a prompt inside of it, ``<workflow>.reply_19``.
_NAME_CHARS = 112
_PREFIX = "evaluation."
_HASH_CHARS = 12
#: Options of a judge that pin its model, in place of the evaluation's fields.
_PINNED = ("provider", "model")
#: What a function of a user is given of an answer.
_ITEM = {"inputs": "{{item.inputs}}", "output": "{{item.output}}", "expected": "{{item.expected}}"}
_QUESTION = "{{question}}"


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


def workflow_name(prompt: str) -> str:
    """Return the name of the workflow that evaluates a prompt."""
    name = f"{_PREFIX}{prompt}"
    if len(name) <= _NAME_CHARS:
        return name
    return f"{name[: _NAME_CHARS - _HASH_CHARS - 1]}-{content_hash(prompt.encode())[:_HASH_CHARS]}"


def nodes_of(side: str, repeats: int) -> list[str]:
    """Return the nodes whose children are a version's answers, by repetition."""
    return [f"{side}_{number}" for number in range(1, repeats + 1)]


def repeats_of(definition: Mapping[str, Any]) -> dict[str, int]:
    """Return the repetition, from 0, of each node that answers."""
    return {
        node: repeat
        for side in (names.CANDIDATE, names.BASELINE)
        for repeat, node in enumerate(nodes_of(side, definition["repeats"]))
    }


def document(plan: Plan, version: int) -> dict[str, Any]:
    """Return the workflow as a document with this version."""
    answering = [_answers(plan, side, node) for side in plan.sides for node in nodes_of(side.name, plan.repeats)]
    asking = {n: _asks(plan, n) for n, spec in enumerate(plan.scorers) if spec.kind in names.ASKED}
    replying = {n: _replies(plan, n) for n in asking}
    scores = _scores(plan, list(asking))
    edges = [(one, other) for one in answering for other in (*asking.values(), scores)]
    edges += [edge for n in asking for edge in ((asking[n], replying[n]), (replying[n], scores))]
    return {
        "name": workflow_name(plan.prompt),
        "version": version,
        "description": f"Evaluates the prompt {plan.prompt}; made by POST /api/v1/evaluations",
        "dag": {
            "nodes": [*answering, *asking.values(), *replying.values(), scores],
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


def _asks(plan: Plan, number: int) -> dict[str, Any]:
    args = {"cases": "{{cases}}", "scorers": "{{scorers}}", "number": number, "answers": _all_answers(plan)}
    return _function(plan, f"ask_{number}", names.QUESTIONS_FUNCTION, args)


def _replies(plan: Plan, number: int) -> dict[str, Any]:
    spec, items = plan.scorers[number], f"ask_{number}.output"
    if spec.kind == "custom":
        node = _function(plan, f"reply_{number}", str(spec.options["function"]), _ITEM)
        node["config"] |= _mapped(items, {})
        return node
    judge: Mapping[str, Any] = {name: spec.options[name] for name in _PINNED if spec.options.get(name)} or plan.model
    longest = spec.options.get("max_tokens")
    config: dict[str, Any] = {
        "prompt": _QUESTION,
        "cache": {"enabled": False},
        **_mapped(items, {"item": None, "index": None, "question": "{{item.question}}"}),
        **judge,
        **({} if longest is None else {"max_tokens": longest}),
    }
    return {"id": f"reply_{number}", "type": "llm", "config": config, "policy": {"quality": plan.quality}}


def _scores(plan: Plan, asked: Sequence[int]) -> dict[str, Any]:
    args: dict[str, Any] = {"cases": "{{cases}}", "scorers": "{{scorers}}", "answers": _all_answers(plan)}
    if asked:
        args["replies"] = {str(number): f"reply_{number}.output" for number in asked}
    return _function(plan, names.SCORES, names.SCORES_FUNCTION, args)


def _function(plan: Plan, node: str, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    config = {"function_name": name, "function_args": args}
    return {"id": node, "type": "function", "config": config, "policy": {"quality": plan.quality}}


def _all_answers(plan: Plan) -> dict[str, list[str]]:
    return {side.name: [f"{node}.output" for node in nodes_of(side.name, plan.repeats)] for side in plan.sides}
