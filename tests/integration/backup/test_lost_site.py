"""A backup under load, a site that is lost with its files, a restore onto an empty one; see ``bench.backups.game``."""

from pathlib import Path

import pytest

from bench.backups.game import QUICK, Played, play

#: Two systems start one after the other.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("lost"), QUICK, print)


def test_runs_that_had_ended_are_as_they_were(played: Played) -> None:
    assert played.ended >= QUICK.ended
    assert played.changed == []


def test_the_ledger_is_the_same_and_the_fold_agrees(played: Played) -> None:
    assert played.report.ledger.calls >= QUICK.ended
    assert (played.ledger_off_calls, played.ledger_off_nano, played.fold_off_nano) == (0, 0, 0)


def test_runs_that_were_under_way_end_once(played: Played) -> None:
    assert played.under_way > 0
    assert played.ends_not_once == {}


def test_calls_in_flight_are_listed(played: Played) -> None:
    open_runs = {one.run_id for one in played.report.open_attempts if one.begun}
    assert {one.run_id for one in played.report.unknown_calls} <= open_runs


def test_damage_and_a_site_that_is_not_empty_are_refused(played: Played) -> None:
    assert played.not_refused == []


def test_what_was_restored_is_sealed(played: Played, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path(tmp_path_factory.getbasetemp())
    parts = list(folder.rglob("backups/*/topics/run-events/*/*.part"))
    assert parts
    assert not any(b"bench_one_call" in part.read_bytes() for part in parts)
