"""Lines of what labels and a policy cost: the same runs with and without both, in turns on one system."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.lines import BenchError, Line
from bench.plan import FULL
from bench.prove.area import Aim, at_least, at_most
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

PAIRS, RUNS = 6, 1_000
_POLICY = read_policy({"name": "bench", "extends": ["default"]})

AIMS = (
    Aim("labelled_runs_ratio", "x", at_least(0.97), at_least(0.99)),
    Aim("labelled_cpu_ratio", "x", at_most(1.05), at_most(1.01)),
    Aim("unlabelled_runs_per_s", "runs/s"),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Run three functions with and without labels, in turns; not in a quick run, which would show noise.

    Raises ``BenchError``.
    """
    if quick:
        return []
    return measured(PAIRS, RUNS, progress)


def measured(pairs: int, runs: int, progress: Progress) -> Sequence[Line]:
    """Return the lines of so many pairs of rounds. Raises ``BenchError``."""
    progress(f"flow: {pairs} times {runs} runs with labels and as many without")
    sizes = replace(FULL, warm_up_runs=runs, runs_in_flight=min(runs, FULL.runs_in_flight))
    with tempfile.TemporaryDirectory(prefix="agentflow-flow-") as data_dir:
        system = System(Path(data_dir), durable=False, progress=progress)
        try:
            return on_stage(system, sizes, progress, partial(_measured, pairs, runs))
        except EngineError as exc:
            raise BenchError(str(exc)) from exc


async def _measured(pairs: int, runs: int, stage: Stage) -> list[Line]:
    definition = Definition(kind="policy", org_id=ORG, id="bench", body=_POLICY.document, changed_at_ms=now_ms())
    await stage.log.append([to_out(definition)])
    security = RunSecurity(
        policy="bench@1", policy_hash=_POLICY.hash, inputs={"$": ["user"]}, mode="enforce", tools={}, control=[]
    )
    plain, labelled = Submitter(ORG), Submitter(ORG, THREE_STEPS, security=security)
    await stage.run_many(runs, labelled)
    rates, cpus, without = [], [], []
    for pair in range(pairs):
        order = (plain, labelled) if pair % 2 == 0 else (labelled, plain)
        found = {one is labelled: await _round(stage, one, runs) for one in order}
        rates.append(found[True][0] / found[False][0])
        cpus.append(found[True][1] / found[False][1])
        without.append(found[False][0])
    note = f"{pairs} pairs of {runs} runs of 3 functions, with the default pack"
    return [
        Line("labelled_runs_ratio", "x", tuple(rates), note),
        Line("labelled_cpu_ratio", "x", tuple(cpus), "of all processes, until settled"),
        Line("unlabelled_runs_per_s", "runs/s", tuple(without), "without security"),
    ]


async def _round(stage: Stage, submitter: Submitter, runs: int) -> tuple[float, float]:
    """Return runs per second, and the CPU time of a run in s."""
    await stage.settle()
    cpu, began = stage.cpu_seconds(), time.perf_counter()
    await stage.run_many(runs, submitter)
    took = time.perf_counter() - began
    await stage.settle()
    spent = sum(seconds - cpu[name] for name, seconds in stage.cpu_seconds().items())
    return runs / took, spent / runs
