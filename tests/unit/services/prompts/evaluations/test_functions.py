"""The functions of evaluations: scores, pairs in both orders, rows for scorers of users, and what of them fails."""

from typing import Any

from connectors.tools.registry import Registry
from services.prompts.evaluations.functions import evaluation_pairs, evaluation_rows, evaluation_scores, register

CASES: list[dict[str, Any]] = [
    {"id": "a", "inputs": {"q": "1"}, "expected": "one"},
    {"id": "b", "inputs": {"q": "2"}},
]
FAILED = {"error": {"code": "timeout", "message": "too slow"}}
ANSWERS: dict[str, list[list[Any]]] = {
    "candidate": [["one", "two"], ["one", FAILED]],
    "baseline": [["eins", "zwei"], ["one", "two"]],
}


def test_they_are_registered_once_and_take_what_the_workflow_gives() -> None:
    registry = Registry()
    register(registry)
    register(registry)
    assert registry.names("function") == {"evaluation_scores", "evaluation_pairs", "evaluation_rows"}
    assert registry.argument_names("function", "evaluation_pairs") == {"cases", "answers"}


def test_every_answer_has_a_score_of_each_scorer() -> None:
    found = evaluation_scores(cases=CASES, scorers=[{"kind": "exact"}], answers=ANSWERS)
    of_case_a = [one for one in found["scores"]["candidate"] if one["case_id"] == "a"]
    assert [(one.get("repeat", 0), one["score"]) for one in of_case_a] == [(0, 1.0), (1, 1.0)]
    assert [one["score"] for one in found["scores"]["baseline"] if one["case_id"] == "a"] == [0.0, 1.0]
    assert found["judged"] == []


def test_pairs_are_in_both_orders_without_those_with_an_answer_that_failed() -> None:
    pairs = evaluation_pairs(cases=CASES, answers=ANSWERS)
    assert [(one["case_id"], one["repeat"], one["order"], one["first"], one["second"]) for one in pairs] == [
        ("a", 0, "forward", "one", "eins"),
        ("a", 0, "swapped", "eins", "one"),
        ("b", 0, "forward", "two", "zwei"),
        ("b", 0, "swapped", "zwei", "two"),
        ("a", 1, "forward", "one", "one"),
        ("a", 1, "swapped", "one", "one"),
    ]
    assert (pairs[0]["request"], pairs[0]["expected"], pairs[2]["expected"]) == ({"q": "1"}, "one", None)


def test_a_judge_is_heard_in_both_orders_and_an_unreadable_reply_is_a_note() -> None:
    pairs = evaluation_pairs(cases=CASES, answers=ANSWERS)
    replies = [
        {"better": "first"},
        {"better": "second"},
        "I prefer the first one.",
        "no idea",
        FAILED,
        {"better": "tie"},
    ]
    found = evaluation_scores(
        cases=CASES, scorers=[{"kind": "llm_judge"}], answers=ANSWERS, pairs=pairs, judged=[replies]
    )["judged"]
    assert [(one["case_id"], one.get("forward"), one.get("swapped")) for one in found] == [
        ("a", "first", "second"),
        ("b", "first", None),
        ("a", None, "tie"),
    ]
    assert [one.get("note", "") for one in found] == ["", "no verdict in no idea", "timeout: too slow"]


def test_a_scorer_of_a_user_that_fails_or_is_out_of_bounds_gives_no_score() -> None:
    rows = evaluation_rows(cases=CASES, answers=ANSWERS)
    assert len(rows) == 7
    given = [0.5, True, {"score": 0.25, "note": "why"}, 2, "x", FAILED, {"score": None}]
    found = evaluation_scores(
        cases=CASES, scorers=[{"kind": "custom", "name": "mine"}], answers=ANSWERS, rows=rows, given=[given]
    )["scores"]
    scores = [(one.get("score"), one.get("note", "")[:4]) for side in ("candidate", "baseline") for one in found[side]]
    assert scores[:3] == [(0.5, ""), (1.0, ""), (0.25, "why")]
    assert [score for score, _ in scores[3:]] == [None] * 4
    assert [note for _, note in scores[3:]] == ["mine", "mine", "time", "mine"]
