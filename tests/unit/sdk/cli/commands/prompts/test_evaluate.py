"""``agentctl prompt eval``: what it asks, its progress, its report, and the exit codes that pipelines rely on."""

import json
from pathlib import Path
from typing import Any

import pytest
from agentflow.cli.commands.prompts.scorers import scorer_of, scorers_of
from agentflow.cli.errors import CliError

from tests.support.ctl import COMPARISON, EVALUATION, Ctl, Ended

ONE = ("GET", "/api/v1/evaluations/eval_1")
ASKED = ("prompt", "eval", "greeter", "4", "--against", "3", "--dataset", "questions")


def ended(**fields: Any) -> dict[str, Any]:
    return {**EVALUATION, **fields}


def compared(verdict: str) -> dict[str, Any]:
    return ended(report={**EVALUATION["report"], "comparison": {**COMPARISON, "verdict": verdict}})  # type: ignore[dict-item]


def evaluated(folder: Path, *looks: dict[str, Any], options: tuple[str, ...] = ()) -> Ended:
    return Ctl(folder, {ONE: list(looks)})(*ASKED, *options)


def test_the_dataset_is_the_one_with_the_prompts_name_by_default(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    done = ctl("prompt", "eval", "greeter")
    assert done.code == 0, done.err
    assert ctl.api.sent[0].body["dataset"] == "greeter"  # type: ignore[index]


def test_the_body_has_what_was_given_and_no_more(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    done = ctl("prompt", "eval", "greeter", "--dataset", "questions", "--scorer", "numeric:0.5", "--budget", "2.50")
    assert done.code == 0, done.err
    assert ctl.api.sent[0].body == {
        "prompt": "greeter",
        "dataset": "questions",
        "scorers": [{"kind": "numeric", "options": {"absolute": 0.5}}],
        "repeats": 1,
        "budget_cents": "250",
    }


def test_progress_is_on_stderr_and_stdout_is_the_table(tmp_path: Path) -> None:
    running = ended(state="running", progress={"done": 10, "failed": 0, "total": 60}, report=None)
    done = evaluated(tmp_path, ended(state="queued", report=None), running, running, ended())
    assert done.err.splitlines()[1] == "running: 10 of 60 answers, $0.0192"
    assert [line.split()[:2] for line in done.out.splitlines()] == [["VERSION", "MEAN"], ["4", "0.950"], ["3", "0.900"]]
    assert "version 4 is better than 3: difference +0.050 (95%: +0.010 to +0.090)" in done.err
    assert "worse: c7: 1.000 before, 0.500 now" in done.err
    assert "llm_judge: it has 3 labels; label 50 pairs" in done.err


def test_json_is_the_whole_evaluation(tmp_path: Path) -> None:
    assert evaluated(tmp_path, ended(), options=("-o", "json")).document["report"]["comparison"]["verdict"] == "better"


@pytest.mark.parametrize(
    ("found", "options", "code"),
    [
        (ended(), (), 0),
        (ended(passed=None), (), 0),
        (ended(passed=False, failures=["the score 0.9 is under 0.99"]), ("--fail-under", "0.99"), 1),
        (compared("worse"), (), 0),
        (ended(passed=False, failures=["version 4 is worse against 3"]), ("--fail-on", "worse"), 1),
        (ended(state="canceled", report=None), (), 1),
        (ended(state="failed", report=None, error="run_budget_exceeded: it has spent 1 cent"), (), 5),
    ],
)
def test_exit_codes(tmp_path: Path, found: dict[str, Any], options: tuple[str, ...], code: int) -> None:
    assert evaluated(tmp_path, found, options=options).code == code


@pytest.mark.parametrize(("fail_on", "sent"), [("worse", ["worse"]), ("undecided", ["worse", "undecided"])])
def test_fail_on_is_decided_by_the_server(tmp_path: Path, fail_on: str, sent: list[str]) -> None:
    ctl = Ctl(tmp_path)
    assert ctl(*ASKED, "--fail-on", fail_on).code == 0
    assert ctl.api.sent[0].body["fail_on"] == sent


def test_fail_on_needs_another_version(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("prompt", "eval", "greeter", "--dataset", "d", "--fail-on", "worse")
    assert (done.code, "give --against" in done.err) == (2, True)


def test_reports_are_written_to_files_also_when_the_version_did_not_hold(tmp_path: Path) -> None:
    junit, html = tmp_path / "junit.xml", tmp_path / "report.html"
    done = evaluated(
        tmp_path,
        ended(passed=False, failures=["the score 0.9 is under 0.99"]),
        options=("--junit", str(junit), "--html", str(html)),
    )
    assert done.code == 1
    assert (junit.read_text(), html.read_text()) == ("<testsuites/>", "<!doctype html>")


def test_a_time_limit_leaves_the_evaluation_running(tmp_path: Path) -> None:
    done = evaluated(tmp_path, *[ended(state="running", report=None)] * 50, options=("--time-limit", "1s"))
    assert done.code == 6
    assert "it continues" in done.err


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("exact", {"kind": "exact"}),
        ("contains:a:b", {"kind": "contains", "options": {"values": ["a:b"]}}),
        ('{"kind": "bleu", "weight": 0}', {"kind": "bleu", "weight": 0}),
        ('json_schema:{"type": "object"}', {"kind": "json_schema", "options": {"schema": {"type": "object"}}}),
    ],
)
def test_scorers_are_written_short_or_as_json(text: str, spec: dict[str, Any]) -> None:
    assert scorer_of(text) == spec
    assert json.dumps(spec)


@pytest.mark.parametrize("text", ["exakt", "exact:x", "numeric:x", "{"])
def test_a_scorer_that_is_none_is_refused_with_a_fix(text: str) -> None:
    with pytest.raises(CliError) as refused:
        scorer_of(text)
    assert (refused.value.code, bool(refused.value.fix)) == (2, True)


def test_a_file_of_scorers_may_have_a_list(tmp_path: Path) -> None:
    path = tmp_path / "scorers.json"
    path.write_text('[{"kind": "exact"}, {"kind": "latency", "weight": 0}]', encoding="utf-8")
    found = scorers_of([f"@{path}", "contains:Paris"])
    assert [one["kind"] for one in found] == ["exact", "latency", "contains"]


def test_ctrl_c_leaves_the_evaluation_running_and_says_how_to_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    ctl = Ctl(tmp_path, {ONE: [ended(state="running", report=None)]})
    monkeypatch.setattr(ctl, "_sleep", interrupt)
    done = ctl(*ASKED)
    assert (done.code, "end it by `agentctl evaluation cancel eval_1`" in done.err) == (130, True)
