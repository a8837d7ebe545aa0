"""Every failure is one line on stderr with the cause and the fix, and an exit code that is documented."""

from pathlib import Path

import pytest
from agentflow.cli.api import Answer
from agentflow.cli.errors import EXIT_CODES, code_of_run, code_of_status

from tests.support.ctl import RUN, SUCCEEDED, WHOLE, Ctl, problem

_RUN = ("GET", f"/api/v1/workflows/runs/{RUN}")
_RUNS = ("POST", "/api/v1/workflows/runs")


@pytest.mark.parametrize(
    ("args", "cause", "fix"),
    [
        (("workflwo",), "no command 'workflwo'", "did you mean workflow?"),
        (("workflow", "sumbit"), "no command 'sumbit'", "did you mean submit?"),
        (("workflow", "list", "--statsu", "x"), "no option --statsu", "did you mean --status?"),
        (("workflow", "list", "--status", "runing"), "--status 'runing' is not among its values", "mean running?"),
        (("workflow", "list", "-o", "jsn"), "--output 'jsn'", "did you mean json?"),
        (("completion", "powershell"), "'powershell' is not among its values", "one of bash, zsh, fish"),
        (("completion",), "missing argument", "agentctl completion --help"),
        (("workflow", "get"), "missing argument", "--help"),
        (("config", "set", "endpiont", "x"), "'endpiont' is not a setting", "did you mean endpoint?"),
        (("config", "set", "endpoint", "localhost"), "'localhost' is not an address", "http://host:port"),
        (("config", "set", "output", "jsn"), "'jsn' is not a format", "did you mean json?"),
        (("budget", "create"), "no limit", "--limit"),
        (("budget", "create", "--limit", "ten"), "'ten' is not an amount", "US dollars"),
        (("budget", "create", "--limit", "1", "--period", "montly"), "'montly' is not a period", "monthly?"),
        (("budget", "update", "bud_1"), "nothing to change", "--limit"),
        (("prompt", "create", "x"), "no template", "--template"),
        (("workflow", "submit", "x", "--inputs", "{"), "--inputs is not JSON", "--inputs @file.json"),
        (("workflow", "submit", "x", "--inputs", "[1]"), "--inputs is not a JSON object", "--inputs"),
        (("workflow", "submit", "x", "--tag", "y"), "--tag 'y' has no value", "key=value"),
        (("workflow", "submit", "x", "--deadline", "soon"), "'soon' is not a duration", "90s"),
        (("workflow", "list", "--since", "yesterday"), "'yesterday' is not a time", "7d"),
        (("schedule", "create", "x", "--workflow", "w"), "no times", "--cron"),
        (("quota", "set", "--provider", "x"), "no limit is given", "--requests-per-minute"),
        (("limit", "set", "--workflow", "w=many"), "w=many is not a limit", "--runs 50"),
        (("cache", "purge"), "nothing is selected", "--all"),
        (("dlq", "retry"), "no letters are selected", "positions"),
        (("dlq", "show", "x"), "'x' is not a position", "topic/partition@offset"),
        (("trace", "replay", "r", "--policy", "p.yaml"), "--policy stands instead of a run", "--since 7d"),
        (("trace", "replay", "r", "--since", "7d"), "are for --policy", "name a policy"),
        (("trace", "replay", "--policy", "none.yaml"), "none.yaml cannot be read", "name a file with a policy"),
        (("trace", "query", "--start", "yesterday"), "'yesterday' is not a time", "7d"),
        (("trace", "query", "--min-cost", "much"), "'much' is not an amount", "2.50"),
        (("trace", "query", "--follow", "--by", "model"), "as they come", "--by"),
        (("trace", "replay", "r", "--model", "a/b"), "--model is for --mode shadow", "leave one"),
        (("trace", "replay", "r", "--mode", "shadow", "--from", "a"), "--from is for --mode live", "leave one"),
        (("trace", "replay", "r", "--mode", "live"), "--mode live changes nothing", "--from NODE"),
        (("trace", "replay", "r", "--mode", "shadow", "--model", "gold"), "'gold' is no route", "provider/model"),
        (("trace", "replay"), "there is no run", "workflow list"),
        (("trace", "replay", "r", "--golden", "g"), "--golden stands instead of a run", "--mode verified"),
        (("trace", "replay", "r", "--mode", "verified", "--stop-at", "x"), "--stop-at is for --mode debug", "leave"),
        (("trace", "replay", "--mode", "verified", "--golden", "none.jsonl"), "cannot be read", "golden file"),
        (("api", "GET", "limits"), "'limits' is not a path", "/api/v1"),
        (("status", "--profile", "prod"), "no profile 'prod'", "config set"),
        (("status", "--endpoint", "ftp://x"), "is not an address", "https://host"),
    ],
)
def test_a_wrong_command_names_the_cause_and_the_fix(
    tmp_path: Path, args: tuple[str, ...], cause: str, fix: str
) -> None:
    done = Ctl(tmp_path)(*args)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("agentctl: ")
    assert done.err.count("\n") == 1
    assert cause in done.err
    assert fix in done.err


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("workflow", "register", str(tmp_path / "none.yaml"))
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "check the path" in done.err


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "bad-request", 2),
        (401, "unauthenticated", 4),
        (402, "budget-exceeded", 5),
        (403, "forbidden", 4),
        (404, "not-found", 3),
        (409, "conflict", 2),
        (409, "run-budget-exceeded", 5),
        (422, "invalid-input", 2),
        (429, "overloaded", 1),
        (500, "internal", 1),
        (503, "unavailable", 1),
        (504, "timeout", 6),
    ],
)
def test_an_error_answer_has_an_exit_code(tmp_path: Path, status: int, kind: str, code: int) -> None:
    ctl = Ctl(tmp_path, {_RUN: problem(status, kind, "the server says no")})
    done = ctl("workflow", "get", RUN)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("agentctl: the server says no")


def test_an_error_of_otlp_shows_its_message(tmp_path: Path) -> None:
    file = tmp_path / "spans.json"
    file.write_text('{"resourceSpans": 1}', encoding="utf-8")
    status = Answer(400, {"code": 3, "message": "resourceSpans: is not a list"})
    ctl = Ctl(tmp_path, {("POST", "/v1/traces"): status})
    done = ctl("trace", "import", str(file))
    assert done.code != 0
    assert "resourceSpans: is not a list" in done.err


def test_the_fix_of_a_problem_body_is_shown_and_its_parts_are_named(tmp_path: Path) -> None:
    parts = [{"path": f"inputs.{at}", "message": "is missing", "fix": f"add {at}"} for at in "abcd"]
    done = Ctl(tmp_path, {_RUNS: problem(422, "invalid-input", "w needs inputs", *parts)})("workflow", "submit", "w")
    assert done.err == (
        "agentctl: w needs inputs: inputs.a is missing; inputs.b is missing; inputs.c is missing (and 1 more); add a\n"
    )


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        ("succeeded", "", 0),
        ("failed", "provider_unavailable", 1),
        ("canceled", "", 1),
        ("failed", "budget_exceeded", 5),
        ("failed", "run_budget_exceeded", 5),
        ("failed", "deadline_exceeded", 6),
    ],
)
def test_a_run_that_ended_decides_the_exit_code(tmp_path: Path, status: str, error: str, code: int) -> None:
    run = {**WHOLE, "status": status, "error": {"code": error, "message": "m"} if error else None}
    assert Ctl(tmp_path, {_RUN: run})("workflow", "wait", RUN).code == code


def test_a_time_limit_while_waiting_says_that_the_run_continues(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, {_RUN: {**SUCCEEDED, "status": "running"}})
    done = ctl("workflow", "wait", RUN, "--timeout", "5s")
    assert (done.code, done.out) == (6, "")
    assert "still running after 5 s" in done.err
    assert f"agentctl workflow watch {RUN}" in done.err


def test_a_fix_that_the_detail_has_already_is_shown_once(tmp_path: Path) -> None:
    part = {"path": "steps", "message": "they do not rise", "fix": "sort them"}
    refused = problem(422, "invalid-input", "steps: they do not rise; sort them", part)
    done = Ctl(tmp_path, {("GET", "/api/v1/prompts"): refused})("prompt", "list")
    assert done.err == "agentctl: steps: they do not rise; sort them\n"


def test_without_a_key_nothing_is_sent_and_the_fix_is_named(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    ctl.env.pop("AGENTFLOW_TOKEN")
    done = ctl("workflow", "definitions", given_api=False)
    assert done.code == 4
    assert "agentctl config set token" in done.err


def test_an_address_where_nothing_answers_names_its_origin_and_the_doctor(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)
    ctl.env["AGENTFLOW_ENDPOINT"] = "http://127.0.0.1:9"
    done = ctl("workflow", "definitions", given_api=False)
    assert done.code == 1
    assert "nothing answers at http://127.0.0.1:9 (AGENTFLOW_ENDPOINT)" in done.err
    assert "agentctl doctor" in done.err


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    ctl._sleep = interrupt  # type: ignore[method-assign]
    assert ctl("workflow", "list", "--watch").code == 130


def test_every_exit_code_is_documented() -> None:
    codes = {code for code, _ in EXIT_CODES}
    assert {code_of_status(status) for status in range(400, 600)} <= codes
    assert {code_of_run("failed", code) for code in ("budget_exceeded", "deadline_exceeded", "x")} <= codes


@pytest.mark.parametrize("args", [(), ("workflow",), ("config",)])
def test_a_group_without_a_command_shows_its_help_on_stderr(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = Ctl(tmp_path)(*args)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: agentctl")
    assert len(done.err.splitlines()) > 5
