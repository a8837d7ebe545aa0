"""The sizing model: what grows with what, what never is less than two, and where more machines do not help."""

import json
from dataclasses import replace

import pytest

from deploy.sizing.__main__ import main
from deploy.sizing.model import BUSY, CPU_MS_OF_THREE, Load, Prices, log_bytes, redis_bytes, size_of

SMALL = Load(runs_s=1)


def test_a_small_load_has_two_of_each_and_three_brokers() -> None:
    size = size_of(SMALL)
    assert all(pods.count >= 2 for pods in size.pods.values())
    assert (size.brokers, size.redis_masters) == (3, 3)
    assert list(size.walls) == []


def test_cores_are_those_of_the_bench_at_the_planned_share() -> None:
    three = replace(SMALL, runs_s=1_000, steps=3, calls=0)
    size = size_of(three)
    assert size.pods["streams"].cores == pytest.approx(CPU_MS_OF_THREE["streams"] / BUSY)
    twice = size_of(replace(three, steps=6))
    assert twice.pods["streams"].cores == pytest.approx(2 * size.pods["streams"].cores)


@pytest.mark.parametrize("field", ["runs_s", "steps", "calls", "payload_bytes", "log_days", "history_days", "keep_h"])
def test_more_of_anything_costs_more(field: str) -> None:
    load = Load(runs_s=100)
    assert size_of(replace(load, **{field: 2 * getattr(load, field)})).dollars > size_of(load).dollars


def test_workers_follow_the_time_that_models_take() -> None:
    load = Load(runs_s=50, calls=2, latency_s=2, concurrency=20)
    assert size_of(load).pods["worker"].count == 17  # 200 calls at once in 20 slots, 60 in 100 of them used
    assert size_of(load).partitions == 60


def test_waiting_runs_are_memory_alone() -> None:
    waiting = replace(SMALL, waiting=1_000_000)
    assert redis_bytes(waiting) - redis_bytes(SMALL) == pytest.approx(1.28e9)
    assert log_bytes(waiting) == log_bytes(SMALL)


def test_walls_are_named_where_machines_do_not_help() -> None:
    walls = size_of(Load(runs_s=100_000)).walls
    assert [wall.partition(":")[0] for wall in walls] == ["one organisation", "limits", "partitions"]


@pytest.mark.parametrize(
    "changed", [{"runs_s": 0}, {"steps": 0.5}, {"calls": -1}, {"over_http": 2}, {"concurrency": 0}]
)
def test_what_is_no_load_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"a load|no part|the share"):
        size_of(replace(SMALL, **changed))  # type: ignore[arg-type]


def test_the_command_prints_a_table_or_json(capsys) -> None:
    assert main(["--runs-s", "100"]) == 0
    assert "TOPIC_PARTITIONS" in capsys.readouterr().out
    assert main(["--runs-s", "100", "--json", "--core-dollars", "50"]) == 0
    dear = json.loads(capsys.readouterr().out)["dollars"]
    assert dear == pytest.approx(size_of(Load(runs_s=100), Prices(core=50)).dollars)
    assert main(["--runs-s", "0"]) == 2
    assert "more than 0 runs" in capsys.readouterr().err
