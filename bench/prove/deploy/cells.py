"""Lines of cells: an organisation that moves between two local systems under load, with processes killed."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.cells.game import Played, play
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from deploy.local.engines.progress import Progress

_NONE = at_most(0)
RUNS, QUICK_RUNS = 500, 30

AIMS = (
    Aim("moved_organisations_lost_rows", "rows", _NONE, _NONE),
    Aim("moved_organisations_doubled_runs", "runs", _NONE, _NONE),
    Aim("moved_organisations_ledger_off_nano", "nano-dollars", _NONE, _NONE),
    Aim("moved_organisations_runs_not_once", "runs", _NONE, _NONE),
    Aim("moved_organisations_submissions_refused", "answers", at_least(1), at_least(1)),
    Aim("moved_organisations_late_events_lost", "events", _NONE, _NONE),
    Aim("moved_organisations_letters_lost", "events", _NONE, _NONE),
    Aim("moved_organisations_letters_not_retried", "events", _NONE, _NONE),
    Aim("moved_organisations_replays_lost", "runs", _NONE, _NONE),
    Aim("moved_organisations_remains_left", "rows", _NONE, _NONE),
    Aim("moved_organisations_kills_survived", "kills"),
    Aim("moved_organisations_move_s", "s", at_most(180), at_most(60)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the game. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory(prefix="agentflow-cells-") as folder:
        return lines_of(play(Path(folder), QUICK_RUNS if quick else RUNS, kills=not quick, say=progress))


def lines_of(played: Played) -> list[Line]:
    """Return the lines of a game."""
    lost = sum(played.lost_rows.values())
    off = abs(played.ledger_off_nano) + abs(played.spent_off_nano)
    refused = sum(count for status, count in played.answers.items() if status in (307, 503))
    return [
        _line(
            "moved_organisations_lost_rows", lost, ", ".join(played.lost_rows) or "none, after an aborted move as well"
        ),
        _line("moved_organisations_doubled_runs", played.doubled, f"of {played.accepted} accepted"),
        _line("moved_organisations_ledger_off_nano", off, f"of {played.spent_nano}: ClickHouse, budgets, history"),
        _line("moved_organisations_runs_not_once", len(played.not_once), f"of {played.accepted} accepted meanwhile"),
        _line(
            "moved_organisations_submissions_refused",
            refused,
            f"answers by status: {dict(sorted(played.answers.items()))}",
        ),
        _line(
            "moved_organisations_late_events_lost", played.late_lost, "all others are dead letters as they were sent"
        ),
        _line(
            "moved_organisations_letters_lost", played.letters_lost, "all others are one dead letter in the other cell"
        ),
        _line("moved_organisations_letters_not_retried", played.letters_not_retried, "all others ended as runs there"),
        _line(
            "moved_organisations_replays_lost",
            len(played.replays_lost),
            f"of {played.replays}; all others' records are those of the old cell's log",
        ),
        _line("moved_organisations_remains_left", played.remains, f"in the old cell; {played.removed} were removed"),
        _line("moved_organisations_kills_survived", played.kills, f"{played.copies} copies"),
        _line("moved_organisations_move_s", played.move_s, "from the order to the other cell, under load"),
    ]


def _line(name: str, value: float, note: str) -> Line:
    return line_of(AIMS, name, value, note)
