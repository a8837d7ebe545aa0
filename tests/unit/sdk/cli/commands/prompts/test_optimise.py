"""``agentctl prompt optimise``: what it asks, how it reads reports, and how it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from agentflow.cli.api import Answer

from tests.support.ctl import RUN, WHOLE, Ctl, problem

PROMPT = {
    "id": "words@3",
    "name": "words",
    "version": 3,
    "template": "Word: {{word}}",
    "hash": "0" * 64,
    "schema": {"word": {"type": "string"}},
    "form": None,
}
ROWS = [
    {"id": f"w{n}", "inputs": {"word": f"word number {n}"}, "expected": f"answer {n}", "tags": [], "cluster": ""}
    for n in range(20)
]
BETTER = "Say it.\nWord: {{word}}"
COMMAND = ("prompt", "optimise", "words", "--budget", "1.00", "--rounds", "1", "--examples", "0", "--rewrites", "1")


def version(number: int, mean: float) -> dict[str, Any]:
    cost = {"p50": 1, "p95": 1, "total": 10_000_000}
    return {"version": str(number), "mean": mean, "answers": 10, "cost": cost}


def evaluation(candidate: int, **means: float) -> dict[str, Any]:
    """Return an ended evaluation. The report lists versions by number, not the candidate first."""
    numbers = {int(name[1:]): mean for name, mean in means.items()}
    compared = {"verdict": "better", "low": 0.1, "high": 0.3} if len(numbers) > 1 else None
    report = {"versions": [version(*one) for one in sorted(numbers.items())], "comparison": compared}
    found = {
        "id": "eval_1",
        "run_id": RUN,
        "state": "succeeded",
        "version": candidate,
        "cost_usd": "0.01",
        "error": None,
    }
    return {**found, "report": report}


def answers(*, held_out: float = 0.9, cost_usd: str = "0.01") -> dict[tuple[str, str], Any]:
    steps = [
        {"steps": [{"id": f"candidate_1[{n}]", "output": f"answer {n}"} for n in range(10)], "next_cursor": None},
        {"steps": [{"id": "scores", "output": {"scores": {"candidate": []}}}], "next_cursor": None},
        {"steps": [{"id": "rewrite[0]", "output": {"template": BETTER, "why": "shorter"}}], "next_cursor": None},
        {"steps": [], "next_cursor": None},
    ]
    looks = [evaluation(1, v1=0.5), evaluation(2, v2=0.9), evaluation(2, v1=0.6, v2=held_out)]
    return {
        ("GET", "/api/v1/prompts/words"): PROMPT,
        ("GET", "/api/v1/prompts/words.candidates"): problem(404, "not_found", "there is no prompt words.candidates"),
        ("GET", "/api/v1/datasets/words"): {"name": "words", "version": 2},
        ("GET", "/api/v1/datasets/words/rows"): {"cases": ROWS, "next_cursor": None},
        ("POST", "/api/v1/prompts"): [{"version": 1}, {"version": 2}, {"name": "words", "version": 4}],
        ("POST", "/api/v1/evaluations"): {"id": "eval_1", "run_id": RUN},
        ("GET", "/api/v1/evaluations/eval_1"): [{**one, "cost_usd": cost_usd} for one in looks],
        ("GET", f"/api/v1/workflows/runs/{RUN}/steps"): steps,
        ("POST", "/api/v1/workflows"): {},
        ("POST", "/api/v1/workflows/runs"): {"id": RUN},
        ("GET", f"/api/v1/workflows/runs/{RUN}"): {**WHOLE, "status": "succeeded", "total_cost_usd": "0.02"},
    }


def test_the_best_on_held_out_cases_becomes_a_version_with_its_lineage(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers())
    done = ctl(*COMMAND, "-o", "json")
    assert done.code == 0, done.err
    assert (done.document["version"], done.document["winner"]) == (4, 1)
    assert [one["held_out"]["score"] for one in done.document["candidates"]] == [0.6, 0.9]
    assert done.document["spent_usd"] == "0.05"
    made = [one.body for one in ctl.api.sent if (one.method, one.path) == ("POST", "/api/v1/prompts")]
    assert [one["name"] for one in made] == ["words.candidates", "words.candidates", "words"]  # type: ignore[index]
    last = made[-1]
    assert last is not None
    assert (last["template"], last["parent"]) == (BETTER, 3)
    assert "optimised from version 3" in last["message"]
    assert "score 0.900 against 0.600 (better, 95%: +0.100 to +0.300)" in last["message"]
    assert "agentctl prompt deploy words 4" in done.err


def test_each_request_that_costs_has_a_key_of_the_search(tmp_path: Path) -> None:
    paid = ("/api/v1/evaluations", "/api/v1/workflows/runs")
    keys = []
    for _ in range(2):
        ctl = Ctl(tmp_path, answers())
        ctl(*COMMAND)
        sent = [one for one in ctl.api.sent if one.method == "POST" and one.path in paid]
        keys.append([(one.headers or {}).get("Idempotency-Key") for one in sent])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0]) == 4
    other = Ctl(tmp_path, answers())
    other(*COMMAND, "--seed", "1")
    assert (other.api.sent[-1].headers or {}).get("Idempotency-Key") not in keys[0]


def test_evaluations_ask_their_part_with_what_is_left_as_their_budget(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers())
    ctl(*COMMAND)
    shown, again, last = (one.body for one in ctl.api.sent if (one.method, one.path) == ("POST", "/api/v1/evaluations"))
    assert shown is not None
    assert last is not None
    assert shown["only"] == again["only"]  # type: ignore[index]
    assert not set(shown["only"]) & set(last["only"])
    assert sorted({*shown["only"], *last["only"]}) == sorted(row["id"] for row in ROWS)
    assert (shown["budget_cents"], last["budget_cents"]) == ("100.00", "96.00")
    assert shown["dataset"] == "words@2"


def test_nothing_is_made_when_nothing_is_better(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers(held_out=0.6))
    done = ctl(*COMMAND, "-o", "json")
    assert (done.code, done.document["version"]) == (0, None)
    assert "nothing was made" in done.err


def test_a_budget_that_does_not_pay_for_the_version_itself_ends_with_5(tmp_path: Path) -> None:
    done = Ctl(tmp_path, answers(cost_usd="0.6"))(*COMMAND)
    assert done.code == 5
    assert "give a larger --budget" in done.err


def test_a_refusal_for_the_budget_ends_with_5(tmp_path: Path) -> None:
    refused: Answer = problem(422, "run_budget_too_small", "the run costs at least 3 cents, over its budget of 1 cent")
    done = Ctl(tmp_path, answers() | {("POST", "/api/v1/evaluations"): refused})(*COMMAND)
    assert (done.code, "at least 3 cents" in done.err) == (5, True)


def test_an_evaluation_that_fails_is_named(tmp_path: Path) -> None:
    failed = {**evaluation(1, v1=0.5), "state": "failed", "error": "provider_unavailable: down", "report": None}
    done = Ctl(tmp_path, answers() | {("GET", "/api/v1/evaluations/eval_1"): failed})(*COMMAND)
    assert (done.code, "provider_unavailable: down" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--budget", "0"), 2, "--budget is 0"),
        (("--budget", "much"), 2, "not an amount"),
        (("--rewriter", "gpt"), 2, "--rewriter PROVIDER/MODEL"),
        (("--dataset", "words@new"), 2, "write NAME or NAME@2"),
        (("--held-out", "0.1"), 2, "each part needs 4"),
        (("--scorer", "exakt"), 2, "exact"),
    ],
)
def test_mistakes_are_refused_before_anything_is_paid(
    tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    ctl = Ctl(tmp_path, answers())
    done = ctl(*COMMAND, *options)
    assert (done.code, said in done.err) == (code, True), done.err
    assert not [one for one in ctl.api.sent if one.method == "POST"]


def test_a_dry_run_shows_the_plan_and_sends_nothing(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, answers())
    done = ctl(*COMMAND, "--dry-run", "-o", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out) | {} == {
        "prompt": "words@3",
        "dataset": "words@2",
        "shown_cases": 10,
        "held_out_cases": 10,
        "budget_usd": "1.00",
        "rounds": 1,
    }
    assert not [one for one in ctl.api.sent if one.method == "POST"]


def test_an_unknown_prompt_ends_with_3(tmp_path: Path) -> None:
    missing: Answer = problem(404, "not_found", "there is no prompt words")
    assert Ctl(tmp_path, answers() | {("GET", "/api/v1/prompts/words"): missing})(*COMMAND).code == 3
