"""Lines of what labels and a policy cost: the same runs with and without both, in turns on one system.

Blocks of rounds (``bench.blocks``) compare CPU time, process by process. Other work on the machine moves the rates of
runs more than that, so they are compared by pairs of rounds, one right behind the other, and the median of all pairs
counts. How far two rounds of the same runs differ is in the note.

There are two rates. What the machine keeps up for as long as runs come is the one until the last row is in PostgreSQL
and ClickHouse. Until the last run has ended the sinks may stay behind, so it is higher, and what folds limits it.
"""

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.blocks import Round, compared, measured_round
from bench.flow.engine_cost import engine_costs
from bench.lines import BenchError, Line
from bench.plan import FULL
from bench.prove.area import Aim, at_least, at_most, line_of
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import THREE_STEPS
from deploy.local.engines.errors import EngineError
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.clock import now_ms
from schemas.policies.read import read_policy
from schemas.records.definitions import Definition
from schemas.records.security.pinned import RunSecurity
from streams.runtime.routing import to_out

#: CPU time is counted in ticks of 10 ms for each process, so short rounds differ by more than labels cost; and the
#: start and the end of a round, where few runs are in flight, are to be a small part of it.
BLOCKS, RUNS = 8, 4_000
ENGINE_ROUNDS, QUICK_ENGINE_ROUNDS, ENGINE_RUNS = 200, 40, 20
_PAIRS = "in pairs of rounds one after the other"
_POLICY = read_policy({"name": "bench", "extends": ["default"]})

AIMS = (
    Aim("labelled_runs_ratio", "x", at_least(0.97), at_least(0.99)),
    Aim("labelled_settled_ratio", "x", at_least(0.97), at_least(0.99)),
    Aim("labelled_rate_ratio", "x", at_least(0.9), at_least(0.97)),
    Aim("unlabelled_runs_per_s", "runs/s"),
    Aim("labels_engine_us", "us", at_most(150), at_most(50)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run three functions with and without labels, in turns; a quick run measures the engine alone.

    Raises ``BenchError``.
    """
    progress("flow: what labels cost the engine itself")
    plain, labelled = engine_costs(QUICK_ENGINE_ROUNDS if quick else ENGINE_ROUNDS, ENGINE_RUNS)
    note = f"of CPU for a run of 3 functions, which takes {plain:.0f} us without labels"
    engine = line_of(AIMS, "labels_engine_us", labelled - plain, note)
    return [engine] if quick else [*measured(BLOCKS, RUNS, progress), engine]


def measured(blocks: int, runs: int, progress: Progress) -> Sequence[Line]:
    """Return the lines of so many blocks of four rounds. Raises ``BenchError``."""
    progress(f"flow: {blocks} times {2 * runs} runs with labels and as many without")
    sizes = replace(FULL, warm_up_runs=runs, runs_in_flight=min(runs, FULL.runs_in_flight))
    with tempfile.TemporaryDirectory(prefix="agentflow-flow-") as data_dir:
        system = System(Path(data_dir), durable=False, progress=progress)
        try:
            return on_stage(system, sizes, progress, partial(_measured, blocks, runs))
        except EngineError as exc:
            raise BenchError(str(exc)) from exc


async def _measured(blocks: int, runs: int, stage: Stage) -> list[Line]:
    definition = Definition(kind="policy", org_id=ORG, id="bench", body=_POLICY.document, changed_at_ms=now_ms())
    await stage.log.append([to_out(definition)])
    security = RunSecurity(
        policy="bench@1", policy_hash=_POLICY.hash, inputs={"$": ["user"]}, mode="enforce", tools={}, control=[]
    )
    plain, labelled = Submitter(ORG), Submitter(ORG, THREE_STEPS, security=security)
    await stage.run_many(runs, labelled)
    rounds = 0

    async def one_round(with_labels: bool) -> Round:
        nonlocal rounds
        rounds += 1
        stage.progress(f"flow: round {rounds} of {4 * blocks}")
        return await measured_round(stage, runs, submitter=labelled if with_labels else plain, settle=stage.settle)

    found = await compared(blocks, one_round)
    costs = found.by_process()
    more = ", ".join(f"{name} {us:+.0f}" for name, us in costs.more_us.items() if round(us))
    note = (
        f"runs per CPU second of all processes until settled, with the default pack; {blocks} blocks of {4 * runs} "
        f"runs of 3 functions; us of CPU that a run costs more, the median of each process: {more}; of whole "
        f"blocks the median is {statistics.median(found.per_cpu):.3f}; {found.noise}"
    )
    return [
        line_of(AIMS, "labelled_runs_ratio", costs.per_cpu, note),
        Line("labelled_settled_ratio", "x", tuple(found.settled), f"runs per second until the last row, {_PAIRS}"),
        Line("labelled_rate_ratio", "x", tuple(found.pairs), f"runs per second until the last end, {_PAIRS}"),
        Line("unlabelled_runs_per_s", "runs/s", tuple(found.plain), "without security"),
    ]
