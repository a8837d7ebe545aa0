"""The lateness of timers: from the time that a step waits for to the record that reports it.

Every run is one step of type ``wait``. All timers are armed before the first one is due, and they fall due at the pace
at which they were armed. The broker stamps ``run-events``, so a record's own time is when the timer was in the log.
"""

import asyncio
import time
from pathlib import Path

import aiohttp
import uvloop

from bench.lines import BenchError, Line, percentile
from bench.measures.solo import Solo, solo
from bench.plan import Sizes
from bench.run_load import Submitter
from bench.workflows import pause
from connectors.kafka.log import KafkaLog
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, PARTITIONS
from schemas.records.run_events import TimerFired
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

#: Submissions in one append: few, so that due times are spread evenly.
BATCH = 50
#: A timer that is not in the log this long after the last one was due is lost.
PATIENCE_S = 30.0


def measure(data_dir: Path, sizes: Sizes, progress: Progress) -> list[Line]:
    """Return the lines. Raises ``BenchError`` when a timer does not fire, and ``EngineError``."""
    with solo(data_dir, progress) as alone, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(alone, sizes, progress))


async def _measure(alone: Solo, sizes: Sizes, progress: Progress) -> list[Line]:
    over_s = sizes.timer_ms / 2_000
    async with aiohttp.ClientSession() as http, KafkaLog(alone.endpoints.kafka_bootstrap) as log:
        await alone.take(http)
        progress(f"timers: arming {sizes.timers} within {over_s:g} s")
        await _arm(log, sizes, over_s)
        await alone.settle(http)
        late_ms = await _lateness(log, sizes.timers, sizes.timer_ms / 1_000 + PATIENCE_S)
    note = f"{sizes.timers} timers, due at {sizes.timers / over_s:.0f} a second; the latest {max(late_ms):.0f} ms"
    return [
        Line("timer_lateness_ms_p50", "ms", (percentile(late_ms, 0.5),)),
        Line("timer_lateness_ms_p99", "ms", (percentile(late_ms, 0.99),), note),
    ]


async def _arm(log: KafkaLog, sizes: Sizes, over_s: float) -> None:
    """Submit the runs at an even pace."""
    submitter, began = Submitter(ORG, pause(sizes.timer_ms)), time.monotonic()
    for sent in range(0, sizes.timers, BATCH):
        await asyncio.sleep(max(0.0, began + over_s * sent / sizes.timers - time.monotonic()))
        await log.append(list(submitter.make(min(BATCH, sizes.timers - sent)).values()))


async def _lateness(log: KafkaLog, timers: int, within_s: float) -> list[float]:
    """Return the lateness of each timer in milliseconds. Raises ``BenchError`` when some are missing."""
    late: list[float] = []
    at = dict.fromkeys(range(PARTITIONS), 0)
    deadline = time.monotonic() + within_s
    while len(late) < timers:
        if time.monotonic() > deadline:
            raise BenchError(f"{timers - len(late)} of {timers} timers did not fire")
        await asyncio.sleep(1.0)  # reading shares the machine with the measurement
        for partition in at:
            at[partition] = await _read(log, partition, at[partition], late)
    return late


async def _read(log: KafkaLog, partition: int, start: int, late: list[float]) -> int:
    """Record the timers fired in a partition since an offset; return the offset after it."""
    end = (await log.bounds(RUN_EVENTS, partition)).end
    if start < end:
        async for records in log.read(RUN_EVENTS, partition, start, end):
            for record in records:
                if record.value is not None and b'"timer.fired"' in record.value:
                    event = decode(RUN_EVENTS, record.value)
                    assert isinstance(event, TimerFired)
                    late.append(record.timestamp_ms - event.due_ms)
    return end
