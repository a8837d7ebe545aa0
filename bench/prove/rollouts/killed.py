"""Lines of the area ``rollouts`` for real runs on real engines: kills, and how soon a rollback is there."""

from collections.abc import Sequence

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least, at_most
from bench.tested import run_tests
from deploy.local.engines.progress import Progress

_TESTS = "tests/load/test_rollout_kills.py"
KILLS, QUICK_KILLS = 50, 6

AIMS = (
    Aim("killed_decisions_equal", "%", at_least(100), at_least(100)),
    Aim("killed_runs_exposed_once", "%", at_least(100), at_least(100)),
    Aim("recomputed_equal", "%", at_least(100), at_least(100)),
    Aim("rollback_reach_s", "s", at_most(5), at_most(1)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Kill the deployments role, Redis and workers at random, and roll a canary back. Raises ``BenchError``."""
    kills = QUICK_KILLS if quick else KILLS
    progress(f"rollouts: {kills} times kill -9 of the deployments role, Redis and workers under load")
    found = run_tests(_TESTS, env={"ROLLOUT_KILLS": str(kills)})
    missing = [aim.name for aim in AIMS if aim.name not in found.figures]
    if missing:
        raise BenchError(f"no figure of {', '.join(missing)}: {found.failed}")
    what = {name: int(found.figures.get(name, 0)) for name in ("kills", "killed_decisions", "killed_runs")}
    notes = {
        "killed_decisions_equal": f"{what['killed_decisions']} decisions, {what['kills']} kills",
        "killed_runs_exposed_once": f"{what['killed_runs']} runs",
        "recomputed_equal": "Redis emptied, byte for byte",
        "rollback_reach_s": "last canary begun after the decision",
    }
    return [Line(aim.name, aim.unit, (found.figures[aim.name],), notes[aim.name]) for aim in AIMS]
