"""The SDK's lines of the area ``surface``: its import, a run in memory, and submissions under faults."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from agentflow import Client, Retries

from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most, between
from bench.results import ROOT
from bench.surface.faulty_api import FaultyApi, serving
from deploy.local.engines.progress import Progress

#: Ten attempts that all meet a fault are one in ten million at a share of a fifth.
_RETRIES = Retries(most=10, first_s=0.002, longest_s=0.05)
_AT_ONCE = 8


ROUNDS, QUICK_ROUNDS = 11, 5
SUBMITS, SHARE, SEED = 1_000, 0.2, 13
_IMPORT = "import time; t = time.perf_counter(); {what}; print((time.perf_counter() - t) * 1000)"
_BASE = "import httpx, pydantic; pydantic.BaseModel"
#: The first run after the import: nothing is compiled or cached yet.
_RUN = """
import time
from agentflow import Workflow
from agentflow.testing import Simulator
t = time.perf_counter()
workflow = (
    Workflow("three")
    .tool("ingest", "s3.fetch", {"key": "{{document_key}}"})
    .llm("analyze", "analyzer@3").inputs(content="ingest.output").depends_on("ingest")
    .function("count", "word_count").inputs(text="analyze.output").depends_on("analyze")
    .end()
)
fakes = dict(tools={"s3.fetch": "a text"}, models={"*": "an answer"}, functions={"word_count": lambda text: len(text)})
run = Simulator(workflow, **fakes).run({"document_key": "a.txt"})
run.assert_succeeded()
print((time.perf_counter() - t) * 1000)
"""


@dataclass(frozen=True)
class Submitted:
    """How many runs the client knows and the server has, and what it took."""

    known: int
    runs: int
    requests: int
    faults: dict[str, int]


def submit_all(count: int, share: float, seed: int) -> Submitted:
    """Submit ``count`` runs, each without a key of the caller's, to a server that fails for a ``share`` of requests."""
    api = FaultyApi(share, seed)
    with serving(api) as url, Client(url, "key", retries=_RETRIES) as client, ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda n: client.workflows.submit("load", {"n": n}).id, range(count))
        known = set(found)
    return Submitted(len(known & api.runs.keys()), len(api.runs), api.requests, dict(api.faults))


AIMS = (
    Aim("sdk_import_over_httpx_pydantic", "x", at_most(1.2)),
    Aim("sdk_client_import_over_httpx_pydantic", "x"),
    Aim("in_memory_run_ms", "ms", at_most(20)),
    Aim("sdk_submits_under_faults", "runs", between(SUBMITS, SUBMITS)),
)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Measure all lines. Raises ``BenchError`` when a process fails."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    progress(f"sdk: {rounds} imports and runs, {SUBMITS} submissions under faults")
    return [*_imports(rounds), _in_memory(rounds), _submits()]


def _imports(rounds: int) -> list[Line]:
    whats = (_BASE, "import agentflow", "from agentflow import AsyncClient, Client")
    _milliseconds(_IMPORT.format(what=_BASE))  # the first one reads from the disk
    taken = [[_milliseconds(_IMPORT.format(what=what)) for what in whats] for _ in range(rounds)]
    package = tuple(own / base for base, own, _ in taken)
    client = tuple(own / base for base, _, own in taken)
    note = "`import agentflow` loads nothing until a name is used"
    return [
        Line("sdk_import_over_httpx_pydantic", "x", package, note),
        Line("sdk_client_import_over_httpx_pydantic", "x", client, "with both clients and all models of answers"),
    ]


def _in_memory(rounds: int) -> Line:
    note = "three steps, the first run of a process: built, checked, run"
    return Line("in_memory_run_ms", "ms", tuple(_milliseconds(_RUN) for _ in range(rounds)), note)


def _submits() -> Line:
    found = submit_all(SUBMITS, SHARE, SEED)
    if found.known != found.runs:
        raise BenchError(f"the client knows {found.known} runs, and the server has {found.runs}")
    note = f"{found.requests} requests, {sum(found.faults.values())} faults: {found.faults}"
    return Line("sdk_submits_under_faults", "runs", (float(found.runs),), note)


def _milliseconds(code: str) -> float:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "sdk"), str(ROOT)))}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"a process failed: {done.stderr[-2000:]}")
    return float(done.stdout)
