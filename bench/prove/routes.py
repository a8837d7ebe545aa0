"""Routing's lines of the area ``calls``: the bandit and others on a market that drifts, and judgements of its log."""

import statistics
from collections.abc import Callable, Iterator, Sequence

from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from bench.routing.logs import LOGS, covered
from bench.routing.market import CALLS, Market
from bench.routing.paretobandit import VARIABLE, RealMarket, rows_of, wheel
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
    Aim("off_policy_covered", "%", at_least(90), at_least(95)),
    Aim("paretobandit_market_over_best_fixed", "x", at_least(1.0), at_least(1.04)),
    Aim("paretobandit_market_random", "x"),
    Aim("paretobandit_market_static", "x"),
    Aim("paretobandit_market_ucb1", "x"),
)

_OTHERS: dict[str, Callable[[Market], Player]] = {
    "random": Random,
    "static": Static,
    "ucb1": lambda _: Ucb1(),
}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play the markets; the one in the ``paretobandit`` wheel where that is there, since it is no dependency."""
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
    for name, player in _OTHERS.items():
        played = _played(seeds, player, name, progress)
        yield _line(f"{name}_of_moving_optimum", [100 * one.of_moving for one in played])


def _real(seeds: int, progress: Progress) -> Iterator[Line]:
    """Play the market of the wheel: each player beside the best fixed model in hindsight."""
    file = wheel()
    if file is None:
        progress(f"SKIPPED: the market of the paretobandit wheel; {VARIABLE} names no file. It is no dependency")
        return
    rows = rows_of(file)
    players = {"over_best_fixed": Bandit} | _OTHERS
    for name, player in players.items():
        progress(f"paretobandit's market, {name}: {seeds} seeds x {CALLS} calls")
        markets = [RealMarket(seed, rows=rows) for seed in range(seeds)]
        over = [play(market, player(market)).over_fixed for market in markets]
        yield _line(f"paretobandit_market_{name}", over, f"{len(rows)} prompts, least {min(over):.3f}")


def _played(seeds: int, player: Callable[[Market], Player], name: str, progress: Progress) -> list[Played]:
    progress(f"{name}: {seeds} seeds x {CALLS} calls")
    markets = [Market(seed) for seed in range(seeds)]
    return [play(market, player(market)) for market in markets]


def _line(name: str, samples: Sequence[float], note: str = "") -> Line:
    return Line(name, next(aim.unit for aim in AIMS if aim.name == name), tuple(samples), note)
