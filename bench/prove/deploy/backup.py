"""Lines of backup and restore: a site that is lost under load, what is there again, and how long it takes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.backups.game import EARLIER, FULL, QUICK, Played, play
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress

_NONE = at_most(0)
#: The size that the times are of, by a line through those of two games.
RUNS = 100_000

AIMS = (
    Aim("backup_ended_runs_changed", "runs", _NONE, _NONE),
    Aim("backup_ledger_off_nano", "nano-dollars", _NONE, _NONE),
    Aim("backup_runs_ended_not_once", "runs", _NONE, _NONE),
    Aim("backup_damage_not_refused", "restores", _NONE, _NONE),
    Aim("backup_earlier_point_faults", "faults", _NONE, _NONE),
    Aim("backup_runs_in_flight", "runs", at_least(1), at_least(100)),
    Aim("backup_restore_100k_minutes", "minutes", at_most(10), at_most(3)),
    Aim("backup_take_100k_minutes", "minutes"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the game: a small one, and a larger one for the times. Raises ``BenchError``."""
    sizes = (QUICK,) if quick else (EARLIER, FULL)
    played = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="agentflow-backup-") as folder:
            played.append(play(Path(folder), size, progress))
    return lines_of(played)


def lines_of(played: Sequence[Played]) -> list[Line]:
    """Return the lines of games that were played, the largest last; times need two."""
    last = played[-1]
    off = sum(one.ledger_off_nano + one.fold_off_nano + one.ledger_off_calls for one in played)
    lines = [
        _line("backup_ended_runs_changed", sum(len(one.changed) for one in played), f"of {last.ended}, byte for byte"),
        _line(
            "backup_ledger_off_nano",
            off,
            f"of {last.report.ledger.nano} in {last.report.ledger.calls} calls, ClickHouse and the fold of budgets",
        ),
        _line("backup_runs_ended_not_once", sum(len(one.ends_not_once) for one in played), f"of {last.runs}"),
        _line(
            "backup_damage_not_refused", sum(len(one.not_refused) for one in played), "of 5: bytes, parts, a full site"
        ),
        _line(
            "backup_runs_in_flight",
            last.under_way,
            f"at the cut; {len(last.report.unknown_calls)} calls with an unknown outcome, "
            f"{len(last.report.open_attempts)} attempts given out again",
        ),
    ]
    lines += [_earlier(one.earlier) for one in played if one.earlier is not None]
    if len(played) > 1:
        first = played[0]
        lines += [
            _minutes(
                "backup_restore_100k_minutes", first, last, _restore_s(first), _restore_s(last), last.report.write_s
            ),
            _minutes("backup_take_100k_minutes", first, last, first.take_s, last.take_s, last.take_s),
        ]
    return lines


def _earlier(played: Played) -> Line:
    off = played.ledger_off_nano + played.fold_off_nano + played.ledger_off_calls
    faults = len(played.changed) + len(played.ends_not_once) + (off > 0)
    note = f"up to a time: {played.runs} runs, {played.ended} of them ended, {played.report.runs_taken_out} taken out"
    return _line("backup_earlier_point_faults", faults, note)


def scaled_s(small: tuple[int, float], large: tuple[int, float], runs: int, least_s: float = 0.0) -> float:
    """Return the seconds of so many runs on the line through two measurements (runs, seconds).

    Starts of engines and roles vary by more than small sizes cost, so a run takes ``least_s`` at least: what was
    measured of that part alone which certainly grows with the runs.
    """
    slope = max(least_s, (large[1] - small[1]) / (large[0] - small[0]))
    return large[1] + slope * (runs - large[0])


def _restore_s(played: Played) -> float:
    return played.restore_s + played.ready_s


def _minutes(name: str, first: Played, last: Played, small_s: float, large_s: float, part_s: float) -> Line:
    seconds = scaled_s((first.runs, small_s), (last.runs, large_s), RUNS, part_s / last.runs)
    note = (
        f"on the line through {first.runs} runs in {small_s:.1f} s and {last.runs} in {large_s:.1f} s, at least the "
        f"{part_s:.1f} s that their records took"
    )
    return _line(name, seconds / 60, note)


def _line(name: str, value: float, note: str) -> Line:
    return line_of(AIMS, name, value, note)
