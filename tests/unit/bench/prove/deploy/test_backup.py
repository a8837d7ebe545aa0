"""The arithmetic of the lines of backups; the game itself is played by the integration test and ``make prove``."""

import pytest

from bench.backups.game import Played
from bench.prove.deploy.backup import AIMS, lines_of, scaled_s
from deploy.backup.archive.manifest import Ledger
from deploy.backup.report import Report
from tests.support.backups import manifest


def _played(runs: int, restore_s: float, **more: object) -> Played:
    report = Report(
        backup_id="b",
        cut_at_ms=0,
        earlier=False,
        ends={},
        records=0,
        rows=0,
        objects=0,
        runs_taken_out=0,
        subjects_erased=0,
        vault_of_ms=None,
        ledger=Ledger(calls=1, nano=2, open_calls=0),
        unknown_calls=[],
        open_attempts=[],
        longer_by_days=0,
        write_s=0.0,
        took_s=1,
    )
    return Played(manifest(1), report, runs=runs, restore_s=restore_s, **more)  # type: ignore[arg-type]


def test_times_are_on_the_line_through_two_games() -> None:
    assert scaled_s((1_000, 10.0), (5_000, 30.0), 100_000) == pytest.approx(505.0)
    assert scaled_s((1_000, 30.0), (5_000, 10.0), 100_000) == pytest.approx(10.0)
    # Starts that vary hide what a run costs: then it costs what its records did.
    assert scaled_s((1_000, 30.0), (5_000, 10.0), 100_000, 0.001) == pytest.approx(105.0)


def test_faults_of_all_games_count_and_times_need_two() -> None:
    earlier = _played(500, 9.0, changed=["b"], fold_off_nano=3)
    small = _played(1_000, 10.0, changed=["a"], not_refused=["a flipped byte"], earlier=earlier)
    large = _played(5_000, 30.0, ends_not_once={"r": 2}, ledger_off_nano=4, fold_off_nano=1)
    values = {line.name: line.value for line in lines_of([small, large])}

    assert set(values) == {aim.name for aim in AIMS}
    assert values["backup_ended_runs_changed"] == 1
    assert values["backup_damage_not_refused"] == 1
    assert values["backup_runs_ended_not_once"] == 1
    assert values["backup_ledger_off_nano"] == 5
    assert values["backup_earlier_point_faults"] == 2
    assert values["backup_restore_100k_minutes"] == pytest.approx(505 / 60)
    assert "backup_restore_100k_minutes" not in {line.name for line in lines_of([small])}
