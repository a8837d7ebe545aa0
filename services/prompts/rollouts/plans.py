"""From a request to the plan of a deployment. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, structs

from schemas.errors import InvalidInput, Problem
from schemas.prompts.texts import required_names
from schemas.rollouts.plan import DEFAULT_RULES, Metric, MetricRule, Mode, Plan
from schemas.spec.model import PinnedPrompt

#: The shares of the canary where nobody names any.
STEPS: Final[Mapping[Mode, tuple[float, ...]]] = {
    "all": (1.0,),
    "canary": (0.01, 0.1, 0.5),
    "ab": (0.5,),
    "shadow": (0.5,),
}
_ENTITY = re.compile(r"inputs?(\.[A-Za-z_][A-Za-z0-9_]*){1,8}")


class RuleRequest(Struct, frozen=True, kw_only=True):
    """What a metric's rule shall say; what is ``None`` is as usual."""

    alpha: float | None = None
    margin: float | None = None
    scale: float | None = None
    tolerated: float | None = None


class PlanRequest(Struct, frozen=True, kw_only=True):
    """A plan as it is requested; what is ``None`` is as usual.

    ``entity`` is the path of an input, such as ``input.user_id``: runs with the same value get the same version.
    ``rules`` changes single metrics, and ``metrics`` are those that are judged. Times are milliseconds.
    """

    mode: Mode = "canary"
    steps: tuple[float, ...] | None = None
    entity: str | None = None
    metrics: tuple[Metric, ...] | None = None
    rules: Mapping[Metric, RuleRequest] = {}
    step_runs: int | None = None
    step_ms: int | None = None
    least_runs: int | None = None
    least_ms: int | None = None
    most_ms: int | None = None
    outcome_ms: int | None = None
    score_ms: int | None = None


#: Everything as usual.
USUAL: Final = PlanRequest()
_NUMBERS = ("step_runs", "step_ms", "least_runs", "least_ms", "most_ms", "outcome_ms", "score_ms")


def plan_of(request: PlanRequest, salt: str, *, scored: bool) -> Plan:
    """Return the plan of a request. ``salt`` decides who is in the canary.

    Unless answers of the prompt are ``scored`` or the request names them, scores are not judged: a promotion would wait
    for them in vain.
    Raises ``InvalidInput`` for numbers that are none of a plan, with a fix.
    """
    entity = request.entity or ""
    if entity and not _ENTITY.fullmatch(entity):
        fix = "write input. and the name of an input of the workflow, for example input.user_id"
        raise InvalidInput.of(Problem("entity", f"'{entity[:80]}' is no path of an input", fix))
    if request.mode == "ab" and not scored:
        said = "mode ab compares scores, and answers of this prompt get none"
        fix = "say how they are scored: PUT /api/v1/prompts/{name}/scoring; or take mode canary"
        raise InvalidInput.of(Problem("mode", said, fix))
    given = {name: value for name in _NUMBERS if (value := getattr(request, name)) is not None}
    steps = STEPS[request.mode] if request.steps is None else tuple(request.steps)
    plan = Plan(mode=request.mode, steps=steps, salt=salt, sticky=bool(entity), rules=_rules(request, scored), **given)
    if problem := _out_of_bounds(plan) or plan.problem():
        raise InvalidInput.of(Problem(*problem))
    return plan


def _rules(request: PlanRequest, scored: bool) -> dict[Metric, MetricRule]:
    usual = tuple(metric for metric in DEFAULT_RULES if scored or metric != "score" or "score" in request.rules)
    metrics = usual if request.metrics is None else request.metrics
    if unknown := request.rules.keys() - set(metrics):
        fix = f"judge it, or leave its rule out; judged are {', '.join(metrics)}"
        raise InvalidInput.of(Problem(f"rules.{min(unknown)}", "is a rule of a metric that is not judged", fix))
    return {metric: _rule(DEFAULT_RULES[metric], request.rules.get(metric)) for metric in metrics}


def _rule(usual: MetricRule, asked: RuleRequest | None) -> MetricRule:
    if asked is None:
        return usual
    return structs.replace(usual, **{k: v for k, v in structs.asdict(asked).items() if v is not None})


def _out_of_bounds(plan: Plan) -> tuple[str, str, str] | None:
    """Return what a record could not carry: constructors check no bounds."""
    if not all(0 < share <= 1 for share in plan.steps):
        return "steps", "a share is not above 0 and at most 1", "write 10% as 0.1"
    for name in ("step_runs", "least_runs"):
        if not 1 <= getattr(plan, name) <= 10_000_000:
            return name, "is not from 1 to 10,000,000", "give a number of runs in between"
    for name in ("step_ms", "least_ms", "most_ms", "outcome_ms", "score_ms"):
        if not 0 <= getattr(plan, name) <= 90 * 86_400_000:
            return name, "is not from 0 to 90 days", "give a time in between"
    if plan.most_ms < plan.least_ms:
        return "most_ms", "is below least_ms, so nothing would be promoted", "give it a longer time, or lower least_ms"
    for metric, rule in plan.rules.items():
        if not (0 < rule.alpha < 0.5 and rule.scale > 0 and rule.margin >= 0 and rule.tolerated >= 0):
            return f"rules.{metric}", "has a number out of bounds", "0 < alpha < 0.5, scale > 0, none below 0"
    return None


def version_problem(environment: str, stable: PinnedPrompt | None, canary: PinnedPrompt, mode: Mode) -> Problem | None:
    """Return why a version cannot replace what an environment has now, if anything."""
    if stable is None:
        if mode == "all":
            return None
        said = f"prompt {canary.name} has no version in {environment} to compare with"
        return Problem("environment", said, f"deploy one first with mode all, or move the label {environment} to one")
    if stable.version == canary.version:
        said = f"version {canary.version} of {canary.name} is in {environment} already"
        return Problem("version", said, "name another version")
    needed = required_names(canary.template, canary.form) | _schema_names(canary)
    known = required_names(stable.template, stable.form) | _schema_names(stable)
    if new := sorted(needed - known):
        said = f"version {canary.version} needs {', '.join(new)}, which version {stable.version} does not"
        fix = f"give {new[0]} a default in the new version: runs have no such input yet"
        return Problem("version", said, fix)
    return None


def _schema_names(prompt: PinnedPrompt) -> frozenset[str]:
    schema = None if prompt.form is None else prompt.form.input_schema
    return frozenset() if schema is None else frozenset(map(str, schema.get("required", ())))
