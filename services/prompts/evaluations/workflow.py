"""The workflow of an evaluation: a map over the cases for each version and repetition, and what scores the answers.

    candidate_1 … candidate_n ─┐
    baseline_1  … baseline_n  ─┴─> scores

The cases and the scorers are inputs of its runs. So two evaluations of the same versions are runs of one version of
the workflow, however many cases they have. A repetition is a node of its own: another step, with another idempotency
key, and no answer of it comes from the cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.spec.policy import Tier
from services.prompts.evaluations.names import SCORES, SCORES_FUNCTION

CANDIDATE, BASELINE = "candidate", "baseline"
#: A workflow's name has 128 characters at most, and so has a prompt's.
_NAME_CHARS = 128
_PREFIX = "evaluation."


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
    model: Mapping[str, Any] = field(default_factory=dict)


def workflow_name(prompt: str) -> str:
    """Return the name of the workflow that evaluates a prompt."""
    return f"{_PREFIX}{prompt}"[:_NAME_CHARS]


def nodes_of(side: str, repeats: int) -> list[str]:
    """Return the nodes whose children are a version's answers, by repetition."""
    return [f"{side}_{number}" for number in range(1, repeats + 1)]


def document(plan: Plan, version: int) -> dict[str, Any]:
    """Return the workflow as a document with this version."""
    answering = [_answers(plan, side, node) for side in plan.sides for node in nodes_of(side.name, plan.repeats)]
    return {
        "name": workflow_name(plan.prompt),
        "version": version,
        "description": f"Evaluates the prompt {plan.prompt}; made by POST /api/v1/evaluations",
        "dag": {
            "nodes": [*answering, _scores(plan)],
            "edges": [{"from": node["id"], "to": SCORES} for node in answering],
        },
    }


def _answers(plan: Plan, side: Side, node: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "prompt_ref": f"{plan.prompt}@{side.version}",
        "parallel": True,
        "items": "{{cases}}",
        "inputs": dict(_bound(side.variables)),
        "cache": {"enabled": False},
        "on_child_error": "collect",
        **plan.model,
    }
    return {"id": node, "type": "llm", "config": config, "policy": {"quality": plan.quality}}


def _bound(variables: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Bind the case's inputs, and nothing else of it: a prompt must not see what is expected."""
    yield from {"item": None, "index": None}.items()
    yield from ((name, f"{{{{item.inputs.{name}}}}}") for name in variables)


def _scores(plan: Plan) -> dict[str, Any]:
    answers = {side.name: [f"{node}.output" for node in nodes_of(side.name, plan.repeats)] for side in plan.sides}
    args = {"cases": "{{cases}}", "scorers": "{{scorers}}", "answers": answers}
    return {
        "id": SCORES,
        "type": "function",
        "config": {"function_name": SCORES_FUNCTION, "function_args": args},
        "policy": {"quality": plan.quality},
    }
