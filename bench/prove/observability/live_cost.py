"""Lines of live cost: how old a settlement is when Grafana has it, and what runs lose to a Grafana that hangs.

A whole system runs calls of the `local` model and pushes to the strict receiver of the tests. The receiver then answers
and hangs in blocks (``bench.blocks``).
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import scrape
from bench.blocks import Round, compared, measured_round
from bench.lines import BenchError, Line
from bench.observability.grafana_receiver import Receiver
from bench.plan import FULL
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import ONE_CALL
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.metrics import LIVE_COST_DROPPED_TOTAL, LIVE_COST_LAG_SECONDS, LIVE_COST_SETTLED_TOTAL

RUNS, QUICK_RUNS = 1_000, 100
BLOCKS, QUICK_BLOCKS = 6, 1
IN_FLIGHT = 64
NANO = 1e9
#: The role pushes each second; a receiver on a busy machine may take longer.
LAST_PUSH_S = 15.0

AIMS = (
    Aim("live_push_lag_p95", "s", at_most(2), at_most(1)),
    Aim("live_push_lag_p50", "s"),
    Aim("live_push_refused_lines", "lines", at_most(0), at_most(0)),
    Aim("live_push_money_off", "USD", at_most(0), at_most(0)),
    Aim("live_push_dead_target_runs", "x", at_least(0.98), at_least(0.99)),
    Aim("live_push_dead_target_rate", "x"),
)
_line = partial(line_of, AIMS)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start a system, run calls, read the receiver. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory() as home, Receiver() as receiver:
        env = {"GRAFANA_URL": receiver.url, "GRAFANA_TOKEN": receiver.token, "CACHE_ENABLED": "false"}
        system = System(Path(home), durable=False, env=env, with_api=False, progress=progress)
        return on_stage(system, replace(FULL, warm_up_runs=200), progress, partial(_measured, receiver, quick))


async def _measured(receiver: Receiver, quick: bool, stage: Stage) -> list[Line]:
    runs, blocks = (QUICK_RUNS, QUICK_BLOCKS) if quick else (RUNS, BLOCKS)
    round_ = partial(
        measured_round, stage, runs, submitter=Submitter(ORG, ONE_CALL), in_flight=IN_FLIGHT, settle=stage.settle
    )
    await round_()
    lag = await _lags(stage)
    dropped = await _value(stage, LIVE_COST_DROPPED_TOTAL)
    pushed, shown = await _money(receiver, stage)
    turns = 0

    async def one_round(hangs: bool) -> Round:
        nonlocal turns
        turns += 1
        what = "hangs" if hangs else "answers"
        stage.progress(f"live cost: turn {turns} of {4 * blocks}, the receiver {what}, {runs} runs of one call")
        receiver.hang = hangs
        return await round_()

    costs = await compared(blocks, one_round)
    note = f"{runs} runs of one call, {IN_FLIGHT} in flight; of each push its oldest settlement, by the role's buckets"
    cpu = f"runs per CPU second of all processes until settled; {blocks} blocks of {4 * runs} runs; {costs.noise}"
    return [
        _line("live_push_lag_p95", _quantile(lag, 0.95), note),
        _line("live_push_lag_p50", _quantile(lag, 0.5)),
        _line("live_push_refused_lines", len(receiver.refused) + dropped, "by a receiver that is strict"),
        _line("live_push_money_off", round(abs(pushed - shown), 9), f"{pushed:.6f} USD in lines"),
        _line("live_push_dead_target_runs", costs.per_cpu, cpu),
        _line("live_push_dead_target_rate", costs.rates, "runs per second, which other work on the machine moves"),
    ]


async def _money(receiver: Receiver, stage: Stage) -> tuple[float, float]:
    """Return the dollars in lines, and those that the role read; the last of them are pushed a second later."""
    until = time.monotonic() + LAST_PUSH_S
    while True:
        shown = await _value(stage, LIVE_COST_SETTLED_TOTAL) / NANO
        pushed = sum(float(one.fields["settled_usd"]) for one in receiver.lines)
        if round(pushed - shown, 9) == 0 or time.monotonic() > until:
            return pushed, shown
        await asyncio.sleep(0.2)


async def _value(stage: Stage, metric: str) -> float:
    pages = await scrape.pages(stage.http, stage.system.roles.values())
    return sum(value for page in pages for _, value in scrape.values(page, metric))


async def _lags(stage: Stage) -> list[tuple[float, float]]:
    """Return the bounds of the lag's buckets with how many pushes were not slower. Raises ``BenchError``."""
    pages = await scrape.pages(stage.http, stage.system.roles.values())
    found = [sample for page in pages for sample in scrape.values(page, f"{LIVE_COST_LAG_SECONDS}_bucket")]
    lags = sorted((float(labels.partition('"')[2].rstrip('"')), count) for labels, count in found)
    if not lags or not lags[-1][1]:
        raise BenchError("nothing was pushed")
    return lags


def _quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """Return a quantile as Prometheus does: straight lines within buckets."""
    wanted, below, start = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if bound == float("inf"):
                return start
            return start + (bound - start) * (wanted - below) / max(count - below, 1)
        below, start = count, bound
    raise BenchError("the last bucket is not the whole")
