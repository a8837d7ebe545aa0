"""What the audit log costs a system that writes one event for each attempt of a step: CPU of all its processes."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from bench import usage
from bench.lines import Line
from bench.plan import QUICK
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import THREE_CALLS, THREE_STEPS
from connectors.ports.engine import OutRecord
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import Decision
from topics.catalogue import AUDIT_EVENTS
from topics.codec import encode

RUNS, FUNCTION_RUNS, EVENTS, ROUNDS = 500, 1_500, 6_000, 3
#: Each run has three steps, and each attempt one event.
PER_RUN = 3
BATCH = 500
IDLE_S = 5.0


def cost_shares(progress: Progress) -> tuple[float, float, str]:
    """Return how much more CPU a run costs, in percent, when its attempts are in the audit log; and how it was found.

    First of a run of three calls of a local model, the cheapest that policies decide about; then of one of three
    functions, of which they decide nothing, and which is the cheapest run that there is. Rounds alternate on one
    system, so that a machine that slows down favours neither; what the system spends while nothing happens is
    subtracted. What a worker spends to make and encode an event is added.
    """
    with tempfile.TemporaryDirectory() as home:
        found = on_stage(System(Path(home), durable=False), QUICK, progress, _measured)
    calls, functions, event, made = (line.value for line in found)
    more = PER_RUN * (event + made)
    how = (
        f"a run of three calls costs {calls:.3f} ms of CPU, one of three functions {functions:.3f} ms, an event "
        f"{event:.4f} ms and {made:.4f} ms to make it; medians of {ROUNDS} rounds, {EVENTS} events each, with engines"
    )
    return 100 * more / calls, 100 * more / functions, how


async def _measured(stage: Stage) -> list[Line]:
    calling, functions = Submitter(ORG, THREE_CALLS), Submitter(ORG, THREE_STEPS)
    calls, plain, events, made = list[float](), list[float](), list[float](), list[float]()
    for number in range(ROUNDS):
        stage.progress(f"audit: round {number + 1} of {ROUNDS}: runs, {EVENTS} events")
        await stage.settle()
        idle = await _idle(stage)
        calls.append(await _spent(stage, idle, stage.run_many(RUNS, calling)) / RUNS)
        plain.append(await _spent(stage, idle, stage.run_many(FUNCTION_RUNS, functions)) / FUNCTION_RUNS)
        began = usage.own_cpu_seconds()
        records = [_event(one) for one in range(number * EVENTS, (number + 1) * EVENTS)]
        made.append(1e3 * (usage.own_cpu_seconds() - began) / EVENTS)
        events.append(await _spent(stage, idle, _append(stage, records)) / EVENTS)
    found = {"calls": calls, "functions": plain, "event": events, "made": made}
    return [Line(name, "ms", (statistics.median(one),)) for name, one in found.items()]


async def _append(stage: Stage, records: list[OutRecord]) -> None:
    for at in range(0, len(records), BATCH):
        await stage.log.append(records[at : at + BATCH])


async def _idle(stage: Stage) -> float:
    """Return what the system spends while nothing happens, in ms of CPU per second."""
    before = sum(stage.cpu_seconds().values())
    await asyncio.sleep(IDLE_S)
    return 1e3 * (sum(stage.cpu_seconds().values()) - before) / IDLE_S


async def _spent(stage: Stage, idle: float, work: Awaitable[None]) -> float:
    """Return what the system spends on something, in ms of CPU, until every role has processed it."""
    before, began = sum(stage.cpu_seconds().values()), time.perf_counter()
    await work
    await stage.settle()
    return 1e3 * (sum(stage.cpu_seconds().values()) - before) - idle * (time.perf_counter() - began)


def _event(number: int) -> OutRecord:
    labels = {"to": ["user"], "body": ["web"]}
    decision = Decision(point="tool_call", rule="recipients", verdict="allow", subject="send_mail", labels=labels)
    event = AuditEvent(
        event_id=f"decisions/{number:032x}",
        org_id=ORG,
        actor="role:worker",
        action="tool_call",
        subject="send_mail",
        decision="allowed",
        at_ms=time.time_ns() // 1_000_000,
        kind="decisions",
        run_id=f"{number:036x}",
        step_id="mail",
        attempt=1,
        policy="default@1",
        decisions=[decision],
    )
    return OutRecord(AUDIT_EVENTS, ORG.encode(), encode(event))
