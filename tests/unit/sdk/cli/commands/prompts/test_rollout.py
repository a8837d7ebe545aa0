"""``agentctl prompt deploy`` and ``rollout``: which deployment is meant, what is waited for, and how it ends."""

from pathlib import Path
from typing import Any

import pytest
from agentflow.cli.views import rollouts

from tests.support.ctl import RUN, WHOLE, Ctl, problem
from tests.support.rollout_answers import DEPLOYMENT, DEPLOYMENT_ID, LINE, PROMOTED, STATISTICS, over

DEPLOYMENTS = "/api/v1/deployments"
LISTED = ("GET", DEPLOYMENTS)
ONE = ("GET", f"{DEPLOYMENTS}/{DEPLOYMENT_ID}")


@pytest.mark.parametrize(
    ("options", "mode", "steps"),
    [
        ((), None, None),
        (("--canary", "10%"), "canary", [0.1]),
        (("--steps", "1%, 0.1,50 %"), "canary", None),
        (("--ab",), "ab", None),
        (("--ab", "--canary", "0.5"), "ab", [0.5]),
        (("--shadow",), "shadow", None),
        (("--all", "--yes"), "all", None),
    ],
)
def test_options_are_a_mode_and_its_steps(
    tmp_path: Path, options: tuple[str, ...], mode: str | None, steps: list[float] | None
) -> None:
    ctl = Ctl(tmp_path)
    done = ctl("prompt", "deploy", "greeter", *options)
    assert done.code == 0, done.err
    body = ctl.last.body
    assert (body.get("mode"), body["environment"], body.get("version")) == (mode, "production", None)
    assert body.get("steps") == ([0.01, 0.1, 0.5] if "--steps" in options else steps)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--canary", "10%", "--steps", "1%,10%"), "--canary and --steps exclude each other; give one of them"),
        (("--ab", "--shadow"), "--ab and --shadow exclude each other"),
        (("--shadow", "--canary", "10%"), "--shadow has no --canary; leave --canary out"),
        (("--canary", "0%"), "'0%' is no share; write 10% or 0.1"),
        (("--canary", "150%"), "is no share"),
        (("--canary", "nan"), "is no share"),
        (("--margin", "speed=1"), "--margin names 'speed'; name one of score, errors, cost, latency"),
        (("--margin", "score=nan"), "--margin score=nan is no harm; write a number from 0 on: --margin score=0.05"),
        (("--metric", "scores"), "did you mean score?"),
    ],
)
def test_a_wrong_option_is_refused_before_a_request(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    ctl = Ctl(tmp_path)
    done = ctl("prompt", "deploy", "greeter", *options)
    assert (done.code, done.err.count("\n"), ctl.api.sent) == (2, 1, [])
    assert said in done.err


def test_what_the_server_refuses_is_one_line_with_its_fix(tmp_path: Path) -> None:
    refused = problem(
        409, "conflict", f"deployment {DEPLOYMENT_ID} of prompt greeter runs in production; stop it first"
    )
    done = Ctl(tmp_path, {("POST", "/api/v1/prompts/greeter/deployments"): refused})("prompt", "deploy", "greeter")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"{DEPLOYMENT_ID} of prompt greeter runs in production" in done.err


def test_deploy_follows_the_rollout_to_its_end(tmp_path: Path) -> None:
    ended = over("rolled_back", "worse:score", "score is worse: 0.6 against 0.9 of stable")
    looks = [{**DEPLOYMENT, "decision": None}, DEPLOYMENT, DEPLOYMENT, ended]
    done = Ctl(tmp_path, {ONE: looks})("prompt", "deploy", "greeter@4", "--follow")
    assert done.code == 1
    said = done.err.splitlines()
    assert [line.partition(" [")[0] for line in said] == [
        "running",
        "its step is complete, and the canary gets 10% from now on",
        "rolled back: score is worse: 0.6 against 0.9 of stable",
    ]
    assert "score 0.88 against 0.9 (undecided)" in said[0]
    assert "METRIC" in done.out


def test_a_promoted_rollout_ends_with_0(tmp_path: Path) -> None:
    done = Ctl(tmp_path, {ONE: [DEPLOYMENT, PROMOTED]})("prompt", "rollout", "watch", DEPLOYMENT_ID)
    assert done.code == 0
    assert "promoted: k1 decided so by hand" in done.out


def test_counts_that_change_are_said_now_and_then(tmp_path: Path) -> None:
    looks: list[dict[str, Any]] = [
        {**DEPLOYMENT, "statistics": {**STATISTICS, "runs": runs}} for runs in range(1000, 1040)
    ]
    done = Ctl(tmp_path, {ONE: [*looks, PROMOTED]})("prompt", "rollout", "watch", DEPLOYMENT_ID)
    assert 3 <= len(done.err.splitlines()) <= 8


def test_the_time_limit_leaves_the_rollout_running(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("prompt", "rollout", "watch", "greeter", "--time-limit", "20s")
    assert done.code == 6
    assert "it continues; see `agentctl prompt rollout status" in done.err


def test_a_name_means_the_running_rollout_else_the_newest(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"deployments": [], "next_cursor": None}
    ctl = Ctl(tmp_path, {LISTED: [nothing, {"deployments": [LINE], "next_cursor": "c"}]})
    assert ctl("prompt", "rollout", "status", "greeter", "--env", "production").code == 0
    asked = [dict(sent.params) for sent in ctl.api.sent[:2]]
    assert asked == [
        {"prompt": "greeter", "environment": "production", "status": "running"},
        {"prompt": "greeter", "environment": "production", "limit": 1},
    ]


def test_rollouts_in_two_environments_need_one_named(tmp_path: Path) -> None:
    two = {"deployments": [LINE, {**LINE, "environment": "staging"}], "next_cursor": None}
    ctl = Ctl(tmp_path, {LISTED: two})
    done = ctl("prompt", "rollout", "rollback", "greeter")
    assert (done.code, len(ctl.api.sent)) == (2, 1)
    assert "prompt greeter has rollouts in production and staging; give --env production" in done.err


def test_no_rollout_is_not_found_with_the_command_that_starts_one(tmp_path: Path) -> None:
    done = Ctl(tmp_path, {LISTED: {"deployments": [], "next_cursor": None}})("prompt", "rollout", "stop", "greeter")
    assert (done.code, done.out) == (3, "")
    assert "start one by `agentctl prompt deploy greeter`" in done.err


def test_a_decision_by_hand_is_shown_once_it_is_applied(tmp_path: Path) -> None:
    ctl = Ctl(tmp_path, {ONE: [DEPLOYMENT, DEPLOYMENT, PROMOTED]})
    done = ctl("prompt", "rollout", "promote", DEPLOYMENT_ID)
    assert done.code == 0, done.err
    assert [sent.method for sent in ctl.api.sent] == ["GET", "POST", "GET", "GET"]
    assert "status       promoted" in done.out


def test_a_decision_that_is_not_applied_says_where_to_look(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("prompt", "rollout", "rollback", "greeter")
    assert done.code == 6
    assert "the decision is stored, and not applied after 30 s" in done.err


def test_json_is_the_whole_deployment(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("prompt", "rollout", "status", "greeter", "-o", "json")
    assert done.document == DEPLOYMENT


def test_a_wrong_split_is_said(tmp_path: Path) -> None:
    alarmed = {**STATISTICS, "split": {**STATISTICS["split"], "alarmed": True}}
    done = Ctl(tmp_path, {ONE: {**DEPLOYMENT, "statistics": alarmed}})("prompt", "rollout", "status", "greeter")
    assert "not as planned!" in done.out


def test_what_is_deployed_at_once_is_shown_once_it_is_applied(tmp_path: Path) -> None:
    answers = {("POST", "/api/v1/prompts/greeter/deployments"): {**LINE, "mode": "all"}, ONE: [DEPLOYMENT, PROMOTED]}
    done = Ctl(tmp_path, answers)("prompt", "deploy", "greeter", "--all", "--yes")
    assert (done.code, "status       promoted" in done.out) == (0, True), done.err


def test_a_run_says_which_version_it_got(tmp_path: Path) -> None:
    arm = {"prompt": "greeter", "environment": "production", "arm": "canary", "version": 4, "deployment_id": "d"}
    run = {**WHOLE, "rollouts": [arm]}
    done = Ctl(tmp_path, {("GET", f"/api/v1/workflows/runs/{RUN}"): run})("workflow", "get", RUN)
    assert "rollouts   greeter@4 as canary of production" in done.out


def test_wide_output_states_margins_and_alphas(tmp_path: Path) -> None:
    done = Ctl(tmp_path)("prompt", "rollout", "status", "greeter", "-o", "wide")
    head, score = [line.split() for line in done.out.splitlines() if line.startswith(("METRIC", "score"))]
    assert (head[-2:], score[-2:]) == (["MARGIN", "ALPHA"], ["0.05", "0.028"])


def test_a_terminal_is_painted_over_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agentflow.cli.views.rollouts.screen", lambda: (20, 3))
    assert rollouts._paint(["a", "b" * 30, "c", "d"], 0) == 3
    assert rollouts._paint(["e"], 3) == 1
    assert capsys.readouterr().err == "bbbbbbbbbbbbbbbbbbbb\nc\nd\n\x1b[3A\x1b[Je\n"
