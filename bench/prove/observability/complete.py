"""Lines of traces of a whole system: every run has one tree with all spans, and its cost is the ledger's.

A system is started and runs workflows of several shapes: functions in a row, a map, calls of a model, a switch, a
timer and a step that fails and is retried. What the runs did is read from ``run-views`` and ``cost-events``, which say
nothing of spans, and ``trace-spans`` is held against it (``services.observability.traces.complete``).
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.lines import BenchError, Line
from bench.plan import FULL, QUICK
from bench.prove.area import Aim, at_most, line_of
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import FANOUT, MIXED, ONE_CALL, THREE_STEPS
from connectors.kafka.log import KafkaLog
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.records.spans import TraceSpans
from services.observability.traces.complete import Problem, RunFacts, facts_of, problems_of
from topics.catalogue import COST_EVENTS, RUN_VIEWS, TRACE_SPANS
from topics.codec import decode

#: Runs of each workflow.
RUNS, QUICK_RUNS = 600, 40
WORKFLOWS = (THREE_STEPS, FANOUT, ONE_CALL, MIXED)

AIMS = (
    Aim("traces_incomplete", "runs", at_most(0), at_most(0)),
    Aim("trace_orphans", "spans", at_most(0), at_most(0)),
    Aim("trace_spans_double", "spans", at_most(0), at_most(0)),
    Aim("trace_money_difference_nano", "nano-USD", at_most(0), at_most(0)),
    Aim("trace_bytes_per_run", "bytes"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run workflows on a system of its own and check all traces. Raises ``BenchError``."""
    runs, sizes = (QUICK_RUNS, QUICK) if quick else (RUNS, FULL)
    sizes = replace(sizes, warm_up_runs=runs)
    with tempfile.TemporaryDirectory(prefix="traces-") as folder:
        system = System(Path(folder), durable=False, progress=progress)
        return on_stage(system, sizes, progress, lambda stage: _measure(stage, runs))


async def _measure(stage: Stage, runs: int) -> list[Line]:
    stage.progress(f"traces: {runs} runs of {len(WORKFLOWS)} workflows")
    for workflow in WORKFLOWS[1:]:
        await stage.run_many(runs, Submitter(ORG, workflow))
    await stage.settle()
    facts, spans, sizes = await _read(stage.log, stage.system.partitions)
    if len(facts) < runs * len(WORKFLOWS):
        raise BenchError(f"{len(facts)} runs were read of {runs * len(WORKFLOWS)}")
    found = [problem for one in facts.values() for problem in problems_of(one, spans.get(one.run_id, []))]
    money = sum(_difference(one, spans.get(one.run_id, [])) for one in facts.values())
    count = sum(len(record.spans) for records in spans.values() for record in records)
    what = f"{len(facts)} traces, {count} spans" + (f"; first: {found[0]}" if found else "")
    plain = [sizes[run] for run, one in facts.items() if set(one.steps) == {"first", "second", "third"}]
    return [
        line_of(AIMS, "traces_incomplete", float(len({problem.run_id for problem in found})), what),
        line_of(AIMS, "trace_orphans", float(_count(found, "orphan"))),
        line_of(AIMS, "trace_spans_double", float(_count(found, "doubled"))),
        line_of(AIMS, "trace_money_difference_nano", float(money)),
        line_of(AIMS, "trace_bytes_per_run", sum(plain) / len(plain), "records of spans of a run of three functions"),
    ]


def _count(found: Sequence[Problem], kind: str) -> int:
    return sum(problem.kind == kind for problem in found)


def _difference(facts: RunFacts, records: Sequence[TraceSpans]) -> int:
    spans = {span.span_id: span for record in records for span in record.spans}
    settled = sum(cost.amount_nano for cost in facts.costs.values())
    return abs(sum(span.cost_nano for span in spans.values()) - settled)


Read = tuple[dict[str, RunFacts], dict[str, list[TraceSpans]], dict[str, int]]


async def _read(log: KafkaLog, partitions: int) -> Read:
    """Return the facts of all runs, their records of spans, and how many bytes those are."""
    said, spans = list[object](), dict[str, list[TraceSpans]]()
    sizes: dict[str, int] = {}
    for topic in (RUN_VIEWS, COST_EVENTS, TRACE_SPANS):
        for partition in range(partitions):
            bounds = await log.bounds(topic, partition)
            async for batch in log.read(topic, partition, bounds.first, bounds.end):
                for one in batch:
                    record = decode(topic, one.value)
                    if isinstance(record, TraceSpans):
                        spans.setdefault(record.run_id, []).append(record)
                        sizes[record.run_id] = sizes.get(record.run_id, 0) + len(one.value or b"")
                    else:
                        said.append(record)
            await asyncio.sleep(0)
    return facts_of(said), spans, sizes
