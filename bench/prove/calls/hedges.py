"""Lines of the area ``calls``: hedges on a mixture of latencies, and choices whose stated reasons lead to them."""

from collections.abc import Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from bench.routing.decisions import DECISIONS, recomputed_share
from bench.routing.hedges import CALLS, ESTIMATE, simulate
from deploy.local.engines.progress import Progress

SEEDS, QUICK_SEEDS, QUICK_CALLS = 10, 3, 4_000

AIMS = (
    Aim("hedge_p99_saved", "%", at_least(30), at_least(50)),
    Aim("hedge_cost_added", "%", at_most(5), at_most(5)),
    Aim("decisions_recomputed", "%", at_least(100), at_least(100)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Simulate calls, and make random choices."""
    seeds, calls = (QUICK_SEEDS, QUICK_CALLS) if quick else (SEEDS, CALLS)
    progress(f"hedges: {seeds} seeds x {calls} calls")
    played = [simulate(seed, calls) for seed in range(seeds)]
    worst = min(100 * one.saved for one in played)
    note = f"the worst of {seeds} seeds x {calls} calls, a lost try at {ESTIMATE:g} times the cost of a call"
    return [
        Line("hedge_p99_saved", "%", (worst,), note),
        Line("hedge_cost_added", "%", (max(100 * one.added_cost for one in played),), "the worst seed"),
        Line("decisions_recomputed", "%", (100 * recomputed_share(),), f"{DECISIONS} random decisions, all policies"),
    ]
