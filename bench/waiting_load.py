"""Runs that wait: submissions, and for their steps the record that reschedules them, each with a timer."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench.run_load import MS, RUN, Submitter, Template
from connectors.kafka.log import KafkaLog
from connectors.ports.engine import OutRecord
from deploy.local.system import ORG
from schemas.records.run_events import StepDeferred
from topics.catalogue import RUN_EVENTS
from topics.codec import encode

#: Nothing that waits is due during the bench.
WAIT_MS = 7 * 86_400_000
#: Runs in one append.
BATCH = 500


class WaitingRuns:
    """Makes runs of a workflow in which these steps, all ready from the start, wait."""

    def __init__(self, workflow: dict[str, Any], steps: Sequence[str]) -> None:
        self._submitter = Submitter(ORG, workflow)
        self._deferrals = [Template(encode(_deferred(step))) for step in steps]

    async def append(self, log: KafkaLog, runs: int) -> None:
        """Append all records of new runs, in batches."""
        for start in range(0, runs, BATCH):
            await log.append(list(self.records(min(BATCH, runs - start))))

    def records(self, runs: int) -> Iterator[OutRecord]:
        """Yield the records of new runs, those of a run in their order."""
        until_ms = time.time_ns() // 1_000_000 + WAIT_MS
        for run, submission in self._submitter.make(runs).items():
            yield submission
            key = run.encode()
            for deferral in self._deferrals:
                yield OutRecord(RUN_EVENTS, key, deferral.fill(run, until_ms))


def _deferred(step_id: str) -> StepDeferred:
    """Return the record with stand-ins for run and time."""
    return StepDeferred(run_id=RUN, org_id=ORG, step_id=step_id, attempt=1, until_ms=MS, reason="budget")
