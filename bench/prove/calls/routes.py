"""Routing's lines of the area ``calls``: the bandit and others on a market that drifts, and judgements of its log."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.routing.logs import LOGS, covered
from bench.routing.market import CALLS, Market
from bench.routing.paretobandit import ParetoBandit, RealMarket, package, rows_of
from bench.routing.play import Played, play
from bench.routing.players import Bandit, Player, Random, Static, Ucb1
from deploy.local.engines.progress import Progress

SEEDS, QUICK_SEEDS = 20, 2
QUICK_LOGS = 10
#: The ceiling on the mean cost, as a share of the way from the middle route's cost to the dear one's.
CEILING_SHARE = 0.4

AIMS = (
    Aim("bandit_over_best_fixed", "x", at_least(1.0), at_least(1.04)),
    Aim("bandit_of_moving_optimum", "%", at_least(96), at_least(98)),
    Aim("bandit_bad_picks", "%", at_most(10), at_most(5)),
    Aim("bandit_cost_off_ceiling", "%", at_most(2), at_most(0.5)),
    Aim("random_of_moving_optimum", "%"),
    Aim("static_of_moving_optimum", "%"),
    Aim("ucb1_of_moving_optimum", "%"),
    Aim("paretobandit_of_moving_optimum", "%"),
    Aim("off_policy_covered", "%", at_least(90), at_least(95)),
    Aim("paretobandit_market_over_best_fixed", "x", at_least(1.0), at_least(1.04)),
    Aim("paretobandit_market_random", "x"),
    Aim("paretobandit_market_static", "x"),
    Aim("paretobandit_market_ucb1", "x"),
    Aim("paretobandit_market_paretobandit", "x"),
)
_line = partial(line_of, AIMS)

_OTHERS: dict[str, Callable[[Market], Player]] = {
    "random": Random,
    "static": Static,
    "ucb1": lambda _: Ucb1(),
}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the markets; the one of the package ``paretobandit``, and its algorithm, only where it is installed."""
    seeds, logs = (QUICK_SEEDS, QUICK_LOGS) if quick else (SEEDS, LOGS)
    lines = [*_bandit(seeds, progress), *_others(seeds, progress), *_real(seeds, progress)]
    progress(f"off-policy: {logs} logs")
    hits, able = covered(logs)
    return [*lines, _line("off_policy_covered", [100 * hits / max(1, able)], f"{hits} of {able} judged, {logs} logs")]


def ceiling_of(market: Market) -> int:
    """Return a mean cost between those of the middle route and of the dear one, in nano-dollars."""
    dear, middle, _ = market.costs_nano
    return int(CEILING_SHARE * dear + (1 - CEILING_SHARE) * middle)


def off_ceiling(market: Market) -> float:
    """Return by which share the mean cost differs from the ceiling, on a market whose dear route is the best."""
    ceiling = ceiling_of(market)
    played = play(market, Bandit(market, ceiling_nano=ceiling, weighs=False))
    return abs(played.mean_cost_nano / ceiling - 1)


def _bandit(seeds: int, progress: Progress) -> Iterator[Line]:
    played = _played(seeds, Bandit, "bandit", progress)
    note = f"{seeds} seeds x {CALLS} calls, least {min(one.over_fixed for one in played):.3f}"
    yield _line("bandit_over_best_fixed", [one.over_fixed for one in played], note)
    yield _line("bandit_of_moving_optimum", [100 * one.of_moving for one in played])
    mean_bad = 100 * statistics.fmean(one.bad_picks for one in played)
    yield _line("bandit_bad_picks", [mean_bad], "calls 401 to 500 after the best route degraded, mean over the seeds")
    progress("bandit: a ceiling on the mean cost")
    off = [100 * off_ceiling(Market(seed, drifts=False)) for seed in range(seeds)]
    yield _line("bandit_cost_off_ceiling", [max(off)], "the worst seed")


def _others(seeds: int, progress: Progress) -> Iterator[Line]:
    for name, player in _others_here().items():
        played = _played(seeds, player, name, progress)
        yield _line(f"{name}_of_moving_optimum", [100 * one.of_moving for one in played])


def _real(seeds: int, progress: Progress) -> Iterator[Line]:
    """Play the package's market: each player beside the best fixed model in hindsight."""
    folder = package()
    if folder is None:
        progress("SKIPPED: paretobandit's market and algorithm; install requirements-peers.lock to play them")
        return
    rows = rows_of(folder)
    players = {"over_best_fixed": Bandit} | _others_here()
    for name, player in players.items():
        progress(f"paretobandit's market, {name}: {seeds} seeds x {CALLS} calls")
        markets = [RealMarket(seed, rows=rows) for seed in range(seeds)]
        over = [play(market, player(market)).over_fixed for market in markets]
        yield _line(f"paretobandit_market_{name}", over, f"{len(rows)} prompts, least {min(over):.3f}")


def _others_here() -> dict[str, Callable[[Market], Player]]:
    return _OTHERS if package() is None else _OTHERS | {"paretobandit": ParetoBandit}


def _played(seeds: int, player: Callable[[Market], Player], name: str, progress: Progress) -> list[Played]:
    progress(f"{name}: {seeds} seeds x {CALLS} calls")
    markets = [Market(seed) for seed in range(seeds)]
    return [play(market, player(market)) for market in markets]
