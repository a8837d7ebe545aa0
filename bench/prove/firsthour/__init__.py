"""Area ``firsthour``: the pages' commands, kills under ``make run``, a second start, bad code, documents, values."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.firsthour.commands import first_hour
from bench.firsthour.kills import NotRecovered, kill_at_random
from bench.firsthour.make_run import MakeRun, MakeRunError
from bench.lines import BenchError, Line
from bench.prove.area import Aim, Area, at_least, at_most, between
from bench.prove.firsthour import contained
from deploy.local.engines.progress import Progress

KILLS, QUICK_KILLS, SEED = 30, 6, 11
STARTS = 3

AIMS = (
    Aim("first_hour_failures", "failures", at_most(0), at_most(0)),
    Aim("kill_recovery_s", "s", at_most(15), at_most(15)),
    Aim("runs_lost", "runs", at_most(0), at_most(0)),
    Aim("deaths_named", "deaths", at_least(KILLS), between(KILLS, KILLS)),
    Aim("second_start_s", "s", at_most(10), at_most(6)),
    *contained.AIMS,
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure all lines. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory(prefix="agentflow-first-hour-") as folder:
        try:
            failures = _first_hour(Path(folder) / "pages", progress)
            kills = _kills_and_starts(Path(folder), progress, quick=quick)
            return [failures, *kills, *contained.measure(quick, progress)]
        except (MakeRunError, NotRecovered, OSError) as exc:
            raise BenchError(str(exc)) from exc


def _first_hour(folder: Path, progress: Progress) -> Line:
    folder.mkdir()
    failures = first_hour(folder, progress)
    for failure in failures:
        progress(failure)
    return Line("first_hour_failures", "failures", (len(failures),))


def _kills_and_starts(folder: Path, progress: Progress, *, quick: bool) -> list[Line]:
    data, count = folder / "data", QUICK_KILLS if quick else KILLS
    system = MakeRun(data, folder / "kills.log")
    try:
        system.wait_serving()
        found = kill_at_random(system, count, SEED, progress)
        system.interrupt()
    finally:
        system.end()
    if found.lost:
        progress(f"not succeeded: {', '.join(found.lost)}")
    starts = [_second_start(data, folder / f"start-{number}.log") for number in range(1 if quick else STARTS)]
    middle = statistics.median(found.seconds)
    return [
        Line("kill_recovery_s", "s", (max(found.seconds),), f"the slowest of {count}; median {middle:.1f} s"),
        Line("runs_lost", "runs", (len(found.lost),), f"of {found.submitted} accepted during {count} kills"),
        Line("deaths_named", "deaths", (found.named,), f"of {count} kills"),
        Line("second_start_s", "s", tuple(starts)),
    ]


def _second_start(data: Path, log: Path) -> float:
    system = MakeRun(data, log, ("--no-sample",))
    try:
        seconds = system.wait_serving()
        system.interrupt()
    finally:
        system.end()
    return seconds


AREA = Area(
    "firsthour",
    "the pages' commands, kill -9 under make run, a second start, bad code, documents and values",
    AIMS,
    measure,
    judged_when_quick=False,
)
