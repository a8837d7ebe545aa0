"""The delay of a cancel: from the POST to the moment at which the worker has interrupted the call.

The model takes longer than the measurement, so no call ends by itself. The worker's outcome has the time of the
interruption, by the clock of the same machine.
"""

import asyncio
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import scrape
from bench.lines import BenchError, Line, percentile
from bench.plan import Sizes
from bench.run_load import Submitter
from bench.stage import Stage, on_stage
from bench.workflows import ONE_CALL
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.records.run_events import StepFailed
from topics.catalogue import RUN_EVENTS
from topics.clients import access
from topics.codec import decode

CALL_MS = 55_000
BEGIN_TIMEOUT_S = 30.0
END_TIMEOUT_S = 10.0
POLL_S = 0.05
#: An attempt that has a slot may still lack its lease, and the end of its run would then come first.
CLAIMS, GRANTED = "agentflow_worker_lease_answers_total", 'answer="granted"'
RUNS = "/api/v1/workflows/runs"


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` and ``EngineError``."""
    env = {"LOCAL_LATENCY_MS": str(CALL_MS), "WORKER_CONCURRENCY": str(sizes.canceled_calls)}
    return on_stage(System(data_dir, durable=False, env=env, progress=progress), sizes, progress, _measure)


async def _measure(stage: Stage) -> list[Line]:
    count = stage.sizes.canceled_calls
    stage.progress(f"cancels: {count} calls in flight")
    consumer = AIOKafkaConsumer(**access(stage.system.endpoints.kafka_bootstrap), enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(RUN_EVENTS, number) for number in range(stage.system.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for partition in partitions:
            await consumer.position(partition)
        runs = sorted(await stage.submit(count, Submitter(ORG, ONE_CALL)))
        await _until_called(stage, count)
        asked = [(run, await _cancel(stage, run)) for run in runs]
        ended = await _ended(consumer, set(runs))
    finally:
        await consumer.stop()
    late = [ended[run] - asked_ms for run, asked_ms in asked]
    how = f"{count} calls in flight on one worker, canceled one after the other over HTTP"
    return [
        Line("cancel_ms_p50", "ms", (percentile(late, 0.5),), how),
        Line("cancel_ms_p99", "ms", (percentile(late, 0.99),), f"the longest {max(late):.0f} ms"),
    ]


async def _until_called(stage: Stage, count: int) -> None:
    """Return when the worker has the lease of every call; functions before them need none."""
    deadline = time.monotonic() + BEGIN_TIMEOUT_S
    while time.monotonic() < deadline:
        pages = await scrape.pages(stage.http, [stage.system.roles["worker"]])
        answers = [answer for page in pages for answer in scrape.values(page, CLAIMS)]
        if sum(number for labels, number in answers if labels == GRANTED) == count:
            return
        await asyncio.sleep(POLL_S)
    raise BenchError(f"the worker has not begun {count} calls within {BEGIN_TIMEOUT_S:.0f} s")


async def _cancel(stage: Stage, run: str) -> float:
    """Request cancellation; return its time, in milliseconds of the wall clock. Raises ``BenchError``."""
    headers = {"Authorization": f"Bearer {stage.system.api_key}"}
    url = f"{stage.system.api_url}{RUNS}/{run}"
    deadline = time.monotonic() + BEGIN_TIMEOUT_S
    while time.monotonic() < deadline:  # history has it a moment later
        async with stage.http.get(url, headers=headers) as known:
            if known.status == 200:
                break
        await asyncio.sleep(POLL_S)
    asked_ms = time.time() * 1000
    async with stage.http.post(f"{url}/cancel", headers=headers) as answer:
        if answer.status != 202:
            raise BenchError(f"the cancel of {run} was answered {answer.status}: {await answer.text()}")
    return asked_ms


async def _ended(consumer: AIOKafkaConsumer, runs: set[str]) -> dict[str, float]:
    """Return when each run's call was interrupted. Raises ``BenchError`` for calls that were not."""
    found: dict[str, float] = {}
    deadline = time.monotonic() + END_TIMEOUT_S
    while len(found) < len(runs):
        if time.monotonic() > deadline:
            raise BenchError(f"{len(runs) - len(found)} of {len(runs)} calls were not interrupted")
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                event = decode(RUN_EVENTS, record.value)
                if isinstance(event, StepFailed) and event.error.code == "canceled" and event.run_id in runs:
                    found[event.run_id] = event.finished_at_ms
    return found
