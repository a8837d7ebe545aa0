"""Floors, goals and regressions of the bench's lines, and how the summary shows them."""

import pytest

from bench.__main__ import main
from bench.lines import Earlier, Line
from bench.plan import LINES
from bench.report import report
from bench.targets import GATED, TARGETS, Verdict, fails_the_gate, has_regressed, verdict


def line(name: str, value: float) -> Line:
    units = {"cpu_ms_per_run": "ms", "workers_3_over_1": "x", "runs_per_s": "runs/s", "restore_s": "s"}
    return Line(name, units.get(name, "MB"), (value,))


def test_every_target_is_of_a_line():
    names = {name for names in LINES.values() for name in names}
    assert set(TARGETS) | GATED <= names


def test_floor_and_goal_are_in_the_order_of_their_unit():
    more = {name for name, target in TARGETS.items() if target.goal > target.floor}
    assert {name for name in TARGETS if name.endswith(("_per_s", "_over_1", "_faust", "_rps"))} == more


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("runs_per_s", 2_000, Verdict.GOAL),
        ("runs_per_s", 1_999, Verdict.FLOOR),
        ("runs_per_s", 500, Verdict.FLOOR),
        ("runs_per_s", 499, Verdict.MISSED),
        ("restore_s", 10, Verdict.GOAL),
        ("restore_s", 30, Verdict.FLOOR),
        ("restore_s", 30.1, Verdict.MISSED),
        ("rss_mb_redis", 1, None),
    ],
)
def test_a_verdict_looks_at_floor_and_goal(name, value, expected):
    assert verdict(line(name, value)) is expected


@pytest.mark.parametrize(
    ("name", "value", "was", "expected"),
    [
        ("cpu_ms_per_run", 1.09, 1.0, False),
        ("cpu_ms_per_run", 1.11, 1.0, True),
        ("cpu_ms_per_run", 0.5, 1.0, False),
        ("workers_3_over_1", 2.71, 3.0, False),
        ("workers_3_over_1", 2.69, 3.0, True),
        # A rate moves with the machine, so it is compared and not gated.
        ("runs_per_s", 1.0, 500.0, False),
    ],
)
def test_a_gated_line_that_is_worse_by_a_tenth_has_regressed(name, value, was, expected):
    assert has_regressed(line(name, value), Earlier(was, "old.json")) is expected


def test_without_an_earlier_figure_nothing_regresses_but_the_floor_still_shuts_the_gate():
    assert not has_regressed(line("cpu_ms_per_run", 9.0), None)
    assert not has_regressed(line("cpu_ms_per_run", 9.0), Earlier(0.0, "old.json"))
    assert fails_the_gate(line("cpu_ms_per_run", 9.0), None)
    assert not fails_the_gate(line("runs_per_s", 1.0), None)
    assert not fails_the_gate(line("cpu_ms_per_run", 2.5), Earlier(2.4, "old.json"))


def test_the_summary_puts_floor_goal_verdict_and_ratio_beside_each_figure():
    lines = [line("cpu_ms_per_run", 1.5), line("rss_mb_redis", 7), line("restore_s", 40)]
    *plain, header, cpu, restore = report(lines, {"cpu_ms_per_run": Earlier(1.0, "old.json")}, judged=True)
    assert [text.split()[:3] for text in plain] == [
        ["cpu_ms_per_run", "1.5", "ms"],
        ["rss_mb_redis", "7", "MB"],
        ["restore_s", "40", "s"],
    ]
    assert header.split() == ["#", "name", "value", "unit", "floor", "goal", "verdict", "was", "ratio"]
    assert cpu.split()[:9] == ["#", "cpu_ms_per_run", "1.5", "ms", "2.5", "1", "floor", "1", "1.50"]
    assert cpu.endswith("REGRESSION: worse by more than 10%")
    assert restore.split() == ["#", "restore_s", "40", "s", "30", "10", "missed", "-", "-"]


def test_tiny_sizes_are_not_judged():
    assert report([line("restore_s", 40)], {}, judged=False) == ["restore_s 40 s"]


def test_the_list_names_every_line_and_its_aims(capsys):
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "restore_s floor 30 goal 10" in printed
    assert "workers_3_over_1 floor 2.4 goal 2.9 gated" in printed
    assert "rss_mb_<process>" in printed
    assert len(printed) == sum(len(names) for names in LINES.values())


def test_a_name_that_is_no_line_is_a_usage_error_that_names_those_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--only", "runs_per_s,speed"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "no line is named speed; there are:" in said
    assert "takeover_pause_p99_s" in said
