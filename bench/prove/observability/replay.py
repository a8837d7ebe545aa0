"""Lines of verified replays: runs over all kinds of nodes that are done again from the log of a real system."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from bench.lines import BenchError, Line
from bench.observability.ledger_replays import ledger_off
from bench.observability.planted_changes import PLANTS, Plant, changed_function
from bench.observability.played_runs import Played, of_workflow, play, read
from bench.prove.area import Aim, at_least, at_most
from connectors.kafka.log import KafkaLog
from connectors.objects.s3 import s3_access
from connectors.objects.store import open_objects
from connectors.tools import REGISTRY
from deploy.local.engines.progress import Progress
from deploy.local.system import PARTITIONS, System
from schemas.settings import Settings
from schemas.spec.model import NodeKind
from streams.core.replay.golden import golden_lines, read_golden
from streams.core.replay.verify import Mismatch, Recording, Verdict, verify
from streams.replay.functions import WorkerFunctions
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "subprocess.Popen"})

_installed: list[bool] = []
RUNS, QUICK_RUNS = 1_000, 40
AIMS = (
    Aim("verified_equal_pct", "%", at_least(100), at_least(100)),
    Aim("verified_kinds_missing", "kinds", at_most(0), at_most(0)),
    Aim("verified_socket_calls", "calls", at_most(0), at_most(0)),
    Aim("verified_cost_events", "events", at_most(0), at_most(0)),
    Aim("verified_runs_per_s", "runs/s", at_least(300), at_least(1_000)),
    Aim("planted_nondeterminism_named", "of 5", at_least(5), at_least(5)),
    Aim("policy_ledger_off_nano", "nano-dollars", at_most(0), at_most(0)),
)


@dataclass
class Calls:
    """How many there were."""

    count: int = 0


_open: list[Calls] = []


def _hook(event: str, _args: object) -> None:
    if event in _EVENTS:
        for calls in _open:
            calls.count += 1


@contextmanager
def counted() -> Iterator[Calls]:
    """Count connections, datagrams, look-ups of names and new processes. A hook stays, and costs next to nothing."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)
    calls = Calls()
    _open.append(calls)
    try:
        yield calls
    finally:
        _open.remove(calls)


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play runs on a system of its own, and verify them. Raises ``BenchError``."""
    count = QUICK_RUNS if quick else RUNS
    with (
        tempfile.TemporaryDirectory(prefix="agentflow-replay-") as folder,
        System(Path(folder), durable=False) as system,
    ):
        progress(f"observability: {count} runs over all kinds of nodes, to be replayed")
        play(system, count, progress)
        return asyncio.run(_measured(system, progress))


async def _measured(system: System, progress: Progress) -> list[Line]:
    played = await read(system)
    functions = _functions(system)
    before = await _money(system)
    with counted() as calls:
        started, cpu = time.perf_counter(), time.process_time()
        verdicts = [await verify(one, bind=functions.bind, call=functions.call) for one in played.recordings]
        took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    booked = await _money(system) - before
    progress(f"{len(verdicts)} replays in {took_s:.2f} s")
    equal = [verdict for verdict in verdicts if verdict.equal and not verdict.taken]
    wrong = next((v for v in verdicts if v not in equal), None)
    named = [plant.name for plant in PLANTS if await _is_named(plant, played, functions, progress)]
    kinds = set(get_args(NodeKind)) - played.kinds
    off, note = await ledger_off(system)
    return [
        Line("verified_equal_pct", "%", (100 * len(equal) / len(verdicts),), _note(verdicts, wrong)),
        Line("verified_kinds_missing", "kinds", (len(kinds),), ", ".join(sorted(kinds))),
        Line("verified_socket_calls", "calls", (calls.count,), "connections, datagrams, names, processes"),
        Line("verified_cost_events", "events", (booked,), "on cost-events and provider-calls meanwhile"),
        Line("verified_runs_per_s", "runs/s", (len(verdicts) / cpu_s,), _size(played, len(verdicts) / took_s)),
        Line("planted_nondeterminism_named", "of 5", (len(named),), "by kind and step"),
        Line("policy_ledger_off_nano", "nano-dollars", (off,), note),
    ]


def _functions(system: System) -> WorkerFunctions:
    settings = Settings.from_env(system.role_env("worker"))
    objects = settings.objects
    store = open_objects(objects.url, objects.directory, s3_access(objects))
    return WorkerFunctions(REGISTRY, Path(settings.tools.documents_dir), store)


async def _money(system: System) -> int:
    log = KafkaLog(system.endpoints.kafka_bootstrap, client_id="agentflow-bench")
    ends = [await log.bounds(topic, n) for topic in (COST_EVENTS, PROVIDER_CALLS) for n in range(PARTITIONS)]
    return sum(bounds.end for bounds in ends)


async def _is_named(plant: Plant, played: Played, functions: WorkerFunctions, progress: Progress) -> bool:
    """Return whether replays of golden files of a workflow name what is planted, and are equal without it."""
    golden = [await _golden(one, played, functions) for one in of_workflow(played, plant.workflow)]
    if not golden:
        raise BenchError(f"there is no run of {plant.workflow}")
    if not all([(await verify(one, bind=functions.bind, call=functions.call)).equal for one in golden]):
        return False
    call = changed_function(functions.call) if plant.kind == "function" else functions.call
    with plant.begin():
        found = [(await verify(one, bind=functions.bind, call=call)).mismatch for one in golden]
    different = [mismatch for mismatch in found if mismatch is not None]
    progress(f"planted {plant.name}: {len(different)} of {len(golden)} runs differ; {different[:1]}")
    return bool(different) and all(_is_it(mismatch, plant) for mismatch in different)


async def _golden(one: Recording, played: Played, functions: WorkerFunctions) -> Recording:
    lines = await golden_lines(one, played.texts[one.run_id], bind=functions.bind, call=functions.call)
    return read_golden(one.run_id, "\n".join(lines))


def _is_it(found: Mismatch, plant: Plant) -> bool:
    return found.kind == plant.kind and found.step_id in plant.steps


def _note(verdicts: Sequence[Verdict], wrong: Verdict | None) -> str:
    if wrong is not None:
        return str(wrong.mismatch or f"not done again: {dict(wrong.taken)}")
    again = sum(sum(verdict.again.values()) for verdict in verdicts)
    recorded = sum(sum(verdict.recorded.values()) for verdict in verdicts)
    return f"{len(verdicts)} runs; {again} functions, prompts and answers done again, {recorded} calls from the log"


def _size(played: Played, by_the_clock: float) -> str:
    # Neighbours and the system's own roles share the cores, and a replay waits for nothing.
    records = sum(len(one.records) for one in played.recordings)
    return f"of a core's time; {by_the_clock:.0f} by the clock; {records} records"
