"""Lines of the static check: how long it takes, and whether it foresees every label that runs have."""

import random
import time
from collections.abc import Sequence
from typing import Any

from bench.flow.covered import uncovered
from bench.flow.dags import INPUT_LABELS, random_workflow
from bench.flow.play import play
from bench.flow.tools import TOOLS
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress
from schemas.labels.mapped import Labels
from schemas.spec.hash import resolve
from schemas.spec.model import MAX_NODES, ResolvedSpec, WorkflowSpec
from services.security.flow.findings import findings_of
from services.security.flow.ground import Ground
from services.security.flow.walk import flow_of

DAGS, QUICK_DAGS = 2_000, 100
ROUNDS = 3
AIMS = (
    Aim("static_check_ms", "ms", at_most(5_000), at_most(2_000)),
    Aim("static_findings", "findings", at_least(1)),
    Aim("static_uncovered_dags", "DAGs", at_most(0), at_most(0)),
)


def large_workflow(nodes: int = MAX_NODES, *, reads: int = 3, seed: int = 1) -> ResolvedSpec:
    """Return a workflow in which each node reads up to so many of the 30 before it."""
    rng = random.Random(seed)  # noqa: S311 - a workflow of a seed
    documents: list[dict[str, Any]] = []
    edges: list[dict[str, str]] = []
    for n in range(nodes):
        before = sorted(rng.sample(range(max(0, n - 30), n), min(n, reads)))
        edges += [{"from": f"n{one}", "to": f"n{n}"} for one in before]
        documents.append(_node(n, before))
    dag = {"nodes": documents, "edges": edges}
    return resolve(WorkflowSpec.model_validate({"name": "large", "version": 1, "dag": dag}), {})


def _node(n: int, before: list[int]) -> dict[str, Any]:
    read = f"n{before[0]}.output" if before else "{{address}}"
    config: dict[str, Any] = {"condition": f"n{before[0]}.output == 'x'"} if n % 7 == 3 else {}
    if n % 50 == 0 or n % 10 == 9:
        name, argument = ("search", "q") if n % 50 == 0 else ("mail", "to")
        return {"id": f"n{n}", "type": "tool", "config": config | {"tool_name": name, "tool_args": {argument: read}}}
    return {"id": f"n{n}", "type": "function", "config": config | {"function_name": "f", "function_args": {"x": read}}}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Check the largest workflow, and compare random ones with their runs."""
    progress(f"flow: the static check of {MAX_NODES} nodes")
    ground = Ground(TOOLS, inputs=Labels.read(INPUT_LABELS))
    resolved, took, found = large_workflow(), [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = len(findings_of(flow_of(resolved, ground), ground))
        took.append(1_000 * (time.perf_counter() - began))
    dags = QUICK_DAGS if quick else DAGS
    progress(f"flow: labels of {dags} DAGs before and in their runs")
    wrong, requests = 0, 0
    for seed in range(dags):
        workflow = random_workflow(seed)
        played = play(workflow, "a")
        requests += len(played.calls)
        wrong += next(uncovered(flow_of(workflow, ground), played), None) is not None
    return [
        Line("static_check_ms", "ms", tuple(took), f"{MAX_NODES} nodes of 3 edges each, a seventh with conditions"),
        Line("static_findings", "findings", (float(found),), "in it"),
        Line("static_uncovered_dags", "DAGs", (float(wrong),), f"of {dags}, {requests} requests and their results"),
    ]
