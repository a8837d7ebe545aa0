"""The lines of a soak: a short one has no growth, a long one has all, and floors are missed where they should be."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from bench.prove.area import missed
from bench.prove.areas import AREAS
from bench.results import Machine
from bench.soak.figures import Reading
from bench.soak.lines import AIMS, ENGINES, OURS, STORES, keep, lines_of
from bench.soak.session import Seen
from bench.soak.stores import AtRest

PROCESSES = (*OURS, *ENGINES)
LIMITS = {"api": 1 << 30, "worker": 1 << 29, "streams": 1 << 30, "sinks": 1 << 30}


def seen(minutes: int, *, kb_per_run: float = 0.0, left_kb: float = 0.0, slower: float = 0.0) -> Seen:
    runs = 6_000 * minutes
    took = [(minute * 60.0 + n, 50 + slower * minute) for minute in range(minutes) for n in range(60)]
    resident = dict.fromkeys(PROCESSES, 200.0)
    readings = [
        Reading(m * 60.0, 6_000 * m, resident, dict.fromkeys(PROCESSES, 100 + kb_per_run * 6 * m))
        for m in range(minutes + 1)
    ]
    rest = AtRest(dict.fromkeys(STORES, 1_000.0), {"redis.x": 1.0})
    after = AtRest(dict.fromkeys(STORES, 1_000.0 + left_kb * runs), {"redis.x": 2.0})
    offered = len(took) / (60 * minutes)
    rates = {"plain": 200.0, "mixed": 20.0, "capacity": 2 * offered, "offered": offered}
    return Seen(
        LIMITS, True, rates, readings, took, runs, seconds=60.0 * minutes, offered_s=60.0 * minutes, before=rest,
        after=after,
    )  # fmt: skip


def test_whole_soak_has_every_line_and_holds_its_floors() -> None:
    lines = lines_of(seen(60))
    assert sorted(line.name for line in lines) == sorted(aim.name for aim in AIMS)
    assert missed(AREAS["deploy"], lines) == []


def test_twenty_minutes_do_not_judge_the_engines() -> None:
    names = {line.name for line in lines_of(seen(20))}
    assert {aim.name for aim in AIMS} - names == {f"soak_rss_kb_per_run_{name}" for name in ENGINES}


def test_short_soak_has_no_growth() -> None:
    names = {line.name for line in lines_of(seen(3))}
    assert "soak_memory_of_limit_worker" in names
    assert not any("kb_per_run" in name or "over_first" in name for name in names)


@pytest.mark.parametrize(
    ("what", "count"),
    [({"kb_per_run": 0.1}, len(PROCESSES)), ({"left_kb": 0.1}, len(STORES)), ({"slower": 5.0}, 1)],
)
def test_growth_and_a_p99_that_rises_miss_their_floors(what: dict[str, float], count: int) -> None:
    assert len(missed(AREAS["deploy"], lines_of(seen(60, **what)))) == count


def test_lost_rate_misses_its_floor() -> None:
    half = seen(20)
    half.rates["offered"] *= 2
    assert missed(AREAS["deploy"], lines_of(half)) == ["soak_rate_held"]


def test_results_are_kept_without_the_machines_name(tmp_path: Path) -> None:
    one = seen(60)
    path = keep(
        one, lines_of(one), Machine(2, "3.11", 1.0, 0.0, 0.0), "abc", datetime(2026, 1, 2, tzinfo=UTC), tmp_path
    )
    held = orjson.loads(path.read_bytes())
    assert path.name == "2026-01-02T000000Z-abc.json"
    assert {line["name"] for line in held["lines"]} == {aim.name for aim in AIMS}
    assert held["held_mb"][1]["worker"] == 100.0
    assert held["memory_mb"][1]["worker"] == 200.0
    assert held["parts_kb"] == {"before": {"redis.x": 1.0}, "after": {"redis.x": 2.0}}
