"""The functions of evaluations: scores, questions for judges and functions of users, and how replies are read."""

from collections.abc import Mapping
from typing import Any

from connectors.tools.registry import Registry
from services.prompts.evaluations.functions import evaluation_questions, evaluation_scores, register

CASES: list[dict[str, Any]] = [
    {"id": "a", "inputs": {"q": "1"}, "expected": "one"},
    {"id": "b", "inputs": {"q": "2"}, "expected": "two"},
]
FAILED = {"error": {"code": "timeout", "message": "too slow"}}
ANSWERS: dict[str, list[list[Any]]] = {
    # Objects come back with their names in any order.
    "baseline": [["eins", "zwei"], ["one", "two"]],
    "candidate": [["one", "two"], ["one", FAILED]],
}
PAIRS = {"kind": "llm_judge", "options": {"rubric": "short", "mode": "pair"}}
GRADES = {"kind": "llm_judge", "name": "grades", "options": {"rubric": "short"}}
OWN = {"kind": "custom", "name": "mine", "options": {"function": "my.scorer"}}


def asked(scorer: dict[str, Any]) -> list[Mapping[str, Any]]:
    return evaluation_questions(cases=CASES, scorers=[scorer], number=0, answers=ANSWERS)


def scored(scorer: dict[str, Any], replies: list[Any]) -> dict[str, Any]:
    return evaluation_scores(cases=CASES, scorers=[scorer], answers=ANSWERS, replies={"0": replies})


def marks(found: dict[str, Any], side: str) -> list[tuple[str, int, Any]]:
    return [(one["case_id"], one.get("repeat", 0), one.get("score")) for one in found["scores"][side]]


def test_they_are_registered_once_and_take_what_the_workflow_gives() -> None:
    registry = Registry()
    register(registry)
    register(registry)
    assert registry.names("function") == {"evaluation_scores", "evaluation_questions"}
    assert registry.argument_names("function", "evaluation_questions") == {"cases", "scorers", "number", "answers"}


def test_every_answer_has_a_score_of_each_scorer_and_one_that_failed_has_none() -> None:
    found = evaluation_scores(cases=CASES, scorers=[{"kind": "exact"}, {"kind": "latency"}], answers=ANSWERS)
    assert marks(found, "candidate") == [("a", 0, 1.0), ("b", 0, 1.0), ("a", 1, 1.0), ("b", 1, None)]
    assert marks(found, "baseline") == [("a", 0, 0.0), ("b", 0, 0.0), ("a", 1, 1.0), ("b", 1, 1.0)]
    assert "timeout: too slow" in found["scores"]["candidate"][3]["note"]
    assert found["judged"] == []


def test_a_judge_of_pairs_is_asked_in_both_orders_without_answers_that_failed() -> None:
    questions = [one["question"] for one in asked(PAIRS)]
    assert len(questions) == 6
    assert questions[0].index("one\n") < questions[0].index("eins\n")
    assert questions[1].rindex("eins\n") < questions[1].rindex("one\n")


def test_a_judge_of_pairs_is_heard_in_both_orders_and_an_unreadable_reply_is_a_note() -> None:
    replies = [{"choice": "A"}, {"choice": "B"}, {"choice": "A"}, "no idea", FAILED, {"choice": "tie"}]
    found = scored(PAIRS, replies)["judged"]
    assert [(one["case_id"], one.get("repeat", 0), one.get("forward"), one.get("swapped")) for one in found] == [
        ("a", 0, "first", "second"),
        ("b", 0, "first", None),
        ("a", 1, None, None),
        ("b", 1, None, None),
    ]
    assert "timeout: too slow" in found[2]["note"]
    assert "no output: timeout" in found[3]["note"]


def test_a_judge_of_single_answers_grades_those_of_both_versions() -> None:
    assert len(asked(GRADES)) == 7
    grades = [{"grade": 5}, {"grade": 1}, 'the grade: {"grade": 3}', {"grade": 5}, {"grade": 9}, FAILED, {"grade": 5}]
    found = scored(GRADES, grades)
    assert marks(found, "candidate") == [("a", 0, 1.0), ("b", 0, 0.0), ("a", 1, 0.5), ("b", 1, None)]
    assert marks(found, "baseline") == [("a", 0, 1.0), ("b", 0, None), ("a", 1, None), ("b", 1, 1.0)]


def test_a_function_of_a_user_that_fails_or_is_out_of_bounds_gives_no_score() -> None:
    questions = asked(OWN)
    assert questions[0] == {"inputs": {"q": "1"}, "output": "one", "expected": "one"}
    found = scored(OWN, [0.5, True, {"score": 0.25, "note": "why"}, 2, "x", FAILED, {"score": None}])
    assert marks(found, "candidate") == [("a", 0, 0.5), ("b", 0, 1.0), ("a", 1, 0.25), ("b", 1, None)]
    assert [score for _, _, score in marks(found, "baseline")] == [None] * 4
    assert found["scores"]["candidate"][2]["note"] == "why"


def test_an_answer_without_the_part_that_is_scored_is_wrong_and_nobody_is_asked_about_it() -> None:
    scorer = {**OWN, "options": {"function": "my.scorer", "path": "label"}}
    answers = {"candidate": [[{"label": "x"}, {"other": "y"}]]}
    questions = evaluation_questions(cases=CASES, scorers=[scorer], number=0, answers=answers)
    assert [one["output"] for one in questions] == ["x"]
    found = evaluation_scores(cases=CASES, scorers=[scorer], answers=answers, replies={"0": [1]})
    assert marks(found, "candidate") == [("a", 0, 1.0), ("b", 0, 0.0)]
