"""The section compliance of a policy: its demands decide as rules, and unknown facts meet none."""

from typing import Any

import pytest

from schemas.errors import InvalidInput
from schemas.labels.label import TRUSTED, label_of
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.policies.compliance import rules_of
from schemas.policies.facts import ModelFacts, Where
from schemas.policies.read import read_policy
from schemas.policies.testing import run_tests
from schemas.records.base import Json

GOOD: dict[str, Any] = {"regions": ["eu-west-1"], "retention": 30, "training": False, "certifications": ["iso27001"]}


def said(
    compliance: dict[str, Json], words: str = "user class:pii", route: str = "openai/gpt-4.1", **facts: Any
) -> Any:
    provider, _, model = route.partition("/")
    label = label_of(words.split())
    asked = ModelFacts(
        where=Where(org="acme"),
        provider=provider,
        model=model,
        labels=Labels.of_whole(label),
        control=TRUSTED,
        context=label,
        **facts,
    )
    ruling = compile_policy(read_policy({"name": "ours", "compliance": compliance})).model_call(asked)
    return [one.rule.removeprefix("compliance/") for one in ruling.decisions if one.verdict == "deny"]


@pytest.mark.parametrize(
    ("regions", "denied"),
    [
        (["eu"], False),
        (["eu-west-1"], False),
        (["own"], False),
        (["eu", "own"], False),
        (["us"], True),
        (["eu", "us"], True),
        (["europe"], True),
        (None, True),
    ],
)
def test_residency_is_about_every_region_of_a_provider(regions: list[str] | None, denied: bool) -> None:
    assert bool(said({"residency": {"pii": ["eu"]}}, regions=regions)) is denied


def test_any_region_is_one_that_is_known() -> None:
    demand: dict[str, Json] = {"residency": {"pii": ["*"]}}
    assert said(demand, regions=["us"]) == []
    assert said(demand) == ["residency.pii"]


@pytest.mark.parametrize(
    ("routes", "route", "denied"),
    [
        (["openai"], "openai/gpt-4.1", False),
        (["openai/*"], "openai/gpt-4.1", False),
        (["openai/gpt-4.1"], "openai/gpt-4.1", False),
        (["openai/gpt-4.1"], "openai/gpt-401", True),
        (["openai/gpt-4.*"], "openai/gpt-401", True),
        (["open*"], "openai/gpt-4.1", False),
        (["open"], "openai/gpt-4.1", True),
        (["azure", "openai"], "openai/gpt-4.1", False),
        ([], "openai/gpt-4.1", True),
    ],
)
def test_providers_are_named_by_patterns_in_which_only_a_star_is_special(
    routes: list[Json], route: str, denied: bool
) -> None:
    assert bool(said({"providers": {"pii": routes}}, route=route)) is denied


@pytest.mark.parametrize(
    ("demand", "name"),
    [
        ({"retention": {"pii": 30}}, "retention.pii"),
        ({"no_training": ["pii"]}, "no_training.pii"),
        ({"certifications": {"pii": ["iso27001"]}}, "certifications.pii"),
        ({"residency": {"*": ["eu"]}}, "residency"),
    ],
)
def test_facts_that_are_good_meet_a_demand_and_unknown_ones_do_not(demand: dict[str, Json], name: str) -> None:
    assert said(demand, **GOOD) == []
    assert said(demand) == [name]
    worse: dict[str, Any] = {"regions": ["us"], "retention": 31, "training": True, "certifications": []}
    assert said(demand, **worse) == [name]


def test_data_of_other_classes_is_not_limited() -> None:
    demand: dict[str, Json] = {"residency": {"pii": ["eu"]}, "no_training": ["secret"]}
    assert said(demand, "web class:health") == []


def test_a_demand_has_a_reason_that_names_the_class() -> None:
    policy = read_policy({"name": "ours", "compliance": {"retention": {"health": 0}}})
    (rule,) = rules_of(policy)
    assert rule.reason.startswith("data of class health is kept for 0 days at most; state the provider's facts")


def test_what_was_read_reads_the_same_again() -> None:
    policy = read_policy({"name": "ours", "extends": ["providers"], "compliance": {"retention": {"health": 0}}})
    assert read_policy(policy.document) == policy
    assert [one.id for one in rules_of(policy)] == ["providers/class", "compliance/retention.health"]


def test_tests_of_a_document_name_demands_by_their_ids() -> None:
    test = {"name": "t", "at": "model_call", "expect": "deny", "rules": ["compliance/retention.health"]}
    facts = {"provider": "openai", "context": "user class:health"}
    document: dict[str, Json] = {
        "name": "ours",
        "compliance": {"retention": {"health": 0, "pii": 1}},
        "tests": [test | {"facts": facts}],
    }
    report = run_tests(read_policy(document))
    assert [one.passed for one in report.results] == [True]
    assert report.untested == ["compliance/retention.pii"]


@pytest.mark.parametrize(
    "compliance",
    [
        {"residency": {"pii": ["Europe"]}},
        {"residency": {"a b": ["eu"]}},
        {"providers": {"pii": ["open'ai"]}},
        {"reroute": ["openai/*"]},
        {"reroute": ["openai"]},
        {"retention": {"pii": "30 days"}},
        {"resident": {}},
    ],
)
def test_a_demand_that_cannot_be_read_is_a_problem(compliance: dict[str, Json]) -> None:
    with pytest.raises(InvalidInput):
        read_policy({"name": "ours", "compliance": compliance})


def test_ids_of_demands_are_not_for_other_rules() -> None:
    rule: Json = {"id": "compliance/residency.pii", "at": "model_call", "verdict": "deny"}
    with pytest.raises(InvalidInput, match="id of the section compliance"):
        read_policy({"name": "ours", "rules": [rule]})
