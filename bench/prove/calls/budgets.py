"""Lines of budgets in the area ``calls``: spend against a limit, windows against an oracle, forecasts and the end."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.budgets import callers, spends, windows
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, between
from deploy.local.engines import EngineStack
from deploy.local.engines.progress import Progress

AIMS = (
    Aim("budget_overspent", "nano-dollars", at_most(0), at_most(0)),
    Aim("budget_utilisation", "%", at_least(85), at_least(95)),
    Aim("budget_rebuilt_off_live", "nano-dollars", at_most(0), at_most(0)),
    Aim("budget_window_differences", "windows", at_most(0), at_most(0)),
    Aim("budget_forecast_covers", "%", between(75, 85), between(78, 82)),
)
PROCESSES, CALLERS, SEEDS = 8, 8, 5
EVENTS, QUICK_EVENTS = 10_000, 1_000
SPENDS, QUICK_SPENDS = 600, 60


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Spend a dollar over and over, and settle at random in windows of five zones."""
    seeds = range(1 if quick else SEEDS)
    progress(f"budgets: {PROCESSES * CALLERS} callers in {PROCESSES} processes spend one dollar, {len(seeds)} times")
    with (
        tempfile.TemporaryDirectory(prefix="agentflow-prove-") as folder,
        EngineStack(Path(folder), {"redis"}, durable=False, progress=progress) as endpoints,
    ):
        spent = [callers.spend(endpoints.redis_url, PROCESSES, CALLERS, seed) for seed in seeds]
    events = QUICK_EVENTS if quick else EVENTS
    progress(f"budgets: {events} settlements in windows of five zones")
    compared, differences = windows.play(events, 1)
    progress("budgets: forecasts of simulated spends")
    hits, forecasts = spends.covered(QUICK_SPENDS if quick else SPENDS)
    calls = sum(one.calls for one in spent)
    return [
        Line("budget_overspent", "nano-dollars", (max(one.over_nano for one in spent),), f"any prefix, {calls} calls"),
        Line("budget_utilisation", "%", tuple(100 * one.used for one in spent), "until nothing fits"),
        Line("budget_rebuilt_off_live", "nano-dollars", (max(one.differences for one in spent),)),
        Line("budget_window_differences", "windows", (len(differences),), f"{compared} compared, {events} events"),
        Line("budget_forecast_covers", "%", (100 * hits / forecasts,), f"{forecasts} intervals of 80%"),
    ]
