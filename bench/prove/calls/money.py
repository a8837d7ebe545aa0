"""Lines of money in the area ``calls``: one dollar, 64 callers in 8 workers, kills, and every book compared."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.budgets.game.play import FULL, QUICK, Game
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress

BOOKS = {
    "live table": "money_live_off",
    "rebuilt table": "money_rebuilt_off",
    "ClickHouse": "money_clickhouse_off",
    "runs": "money_runs_off",
}
NANO = "nano-dollars"
AIMS = (
    Aim("money_overspent", NANO, at_most(0), at_most(0)),
    Aim("money_utilisation", "%", at_least(85), at_least(95)),
    *(Aim(name, NANO, at_most(0), at_most(0)) for name in BOOKS.values()),
    Aim("money_held_in_the_end", NANO, at_most(0), at_most(0)),
    Aim("money_answers_off_bill", "answers", at_most(0), at_most(0)),
    Aim("money_kills", "kills", at_least(20), at_least(24)),
    Aim("money_second_routes", "calls", at_least(20), at_least(100)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the game once; ``quick``: two workers, ten cents and four kills."""
    sizes = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="agentflow-prove-") as folder:
        played = Game(Path(folder), sizes, progress).play()
    over = max(0, played.most_nano - played.limit_nano)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(played.kinds.items()))
    again = played.kinds["fallback"] + played.kinds["hedged"]
    return [
        Line("money_overspent", NANO, (float(over),), f"at any prefix of the log, {played.calls} calls"),
        Line("money_utilisation", "%", (100 * played.total_nano / played.limit_nano,), "when all callers were refused"),
        *(Line(name, NANO, (float(played.books[book]),), "from the log") for book, name in BOOKS.items()),
        Line("money_held_in_the_end", NANO, (float(played.held_nano),)),
        Line("money_answers_off_bill", "answers", (float(played.off_bill),), kinds),
        Line("money_kills", "kills", (float(played.killed.total()),), "of workers, orchestrator, budgets and Redis"),
        Line("money_second_routes", "calls", (float(again),), "fallbacks and hedges"),
    ]
