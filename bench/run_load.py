"""The runs that the bench makes: a linear workflow of three functions, its submissions, and the ends of its runs."""

import time
import uuid
from types import TracebackType
from typing import Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.lines import BenchError
from connectors.plans import make_plan
from connectors.ports import OutRecord
from schemas.ids import canonical_hash, traceparent
from schemas.records.run_events import RunSubmitted
from schemas.spec_check import parse_workflow
from topics.catalogue import RUN_EVENTS, RUN_VIEWS
from topics.codec import encode

WORKFLOW: dict[str, object] = {
    "name": "bench_three_steps",
    "version": 1,
    "dag": {
        "nodes": [
            {"id": step, "type": "function", "config": {"function_name": "result_merger"}}
            for step in ("first", "second", "third")
        ],
        "edges": [{"from": "first", "to": "second"}, {"from": "second", "to": "third"}],
    },
}
INPUTS = {"text": "A short text that passes through three steps unchanged."}
FAILED = frozenset({"failed", "canceled"})
POLL_MS = 200
#: This long without the end of a run means that none will come.
PATIENCE_S = 30.0


class Submitter:
    """Makes submissions as the API appends them, for one organisation."""

    def __init__(self, org_id: str) -> None:
        plan = make_plan(parse_workflow(WORKFLOW), {})
        self._template = RunSubmitted(
            run_id="",
            org_id=org_id,
            source="bench",
            body_hash=canonical_hash(INPUTS),
            workflow_name="bench_three_steps",
            workflow_version=plan.version,
            spec=plan.resolved,
            inputs=INPUTS,
            submitted_at_ms=0,
        )

    def make(self, count: int) -> dict[str, OutRecord]:
        """Return new submissions by run id."""
        return {run: self._record(run) for run in (str(uuid.uuid4()) for _ in range(count))}

    def _record(self, run: str) -> OutRecord:
        event = self._template.model_copy(update={"run_id": run, "submitted_at_ms": time.time_ns() // 1_000_000})
        return OutRecord(RUN_EVENTS, run.encode(), encode(event), (("traceparent", traceparent(run).encode()),))


class RunEnds:
    """Reads ``run-views`` from now on, for the runs that ended. An async context manager."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
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
            ended = waiting & await self._next()
            waiting -= ended
            if ended:
                last = time.monotonic()
            elif time.monotonic() - last > PATIENCE_S:
                raise BenchError(f"{len(waiting)} runs did not end: none in the last {PATIENCE_S:.0f} s")

    async def _next(self) -> set[str]:
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
        views = (orjson.loads(record.value) for records in fetched.values() for record in records)
        ended: set[str] = set()
        for view in views:
            if view["status"] in FAILED:
                raise BenchError(f"run {view['run_id']} ended as {view['status']}: {view['error']}")
            if view["status"] == "succeeded":
                ended.add(view["run_id"])
        return ended
