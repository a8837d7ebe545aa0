"""The bench's figures: medians, ranks, slopes, how they are shown, and which are asked for."""

import pytest

from bench.lines import BenchError, Earlier, Line, percentile, show, slope
from bench.measures.throughput import Load, Round, lines
from bench.plan import LINES, WHOLE_SYSTEM, Group, groups_for, is_asked_for


def test_a_line_is_the_median_and_shows_every_round():
    line = Line("runs_per_s", "runs/s", (410.0, 90.4, 400.0), "in flight")
    assert show(line, Earlier(200.0, "old.json")) == (
        "runs_per_s 400 runs/s  # 2.00x of 200; all: 410 90.4 400 (spread 80%); in flight"
    )


def test_a_line_without_anything_to_say_is_name_value_and_unit():
    assert show(Line("rss_mb_redis", "MB", (0.12345,)), None) == "rss_mb_redis 0.123 MB"


def test_an_earlier_zero_gives_no_ratio():
    assert show(Line("cpu_ms_per_run_api", "ms", (1.0,)), Earlier(0.0, "old.json")) == "cpu_ms_per_run_api 1 ms"


@pytest.mark.parametrize(("share", "expected"), [(0.5, 100), (0.99, 198), (1.0, 200), (0.0, 1)])
def test_percentile_is_the_nearest_rank(share, expected):
    assert percentile(list(range(200, 0, -1)), share) == expected


def test_a_slope_is_that_of_least_squares():
    assert slope([(1000, 500.0), (2000, 900.0), (3000, 900.0)]) == pytest.approx(0.2)
    assert slope([(1, 7.0), (2, 7.0)]) == 0


@pytest.mark.parametrize("points", [[], [(1, 1.0)], [(1, 1.0), (1, 2.0)]])
def test_one_reading_has_no_slope(points):
    with pytest.raises(BenchError, match="two points"):
        slope(points)


def test_every_name_is_of_one_group():
    names = [name for names in LINES.values() for name in names]
    assert len(names) == len(set(names))
    assert set(LINES) == set(Group)


def test_all_lines_are_measured_when_none_is_named():
    assert groups_for([]) == frozenset(Group)


@pytest.mark.parametrize(
    ("only", "groups"),
    [
        (["engine_over_stock_faust"], {Group.ENGINE}),
        (["run_p50_ms", "run_p99_ms"], {Group.LATENCY}),
        (["cpu_ms_per_run_kafka"], {Group.THROUGHPUT}),
        (["submit_rps", "engine_records_per_s"], {Group.SUBMIT, Group.ENGINE}),
        (["runs"], {Group.THROUGHPUT}),
        (["chained"], {Group.CHAINED}),
        (["rss_kb_per_run_history"], {Group.GROWTH}),
        (["restore_s", "waiting_run_kb"], {Group.RESTORE, Group.WAITING}),
        (["timer_lateness_ms_p99"], {Group.TIMERS}),
        (["cancel_ms"], {Group.CANCELS}),
        (["map_children_per_s"], {Group.MAPS}),
        (["rss_mb"], set(WHOLE_SYSTEM)),
        (["rss_mb_worker"], set(WHOLE_SYSTEM)),
    ],
)
def test_a_line_is_measured_with_its_group(only, groups):
    assert groups_for(only) == groups


@pytest.mark.parametrize("name", ["run_p5", "runs_per_sec", "kafka", "per_s", "_"])
def test_a_name_that_is_no_line_is_refused_with_the_names_there_are(name):
    with pytest.raises(
        ValueError, match=rf"no line is named {name}; there are: engine_records_per_s.*rss_mb_<process>"
    ):
        groups_for(["submit_rps", name])


def test_only_what_was_asked_for_is_shown():
    shown = [
        name for name in ("rss_mb_api", "run_p50_ms", "runs_per_s") if is_asked_for(name, ["rss_mb", "runs_per_s"])
    ]
    assert shown == ["rss_mb_api", "runs_per_s"]


def test_cpu_per_run_is_the_sum_of_all_processes_without_the_generator():
    one = Round(runs=100, ended_s=2.0, settled_s=4.0, cpu_s={"kafka": 0.1, "worker": 0.3}, generator_cpu_s=5.0)
    found = {line.name: line.value for line in lines([one], Load(runs=100, in_flight=10))}
    assert found == pytest.approx(
        {
            "runs_per_s": 50,
            "runs_settled_per_s": 25,
            "cpu_ms_per_run": 4,
            "cpu_ms_per_run_kafka": 1,
            "cpu_ms_per_run_worker": 3,
            "generator_cpu_ms_per_run": 50,
        }
    )


def test_the_lines_of_another_load_have_its_prefix():
    one = Round(runs=10, ended_s=1.0, settled_s=1.0, cpu_s={"kafka": 0.1}, generator_cpu_s=0.1)
    names = {line.name for line in lines([one], Load(runs=10, in_flight=1, prefix="fanout_"))}
    assert {"fanout_runs_per_s", "fanout_cpu_ms_per_run", "fanout_cpu_ms_per_run_kafka"} < names
    assert all(name.startswith("fanout_") for name in names)
