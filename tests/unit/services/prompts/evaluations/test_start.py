"""Starting evaluations: which stored one a repeated request is, and which cases are asked."""

from typing import Any

import pytest

from schemas.api_models.prompts.evaluations import CreateEvaluation
from schemas.errors import InvalidInput
from schemas.prompts.evaluations import Case
from services.prompts.evaluations.cases import chosen_of
from services.prompts.evaluations.start import Sender, evaluation_id, labels_of, says

BODY: dict[str, Any] = {"prompt": "greeter", "dataset": "words", "scorers": [{"kind": "exact"}]}


def stored(**body: Any) -> dict[str, Any]:
    """Return the definition as it is stored: pinned, with what the start has added."""
    asked = CreateEvaluation(**BODY | body)
    found = asked.model_dump(mode="json", exclude=None if asked.only else {"only"})
    pinned = {"version": 3, "against": None if asked.against is None else 2, "dataset": "words@7"}
    return {**found, **pinned, "cases": 10, "workflow_version": 4}


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({}, {}),
        ({}, {"version": 3, "dataset": "words@7"}),
        ({"version": "production", "against": "staging"}, {"version": "production", "against": "staging"}),
        ({"only": ["a"]}, {"only": ["a"]}),
        ({"budget_cents": "100.00"}, {"budget_cents": "100.00"}),
    ],
)
def test_the_same_request_is_the_same_evaluation_whatever_names_mean_by_now(
    first: dict[str, Any], again: dict[str, Any]
) -> None:
    assert says(stored(**first), CreateEvaluation(**BODY | again))


@pytest.mark.parametrize(
    "again",
    [
        {"version": 2},
        {"against": 2},
        {"dataset": "words@6"},
        {"dataset": "others"},
        {"repeats": 2},
        {"only": ["a"]},
        {"budget_cents": "1"},
        {"scorers": [{"kind": "contains", "options": {"values": ["a"]}}]},
    ],
)
def test_another_request_is_another_evaluation(again: dict[str, Any]) -> None:
    assert not says(stored(), CreateEvaluation(**BODY | again))


def test_an_evaluation_of_some_cases_is_not_that_of_all() -> None:
    assert not says(stored(only=["a"]), CreateEvaluation(**BODY))


def test_a_key_is_one_evaluation_of_its_organisation() -> None:
    key = Sender(org_id="acme", key_id="k", idempotency_key="one")
    assert evaluation_id(key) == evaluation_id(Sender(org_id="acme", key_id="other", idempotency_key="one"))
    assert evaluation_id(key) != evaluation_id(Sender(org_id="zen", key_id="k", idempotency_key="one"))
    assert evaluation_id(Sender(org_id="acme", key_id="k")) != evaluation_id(Sender(org_id="acme", key_id="k"))


def test_only_the_named_cases_are_asked_in_the_order_of_the_dataset() -> None:
    cases = [Case(id=name) for name in "abc"]
    assert [case.id for case in chosen_of(cases, ["c", "a"])] == ["a", "c"]
    assert chosen_of(cases, []) == cases
    with pytest.raises(InvalidInput, match="'x', which is no case"):
        chosen_of(cases, ["a", "x"])


def test_labels_of_rows_are_labels_of_the_inputs_of_the_run() -> None:
    rows = [
        Case(id="a", labels={"$": ["trusted"], "$.inputs.x": ["web", "class:pii"], "$.expected": ["user"]}),
        Case(id="b"),
    ]
    found = labels_of(rows)
    assert found is not None
    assert found.recorded == {
        "$": ["trusted"],
        "$.cases[0]": ["trusted"],
        "$.cases[0].expected": ["user"],
        "$.cases[0].inputs.x": ["web", "class:pii"],
    }
    assert labels_of([Case(id="b")]) is None


def test_labels_of_many_rows_are_joined_and_none_is_lost() -> None:
    rows = [Case(id=str(n), labels={"$": ["trusted"], "$.inputs.x": ["web", f"class:c{n}"]}) for n in range(200)]
    found = labels_of(rows)
    assert found is not None
    assert found.whole.classes == {f"c{n}" for n in range(200)}
