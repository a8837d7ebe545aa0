"""The load: submissions and the ends of runs, at little cost for this process.

The generator shares the machine with the measured system. So a submission is a template that is encoded once, and of a
view only key and status are read.
"""

import time
import uuid
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.lines import BenchError
from bench.workflows import INPUTS, THREE_STEPS, plan_of
from connectors.ports.engine import OutRecord
from schemas.ids import canonical_hash, traceparent
from schemas.records.run_events import RunSubmitted
from schemas.records.security.pinned import RunSecurity
from schemas.spec.rules_version import LABELS
from topics.catalogue import RUN_EVENTS, RUN_VIEWS
from topics.clients import access
from topics.codec import encode

FAILED = frozenset({b"failed", b"canceled"})
SUCCEEDED = b"succeeded"
POLL_MS = 200
#: Without the end of a run for this long, none will come.
PATIENCE_S = 60.0

# Stand-ins in the template. No other value of a submission looks like them.
RUN = "00000000-0000-4000-8000-000000000000"
MS = 1_000_000_000_001


class Template:
    """Bytes of a record in which run id and time are filled in. Raises ``BenchError`` if they are not there once."""

    def __init__(self, encoded: bytes) -> None:
        before, *run = encoded.split(RUN.encode())
        between, *ms = (run[0] if run else b"").split(str(MS).encode())
        if len(run) != 1 or len(ms) != 1:
            raise BenchError("a record of the load must have its run id, then its time, exactly once each")
        self._parts = (before, between, ms[0])

    def fill(self, run: str, ms: int) -> bytes:
        """Return one record's bytes."""
        before, between, after = self._parts
        return b"%b%b%b%d%b" % (before, run.encode(), between, ms, after)


class Submitter:
    """Makes submissions of one workflow as the API appends them, for one organisation, with ``turns`` or without.

    With ``security`` the data of the runs has labels.
    """

    def __init__(
        self,
        org_id: str,
        workflow: dict[str, Any] = THREE_STEPS,
        *,
        turns: bool = False,
        security: RunSecurity | None = None,
    ) -> None:
        plan = plan_of(workflow)
        event = RunSubmitted(
            run_id=RUN,
            org_id=org_id,
            source="bench",
            body_hash=canonical_hash(INPUTS),
            workflow_name=plan.resolved.spec.name,
            workflow_version=plan.version,
            spec=plan.resolved,
            inputs=INPUTS,
            submitted_at_ms=MS,
            rules_version=plan.rules_version if security is None else max(plan.rules_version, LABELS),
            turns=turns,
            security=security,
        )
        self._template = Template(encode(event))

    def make(self, count: int) -> dict[str, OutRecord]:
        """Return new submissions by run id."""
        ms = time.time_ns() // 1_000_000
        return {run: self._record(run, ms) for run in (str(uuid.uuid4()) for _ in range(count))}

    def _record(self, run: str, ms: int) -> OutRecord:
        headers = (("traceparent", traceparent(run).encode()),)
        return OutRecord(RUN_EVENTS, run.encode(), self._template.fill(run, ms), headers)


class View(NamedTuple):
    """The part of a record of ``run-views`` that the bench reads."""

    run_id: str
    status: bytes
    partition: int
    offset: int


class RunEnds:
    """Reads ``run-views`` from now on, for the runs that ended. An async context manager."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(**access(bootstrap), enable_auto_commit=False)
        self._partitions = [TopicPartition(RUN_VIEWS, partition) for partition in range(partitions)]

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_end(*self._partitions)
        for partition in self._partitions:
            await self._consumer.position(partition)  # known when the seek is done
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def drain(self, waiting: set[str], at_most: int = 0) -> None:
        """Take runs that ended out of ``waiting`` until at most this many are left.

        Raises ``BenchError`` when a run fails, and when none ends for ``PATIENCE_S``.
        """
        last = time.monotonic()
        while len(waiting) > at_most:
            if await self.take(waiting):
                last = time.monotonic()
            elif time.monotonic() - last > PATIENCE_S:
                raise BenchError(f"{len(waiting)} runs did not end: none in the last {PATIENCE_S:.0f} s")

    async def take(self, waiting: set[str]) -> int:
        """Take the runs that one poll shows as ended out of ``waiting``; return how many. Raises ``BenchError``."""
        ended = {view.run_id for view in await self.poll() if view.status == SUCCEEDED} & waiting
        waiting -= ended
        return len(ended)

    async def poll(self) -> list[View]:
        """Return what comes within ``POLL_MS``. Raises ``BenchError`` for a run that failed."""
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
        return [
            View(record.key.decode(), status_of(record.value), record.partition, record.offset)
            for records in fetched.values()
            for record in records
            if record.value is not None
        ]

    async def end_offsets(self) -> dict[int, int]:
        """Return the offset after the last view of each partition."""
        found = await self._consumer.end_offsets(self._partitions)
        return {where.partition: offset for where, offset in found.items()}


def status_of(view: bytes) -> bytes:
    """Return a view's status without decoding the rest. Raises ``BenchError`` when the run failed.

    The first ``"status":`` is the run's own: a quote inside of a string is escaped, steps have a ``state``, and the
    bench's inputs have no such key.
    """
    start = view.index(b'"status":"') + 10
    status = view[start : view.index(b'"', start)]
    if status in FAILED:
        raise BenchError(f"a run ended as {status.decode()}: {view.decode()[:1000]}")
    return status
