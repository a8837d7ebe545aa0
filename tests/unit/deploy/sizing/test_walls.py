"""The simulated site: which part has a backlog first, and what moves it."""

import json

import pytest

from deploy.sizing.__main__ import main
from deploy.sizing.model import ADMISSIONS_S, ONE_PARTITION_RECORDS_S, Load
from deploy.sizing.walls import GROWTH, Site, hottest, shares, simulate

LOAD = Load(runs_s=1)
ADMISSION = "admission of runs with limits, one partition"
LARGEST = "money of the largest organisation"


def reached(site: Site, part: str, load: Load = LOAD) -> float | None:
    return next((wall.runs_s for wall in simulate(load, site) if wall.part == part), None)


def test_a_wall_is_where_a_part_gets_more_than_it_can_do_and_a_little_later() -> None:
    found = reached(Site(limited=1.0), ADMISSION)
    assert found is not None
    assert ADMISSIONS_S < found < ADMISSIONS_S * GROWTH**120, "a backlog of 5 s of work grows within two minutes"
    fifth = reached(Site(limited=0.2), ADMISSION)
    assert fifth == pytest.approx(5 * found, rel=0.05)
    assert reached(Site(limited=0.0), ADMISSION) is None


def test_one_organisation_has_all_money_in_one_partition() -> None:
    alone = reached(Site(organisations=1), LARGEST)
    assert alone is not None
    assert alone > ONE_PARTITION_RECORDS_S / (LOAD.calls * 3)
    many = reached(Site(organisations=1_000, skew=0.0), LARGEST)
    assert many is None, "a thousand alike are no wall up to 100,000"
    unequal = reached(Site(organisations=1_000, skew=1.0), LARGEST)
    assert unequal is not None
    assert alone < unequal


def test_the_first_wall_comes_first_and_runs_without_calls_have_no_money() -> None:
    walls = simulate(LOAD)
    assert [wall.runs_s for wall in walls] == sorted(wall.runs_s for wall in walls)
    assert not any("money" in wall.part or "quotas" in wall.part for wall in simulate(Load(runs_s=1, calls=0)))


def test_shares_add_up_and_the_hottest_partition_has_at_least_the_largest() -> None:
    found = shares(100, 1.0)
    assert sum(found) == pytest.approx(1.0)
    assert hottest(found, 12) >= found[0]
    assert hottest(found, 1) == pytest.approx(1.0)


def test_the_command_prints_walls_and_refuses_a_site_without_organisations(capsys) -> None:
    assert main(["--runs-s", "100000", "--simulate", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["runs_s"] < 100_000
    assert all(row["fix"] for row in rows)
    assert main(["--runs-s", "5", "--simulate"]) == 0
    assert capsys.readouterr().out == "no wall up to 5 runs/s\n"
    assert main(["--runs-s", "5", "--simulate", "--organisations", "0"]) == 2
