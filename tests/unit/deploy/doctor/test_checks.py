"""Each check finds its problem, names it with a fix, and finds nothing in a site that is well."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.doctor.checks import CHECKS, found
from deploy.doctor.facts import Disk, Facts, LostWorker, PartitionHealth, Reader, RedisHealth, TablePlace

ROOT = Path(__file__).parents[4]
NOW_MS = 1_700_000_000_000
DAY_S = 86_400
TABLE = TablePlace("runs", 0, 90, 0, 100, 80, NOW_MS - 1_000)
READER = Reader("orchestrator", "run-events", 0, 90, 95, 100)
PART = PartitionHealth("run-events", 0, 3, 3, has_leader=True)
WELL = Facts(
    now_ms=NOW_MS,
    partitions=[PART],
    min_isr={"run-events": 2},
    readers=[READER],
    tables=[TABLE],
    schema={"PostgreSQL": [], "ClickHouse": []},
    redis=[RedisHealth("REDIS_URL", 10, 100, saved=True)],
    live_workers=2,
    clocks_ms={"Redis": 3.0},
    certificates={"/tls/ca.pem": NOW_MS / 1000 + 90 * DAY_S},
    disks=[Disk("ClickHouse's disk default", 100, 80)],
    last_backup_ms=NOW_MS - 3_600_000,
    backup_max_age_s=DAY_S,
)
SICK = [
    ("engines", {"away": {"redis": "no answer"}}, "redis could not be read: no answer"),
    ("topics", {"differences": ["run-events: is missing"]}, "run-events: is missing"),
    ("replicas", {"partitions": [replace(PART, has_leader=False)]}, "no leader: run-events/0"),
    ("replicas", {"partitions": [replace(PART, in_sync=1)]}, "writes are refused"),
    ("replicas", {"partitions": [replace(PART, in_sync=2)]}, "(2 of 3)"),
    ("roles", {"idle_roles": ["history"]}, "no process runs: history"),
    ("stalled", {"readers": [replace(READER, later=90)]}, "orchestrator has stalled in run-events/0 at 90 of 100"),
    ("lag", {"readers": [replace(READER, end=20_000)]}, "orchestrator has 19,905 records before it"),
    ("positions", {"tables": [replace(TABLE, offset=101)]}, "the log lost records"),
    ("positions", {"tables": [replace(TABLE, first=91)]}, "records are gone"),
    ("positions", {"tables": [replace(TABLE, other_log=True)]}, "another topic of this name"),
    ("positions", {"tables": [replace(TABLE, offset=70)]}, "runs/0 is at offset 70, its checkpoint at 80"),
    ("checkpoints", {"tables": [replace(TABLE, checkpoint_at_ms=NOW_MS - 301_000)]}, "runs/0"),
    ("leases", {"live_workers": 0}, "no worker is live"),
    ("leases", {"workers": [LostWorker("w-1", 3, 20.0)]}, "worker w-1 has been silent for 20 s, with 3 attempts"),
    ("schema", {"schema": {"PostgreSQL": ["0037_retention.sql"]}}, "PostgreSQL lacks 0037_retention.sql"),
    ("settings", {"unsafe": [("eviction", "Redis evicts", "Set noeviction")]}, "Redis evicts"),
    ("redis", {"redis": [RedisHealth("REDIS_URL", 90, 100, saved=True)]}, "90% of maxmemory"),
    ("redis", {"redis": [RedisHealth("REDIS_URL", 10, 0, saved=False)]}, "could not write its last save"),
    ("clocks", {"clocks_ms": {"PostgreSQL": -4_000.0}}, "the clock of PostgreSQL is 4.0 s behind this machine's"),
    ("certificates", {"certificates": {"a.pem": NOW_MS / 1000 + 2 * DAY_S}}, "ends in 2.0 days"),
    ("certificates", {"certificates": {"a.pem": NOW_MS / 1000 - 5}}, "has ended"),
    ("certificates", {"certificates": {"a.pem": 0.0}}, "no certificate that can be read"),
    ("disks", {"disks": [Disk("the disk", 100, 10)]}, "the disk has"),
    ("backup", {"last_backup_ms": None}, "no backup is known"),
    ("backup", {"last_backup_ms": NOW_MS - 2 * DAY_S * 1000}, "48.0 h old, 24.0 h are allowed"),
]


def test_a_site_that_is_well_has_no_problems() -> None:
    assert found(WELL) == []


@pytest.mark.parametrize(("check", "changed", "said"), SICK)
def test_a_problem_is_found_once_with_its_fix(check: str, changed: dict[str, object], said: str) -> None:
    problems = found(replace(WELL, **changed))  # type: ignore[arg-type]
    assert [one.check for one in problems] == [check]
    assert said in problems[0].problem
    assert len(problems[0].fix) > 5


def test_every_check_has_a_problem_in_this_test_and_a_page_that_exists() -> None:
    assert {check.name for check in CHECKS} == {check for check, _, _ in SICK}
    for check in CHECKS:
        assert (ROOT / check.page.partition("#")[0]).is_file(), check.page


def test_a_worker_may_stand_still_in_long_calls_and_unread_facts_are_no_problem() -> None:
    assert found(replace(WELL, readers=[replace(READER, role="worker", later=90)])) == []
    assert found(Facts(now_ms=NOW_MS)) == []
    assert found(replace(WELL, tables=[replace(TABLE, offset=None)])) == []
    assert [one.check for one in found(replace(WELL, away={"redis": "x"}, last_backup_ms=None))] == ["engines"]
