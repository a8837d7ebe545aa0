"""Lines of OTLP: how fast spans come in, and what is lost, doubled or slowed down when they go out.

Out: a whole system with the exporter as a process of its own. Runs go through it in blocks without the exporter and
with one whose receiver is down (``bench.blocks``). Then the receiver comes back, and the spans that it gets are
compared with those of the log. Last, the exporter is restarted in order, and then killed, while runs continue.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import scrape
from bench.blocks import Compared, Round, compared, measured_round
from bench.lines import BenchError, Line
from bench.observability.otlp_load import bodies, spans_per_cpu_second
from bench.observability.otlp_receiver import StrictReceiver
from bench.plan import FULL
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.stage import Stage, on_stage
from deploy.local.engines.progress import Progress
from deploy.local.system import LAYOUT, System
from schemas.metrics import LAG_RECORDS
from services.observability.traces.tree import phase_spans
from topics.catalogue import TRACE_SPANS
from topics.codec import decode

EXPORTER = "otlp"
ROLE = "otlp-export"
APART = {name: tuple(one for one in roles if one != ROLE) for name, roles in LAYOUT.items()} | {EXPORTER: (ROLE,)}
AIMS = (
    Aim("otlp_in_spans_per_s", "spans/s", at_least(5_000), at_least(20_000)),
    Aim("otlp_lost_spans", "spans", at_most(0), at_most(0)),
    Aim("otlp_doubled_ids", "spans", at_most(0), at_most(0)),
    Aim("otlp_faults", "spans", at_most(0), at_most(0)),
    Aim("otlp_down_rate_ratio", "x", at_least(0.97), at_least(0.99)),
    # Two rounds of the same runs differ by more than the 3% that are looked for; the exporter's own CPU time is exact.
    Aim("otlp_down_runs_ratio", "x", at_least(0.93), at_least(0.97)),
    Aim("otlp_down_cpu_ms", "ms"),
    Aim("otlp_resent_after_kills", "spans"),
)
_line = partial(line_of, AIMS)
_Holds = Callable[[Mapping[str, float]], bool]
_QUIET_S, _TIMEOUT_S = 0.1, 180.0
#: Runs that nobody measures, after the exporter was started or stopped.
_AFTER_SWITCH = 200
#: Spans that did not come although nothing else came for this long are lost.
_LOOK_S, _PATIENCE_S = 1.0, 40.0


@dataclass(frozen=True)
class _Plan:
    blocks: int
    runs: int
    down_s: float
    restarts: int
    kills: int
    requests: int


_WHOLE = _Plan(6, 1_200, 60.0, 6, 3, 60)
_QUICK = _Plan(1, 100, 3.0, 2, 1, 10)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure in and out. Raises ``BenchError``."""
    plan = _QUICK if quick else _WHOLE
    progress(f"OTLP in: {plan.requests} requests")
    requests = bodies(plan.requests)
    rates = [spans_per_cpu_second(requests) for _ in range(1 if quick else 5)]
    note = "Protobuf to records, on one core; six to fifteen attributes and 0.6 kB of messages a call; without a broker"
    return [_line("otlp_in_spans_per_s", rates, note), *_out(plan, progress)]


def _out(plan: _Plan, progress: Progress) -> list[Line]:
    with tempfile.TemporaryDirectory() as home, StrictReceiver() as receiver:
        file = Path(home) / "targets.yaml"
        file.write_text(f"targets: [{{name: strict, endpoint: '{receiver.endpoint}'}}]\n", encoding="utf-8")
        env = {"OTLP_TARGETS_FILE": str(file)}
        system = System(Path(home) / "data", durable=False, layout=APART, env=env, with_api=False, progress=progress)
        return on_stage(system, replace(FULL, warm_up_runs=200), progress, partial(_measured, receiver, plan))


async def _measured(receiver: StrictReceiver, plan: _Plan, stage: Stage) -> list[Line]:
    costs, down_s, own_s = await _blocks(receiver, plan, stage)
    lost = await _lost(receiver, stage)
    stage.progress(f"OTLP out: {plan.restarts} restarts")
    await _disturbed(plan.restarts, stage, kill=False)
    lost += await _lost(receiver, stage)
    doubled = receiver.received.doubled
    stage.progress(f"OTLP out: {plan.kills} kills")
    await _disturbed(plan.kills, stage, kill=True)
    lost += await _lost(receiver, stage)
    faults = [*receiver.received.faults, *receiver.received.tree_faults()]
    spans = len(receiver.received.spans)
    return [
        _line("otlp_lost_spans", lost, f"of {spans}; the receiver was down for {down_s:.0f} s"),
        _line("otlp_doubled_ids", doubled, f"{plan.restarts} restarts in order while runs went on"),
        _line("otlp_faults", len(faults), faults[0] if faults else "by a receiver that is strict: ids, order, tree"),
        _line("otlp_down_runs_ratio", costs.per_cpu, _note(plan, costs)),
        _line("otlp_down_cpu_ms", 1_000 * own_s / (2 * plan.blocks * plan.runs), "a run, of the exporter that waits"),
        _line("otlp_down_rate_ratio", costs.rates, "runs per second, receiver down by no exporter"),
        _line(
            "otlp_resent_after_kills",
            receiver.received.doubled - doubled,
            f"{plan.kills} kills; {receiver.received.changed} of them were not the same bytes",
        ),
    ]


async def _blocks(receiver: StrictReceiver, plan: _Plan, stage: Stage) -> tuple[Compared, float, float]:
    """Return what the blocks show, how long the receiver was down while an exporter ran, and its CPU in s."""
    down_s, own_s, turns = 0.0, 0.0, 0
    receiver.down()

    async def one_round(down: bool) -> Round:
        nonlocal down_s, own_s, turns
        turns += 1
        what = "the receiver is down" if down else "without the exporter"
        stage.progress(f"OTLP out: turn {turns} of {4 * plan.blocks}, {what}, {plan.runs} runs")
        await _switch(stage, on=down)
        begun, cpu_s = time.monotonic(), stage.cpu_seconds().get(EXPORTER, 0.0)
        found = await measured_round(stage, plan.runs, settle=partial(_settle, stage))
        down_s += time.monotonic() - begun if down else 0.0
        own_s += stage.cpu_seconds().get(EXPORTER, 0.0) - cpu_s
        return found

    costs = await compared(plan.blocks, one_round)
    await _switch(stage, on=True)
    await asyncio.sleep(max(0.0, plan.down_s - down_s))
    receiver.up()
    return costs, max(down_s, plan.down_s), own_s


async def _switch(stage: Stage, *, on: bool) -> None:
    """Start or stop the exporter, unless it runs or does not; return when it has its partitions."""
    exporter = stage.system.roles[EXPORTER]
    if on == (exporter.pid is not None):
        return
    await asyncio.to_thread(exporter.start if on else exporter.stop)
    if on:
        await _until_joined(stage)
    # A start reads what is there already, and both let the others rest: neither is what a round measures.
    await stage.run_many(_AFTER_SWITCH)


def _note(plan: _Plan, costs: Compared) -> str:
    runs = f"{plan.blocks} blocks of {4 * plan.runs} runs of 3 functions, without the exporter and with one that waits"
    return f"runs per CPU second of all processes until settled; {runs}; {costs.noise}"


async def _disturbed(count: int, stage: Stage, *, kill: bool) -> None:
    """Restart or kill the exporter while runs continue."""
    exporter = stage.system.roles[EXPORTER]
    for _ in range(count):
        running = asyncio.create_task(stage.run_many(300))
        await _until_joined(stage)
        await asyncio.to_thread(exporter.kill if kill else exporter.stop)
        await asyncio.to_thread(exporter.start)
        await running


async def _lost(receiver: StrictReceiver, stage: Stage) -> int:
    """Return how many spans of the log the receiver has not got once nothing more comes."""
    await _settle(stage)
    expected = await _expected(stage)
    seen, since = 0, time.monotonic()
    while expected - receiver.received.spans.keys() and time.monotonic() - since < _PATIENCE_S:
        if len(receiver.received.spans) > seen:
            seen, since = len(receiver.received.spans), time.monotonic()
        await asyncio.sleep(_LOOK_S)
    return len(expected - receiver.received.spans.keys())


async def _expected(stage: Stage) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for partition in range(stage.system.partitions):
        bounds = await stage.log.bounds(TRACE_SPANS, partition)
        async for batch in stage.log.read(TRACE_SPANS, partition, *bounds):
            for record in (decode(TRACE_SPANS, one.value) for one in batch):
                spans = (one for span in record.spans for one in (span, *phase_spans(span)))
                found |= {(record.trace_id, span.span_id) for span in spans}
    if not found:
        raise BenchError("the runs wrote no span")
    return found


async def _settle(stage: Stage) -> None:
    """Return when every other process has done everything. Raises ``BenchError``."""
    await _until(stage, lambda lags: not any(lags.values()), [n for n in stage.system.roles if n != EXPORTER])


async def _until_joined(stage: Stage) -> None:
    """Return when the exporter has its partitions. Raises ``BenchError``."""
    await _until(stage, bool, [EXPORTER])


async def _until(stage: Stage, holds: _Holds, names: Sequence[str]) -> None:
    deadline, quiet = time.monotonic() + _TIMEOUT_S, 0
    while quiet < 3:
        pages = await scrape.pages(stage.http, [stage.system.roles[name] for name in names])
        lags = {labels: value for page in pages for labels, value in scrape.values(page, LAG_RECORDS)}
        quiet = quiet + 1 if holds(lags) else 0
        if time.monotonic() > deadline:
            left = f"these are behind: {lags}" if lags else "the group gives them no partition"
            raise BenchError(f"{', '.join(names)} after {_TIMEOUT_S:.0f} s: {left}")
        await asyncio.sleep(_QUIET_S)
