"""Runs of one call each: many that end, and a stream of them while a backup is taken."""

import asyncio
import threading
from contextlib import suppress

from bench.lines import BenchError
from bench.run_load import RunEnds, Submitter
from bench.workflows import ONE_CALL
from connectors.kafka.log import KafkaLog
from deploy.local.system import ORG, System

AT_ONCE = 500
PAUSE_S = 0.1
#: Submitted each ``PAUSE_S``: what one worker does in that time, about.
STREAM = 12
READY_S = 30.0


async def run_all(system: System, count: int) -> list[str]:
    """Submit runs and wait until all have ended; return their ids. Raises ``BenchError``."""
    bootstrap = system.endpoints.kafka_bootstrap
    submitter = Submitter(ORG, ONE_CALL)
    made: list[str] = []
    async with KafkaLog(bootstrap) as log, RunEnds(bootstrap, system.partitions) as ends:
        waiting: set[str] = set()
        while len(made) < count:
            records = submitter.make(min(AT_ONCE, count - len(made)))
            await log.append(list(records.values()))
            made += records
            waiting |= records.keys()
            await ends.drain(waiting, at_most=AT_ONCE)
        await ends.drain(waiting)
    return made


class Stream:
    """Submits runs from a thread of its own until it is stopped; a context manager."""

    def __init__(self, system: System) -> None:
        self._bootstrap = system.endpoints.kafka_bootstrap
        self._stop = threading.Event()
        self._flows = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._forever()), daemon=True)
        self.made: list[str] = []

    def __enter__(self) -> "Stream":
        self._thread.start()
        if not self._flows.wait(READY_S):
            raise BenchError("the stream of runs does not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _forever(self) -> None:
        submitter = Submitter(ORG, ONE_CALL)
        async with KafkaLog(self._bootstrap) as log:
            while not self._stop.is_set():
                records = submitter.make(STREAM)
                with suppress(asyncio.CancelledError):
                    await log.append(list(records.values()))
                self.made += records
                if len(self.made) > 5 * STREAM:
                    self._flows.set()
                await asyncio.sleep(PAUSE_S)
