"""``agentctl evaluation``: what it shows, which files it writes, and how it names bad rows of labels."""

from pathlib import Path
from typing import Any

import pytest
from agentflow.cli.api import Answer

from tests.support.ctl import EVALUATION, Ctl, Ended, problem

EVALUATIONS = "/api/v1/evaluations"
LABELS = ("POST", f"{EVALUATIONS}/eval_1/labels")
HEAD = "case_id,scorer,human,repeat,side\n"
LINES = """{"case_id": "c1", "scorer": "j", "human": "pass"}

{"case_id": "c2", "scorer": "j", "human": "fail", "repeat": 2, "side": "baseline"}
"""


def test_an_evaluation_is_shown_with_its_state_and_its_report(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("evaluation", "get", "eval_1")
    fields, _, report = done.out.partition("\n\n")
    shown = dict(line.split(maxsplit=1) for line in fields.splitlines())
    assert (shown["state"], shown["progress"]) == ("succeeded", "60 of 60 answers, 1 failed")
    assert [line.split()[:2] for line in report.splitlines()] == [["VERSION", "MEAN"], ["4", "0.950"], ["3", "0.900"]]
    assert "version 4 is better than 3: difference +0.050 (95%: +0.010 to +0.090)" in done.err


def test_an_evaluation_that_runs_is_shown_with_its_progress_alone(tmp_path: Path) -> None:
    progress = {"done": 10, "failed": 0, "total": 60}
    running = {**EVALUATION, "state": "running", "progress": progress, "passed": None, "report": None}
    done = Ctl(tmp_path, {("GET", f"{EVALUATIONS}/eval_1"): running})("evaluation", "get", "eval_1")
    assert (done.code, done.err) == (0, "")
    assert "10 of 60 answers\n" in done.out
    assert "MEAN" not in done.out


def test_json_is_the_whole_evaluation_and_no_table(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("evaluation", "get", "eval_1", "-o", "json")
    assert done.document["report"]["comparison"]["verdict"] == "better"


def test_reports_are_written_to_files(tmp_path: Path) -> None:
    junit, html = tmp_path / "junit.xml", tmp_path / "report.html"
    done = Ctl(tmp_path)("evaluation", "report", "eval_1", "--junit", str(junit), "--html", str(html))
    assert (done.code, done.out) == (0, "")
    assert (junit.read_text(), html.read_text()) == ("<testsuites/>", "<!doctype html>")


def test_a_report_without_a_file_is_refused_before_a_request(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    done = ctl("evaluation", "report", "eval_1")
    assert (done.code, "give --html FILE or --junit FILE" in done.err, ctl.api.sent) == (2, True, [])


def test_a_report_that_is_not_there_yet_leaves_no_file(tmp_path: Path) -> None:
    refused = problem(409, "conflict", "evaluation eval_1 is running and has no report; see its `state` and `error`")
    ctl = Ctl(tmp_path, {("GET", f"{EVALUATIONS}/eval_1/report.html"): refused})
    done = ctl("evaluation", "report", "eval_1", "--html", str(tmp_path / "report.html"))
    assert (done.code, "has no report" in done.err) == (2, True)
    assert not (tmp_path / "report.html").exists()


def labelled(folder: Path, name: str, text: str, answer: Answer | None = None) -> tuple[Ended, Any]:
    (folder / name).write_text(text, encoding="utf-8")
    ctl = Ctl(folder, {} if answer is None else {LABELS: answer})
    done = ctl("evaluation", "label", "eval_1", str(folder / name))
    return done, ctl.api.sent[-1].body if ctl.api.sent else None


@pytest.mark.parametrize(
    ("name", "text"),
    [("l.csv", HEAD + "c1,j,pass,,\n\nc2,j,fail,2,baseline\n"), ("l.jsonl", LINES)],
)
def test_labels_of_each_form_are_the_same_request(tmp_path: Path, name: str, text: str) -> None:
    done, body = labelled(tmp_path, name, text)
    assert done.code == 0, done.err
    assert body == {
        "labels": [
            {"case_id": "c1", "scorer": "j", "human": "pass"},
            {"case_id": "c2", "scorer": "j", "human": "fail", "repeat": 2, "side": "baseline"},
        ]
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", HEAD + "c1,j,pass,,\nc2,j,fail\n", "line 3 has 3 fields, and the header 5"),
        ("l.csv", HEAD + '"c\n1",j,pass,,\nc2,j\n', "line 4 has 2 fields"),
        ("l.csv", HEAD + 'c1,j,"pass"x,,\n', "line 2 is no CSV"),
        ("l.csv", "case_id,human,human\n", "line 1 has a column twice"),
        ("l.jsonl", '{"case_id": "c1"}\n{"case_id"\n', "line 2 is not JSON"),
        ("l.jsonl", "\n[1]\n", "line 2 is not a JSON object"),
        ("l.csv", HEAD, "has no labels"),
        ("l.txt", HEAD, "give --format jsonl or --format csv"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_nothing_is_sent(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    done, body = labelled(tmp_path, name, text)
    assert (done.code, body) == (2, None)
    assert said in done.err


def test_a_label_that_the_server_refuses_is_named_by_its_line(tmp_path: Path) -> None:
    part = {"path": "body.labels[1].human", "message": "'pass' is no word of this judge", "fix": "write one of tie"}
    detail = "body.labels[1].human: 'pass' is no word of this judge; write one of tie"
    done, _ = labelled(
        tmp_path, "l.csv", HEAD + "c1,j,tie,,\n\nc2,j,pass,,\n", problem(422, "invalid-input", detail, part)
    )
    assert done.code == 2
    assert f"{tmp_path}/l.csv line 4 human: 'pass' is no word of this judge" in done.err


def test_a_field_that_the_server_does_not_know_is_named_by_its_line(tmp_path: Path) -> None:
    part = {"path": "labels[0].colour", "message": "is not a field", "fix": "remove it"}
    refused = problem(422, "invalid-input", "the request is wrong", part)
    done, _ = labelled(tmp_path, "l.csv", "case_id,colour\nc1,red\n", refused)
    assert "l.csv line 2 colour is not a field" in done.err
