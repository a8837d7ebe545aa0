"""``agentctl trace diff`` and ``agentctl trace why`` in words."""

from pathlib import Path

import pytest
from agentflow.cli.views.comparisons import cause_lines, cost_lines, diff_lines, group_lines, more

from tests.support.ctl import Ctl
from tests.support.ctl_comparisons import CAUSE, COST, GROUPS, HEALTHY, RUNS, UNKNOWN, A, B

DIFF = "/api/v1/traces/diff"


def test_equal_runs_are_said_to_be_equal():
    runs = {**RUNS["runs"], "equal": True, "first": None, "causes": [], "consequences": [], "steps": []}
    shown = diff_lines({**RUNS, "runs": runs}, costs=False, latency=False, outputs=False)
    assert shown[-1].startswith("the runs are equal")


def test_the_first_divergence_is_named_before_others():
    shown = diff_lines(RUNS, costs=False, latency=False, outputs=False)
    first, also = (next(n for n, line in enumerate(shown) if line.startswith(word)) for word in ("they part", "also"))
    assert first < also
    assert "  version of the prompt: analysis@3 -> analysis@4" in shown
    assert shown[-1] == "follows from that: merge, notify"


def test_amounts_have_their_sign():
    assert [more(text) for text in ("0.0015", "-0.0001", "0", "-12")] == ["+$0.0015", "-$0.0001", "=", "-$12.00"]


def test_equal_costs_are_one_line():
    nothing = dict.fromkeys(COST, "0") | {"a_usd": "2", "b_usd": "2", "nodes": []}
    assert cost_lines(nothing) == ["both cost $2.00"]


def test_groups_without_a_difference_say_so():
    groups = {**GROUPS["groups"], "differences": [], "usages": []}
    assert "no node differs by more than luck explains" in group_lines({**GROUPS, "groups": groups})


def test_unknown_causes_and_healthy_runs_are_said_as_such():
    assert "the cause is unknown: no sign is strong enough to name it" in cause_lines(UNKNOWN)
    assert "it did not fail" in cause_lines(HEALTHY)
    assert any("--confirm replays it" in line for line in cause_lines(CAUSE))


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("flips", "confirmed: without it, because"),
        ("stays", "not confirmed: without it, because"),
        ("unknown", "not known: without it, because"),
    ],
)
def test_what_a_replay_without_the_cause_says_is_shown(verdict: str, said: str):
    found = cause_lines({**CAUSE, "confirmed": {"verdict": verdict, "reason": "because"}})
    assert f"  {said}" in found


@pytest.mark.parametrize(
    "line",
    [
        ("diff", A),
        ("diff", A, B, "--workflow", "w"),
        ("diff", "--workflow", "w"),
        ("why",),
        ("why", A, "--last", "1h"),
        ("why", "--last", "1h"),
        ("why", "--last", "1h", "--workflow", "w", "--confirm"),
        ("why", A, "--tools", "functions.py"),
    ],
)
def test_a_request_for_nothing_is_a_mistake(tmp_path: Path, line: tuple[str, ...]):
    done = Ctl(tmp_path)("trace", *line)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1


def test_runs_before_and_after_a_time_are_two_filters(tmp_path: Path):
    ctl = Ctl(tmp_path, {("POST", DIFF): GROUPS})
    done = ctl("trace", "diff", "--workflow", "w", "--at", "2h", "--since", "2d")
    assert done.code == 0, done.err
    body = ctl.api.sent[-1].body
    assert body["a"] == {"workflow": "w", "since": "2d", "until": "2h"}
    assert body["b"] == {"workflow": "w", "since": "2h"}
    assert "120 runs" in done.out
