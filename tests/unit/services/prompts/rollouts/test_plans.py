"""Plans as somebody asks for them: what is usual, what is refused, and which versions may replace which."""

from typing import Any

import msgspec
import pytest

from schemas.errors import InvalidInput
from schemas.prompts.form import PromptForm
from schemas.rollouts.plan import DEFAULT_RULES, Plan
from schemas.spec.model import PinnedPrompt
from services.prompts.rollouts.plans import PlanRequest, RuleRequest, plan_of, version_problem


def prompt(version: int, template: str = "hi", **form: Any) -> PinnedPrompt:
    made = PromptForm(**form) if form else None
    return PinnedPrompt(name="greet", version=version, template=template, hash="h", form=made)


def test_a_request_that_says_nothing_gets_the_usual_plan() -> None:
    assert plan_of(PlanRequest(), "salt", scored=True) == Plan(salt="salt")


def test_scores_are_not_judged_where_nothing_is_scored() -> None:
    assert "score" not in plan_of(PlanRequest(), "salt", scored=False).rules
    asked = PlanRequest(rules={"score": RuleRequest(margin=0.1)})
    plan = plan_of(asked, "salt", scored=False)
    assert plan.rules["score"].margin == 0.1
    assert plan.rules["score"].alpha == DEFAULT_RULES["score"].alpha


def test_an_entity_makes_the_plan_sticky() -> None:
    assert plan_of(PlanRequest(entity="input.user.id"), "salt", scored=True).sticky
    assert not plan_of(PlanRequest(), "salt", scored=True).sticky


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (PlanRequest(steps=(0.5, 0.1)), "steps"),
        (PlanRequest(steps=(10.0,)), "steps"),
        (PlanRequest(steps=(0.5, 1.0)), "steps"),
        (PlanRequest(steps=()), "steps"),
        (PlanRequest(entity="user_id"), "entity"),
        (PlanRequest(entity="input."), "entity"),
        (PlanRequest(least_runs=0), "least_runs"),
        (PlanRequest(step_ms=-1), "step_ms"),
        (PlanRequest(most_ms=1_000), "most_ms"),
        (PlanRequest(metrics=()), "rules"),
        (PlanRequest(metrics=("errors",), rules={"cost": RuleRequest(margin=1)}), "rules.cost"),
        (PlanRequest(rules={"cost": RuleRequest(alpha=0.7)}), "rules.cost"),
        (PlanRequest(rules={"cost": RuleRequest(scale=-1)}), "rules.cost"),
        (PlanRequest(rules={"cost": RuleRequest(margin=1e9)}), "rules"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_field_and_a_fix(asked: PlanRequest, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan_of(asked, "salt", scored=True)
    assert [one.path for one in refused.value.problems] == [path]
    assert refused.value.problems[0].fix


def test_mode_ab_needs_scores() -> None:
    with pytest.raises(InvalidInput, match="/scoring"):
        plan_of(PlanRequest(mode="ab"), "salt", scored=False)


@pytest.mark.parametrize("mode", ["all", "canary", "ab", "shadow"])
def test_plans_pass_the_topic(mode: Any) -> None:
    plan = plan_of(PlanRequest(mode=mode, entity="input.user"), "salt", scored=True)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_a_version_with_a_new_required_input_is_refused() -> None:
    found = version_problem("production", prompt(1, "{{a}}"), prompt(2, "{{a}} {{b}}"), "canary")
    assert found is not None
    assert "needs b" in str(found)
    schema = {"type": "object", "properties": {"c": {}}, "required": ["c"]}
    of_schema = version_problem("production", prompt(1), prompt(2, input_schema=schema), "all")
    assert of_schema is not None
    assert "needs c" in str(of_schema)
    assert version_problem("production", prompt(1, "{{a}} {{b}}"), prompt(2, "{{a}}"), "canary") is None


def test_an_environment_needs_a_stable_version_unless_all_runs_move_at_once() -> None:
    found = version_problem("production", None, prompt(2), "canary")
    assert found is not None
    assert found.path == "environment"
    assert version_problem("production", None, prompt(2), "all") is None


def test_the_version_that_is_there_already_is_refused() -> None:
    found = version_problem("production", prompt(2), prompt(2), "all")
    assert found is not None
    assert found.path == "version"
