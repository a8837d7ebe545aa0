"""A queue over Kafka: requests are read from its topic, and answers are appended to ``run-events``.

There are no leases: a partition has one reader, and its offset moves when the answers before it are acknowledged. So a
worker that dies is followed by the next member of the group, which makes the unfinished steps again. Of two answers to
one attempt the first one counts. Needs the extra ``worker`` (aiokafka).
"""

import hashlib
import json
import time
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from agentflow.worker.errors import StepError, WorkerError
from agentflow.worker.steps import NOTHING, Failure, Outcome, Step

RUN_EVENTS = "run-events"
TAKE_MS = 1_000
#: After so long without a heartbeat a member of the group is dead, and its partitions go to others.
SESSION_MS = 6_000
#: Of one partition, behind the lowest step that is not finished: all of it is read again after a crash.
MAX_SPAN = 200
Record = dict[str, Any]
_SEALED = "the run has a data subject, whose data nobody can open or seal over Kafka; serve this queue over HTTP"


class Offsets:
    """Which offset of each partition may be committed: every record before it is finished."""

    def __init__(self) -> None:
        self._open: dict[Any, set[int]] = {}
        self._next: dict[Any, int] = {}

    def take(self, partition: Any, offset: int) -> None:
        """Note that a record was read."""
        self._open.setdefault(partition, set()).add(offset)
        self._next[partition] = max(self._next.get(partition, 0), offset + 1)

    def finish(self, partition: Any, offset: int) -> int | None:
        """Note that a record is finished; return the offset to commit, ``None`` if the partition left."""
        still = self._open.get(partition)
        if still is None:
            return None
        still.discard(offset)
        return min(still, default=self._next[partition])

    def span(self, partition: Any) -> int:
        """Return how much of a partition would be read again."""
        still = self._open.get(partition)
        return self._next[partition] - min(still) if still else 0

    def keep(self, partitions: Any) -> None:
        """Forget partitions other than these."""
        for partition in set(self._open) - set(partitions):
            del self._open[partition], self._next[partition]


class KafkaQueue:
    """A queue's topic. ``url`` and ``key`` of the API are for arguments over 64 KiB, which records only refer to."""

    extend_every_s: float | None = None

    def __init__(self, bootstrap: str, topic: str, worker_id: str, *, url: str = "", key: str = "") -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._worker_id = worker_id
        self._offsets = Offsets()
        self._api = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) if url else None

    async def open(self) -> None:
        try:
            from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
        except ImportError as exc:
            raise WorkerError("a worker over Kafka needs aiokafka: pip install 'agentflow-sdk[worker]'") from exc
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True)
        self._consumer = AIOKafkaConsumer(
            self._topic,
            bootstrap_servers=self._bootstrap,
            group_id=f"agentflow.own.{self._topic}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            metadata_max_age_ms=2_000,
            # A step may take long; whether this process lives is what heartbeats to the group say.
            max_poll_interval_ms=2**31 - 1,
        )
        await self._producer.start()
        await self._consumer.start()

    async def close(self) -> None:
        await self._consumer.stop()
        await self._producer.stop()
        if self._api is not None:
            await self._api.aclose()

    async def take(self, most: int) -> list[Step]:
        assigned = self._consumer.assignment()
        self._offsets.keep(assigned)
        room = [p for p in assigned if self._offsets.span(p) < MAX_SPAN]
        if assigned and not room:
            return []
        polled = await self._consumer.getmany(*room, timeout_ms=TAKE_MS, max_records=most)
        steps = [await self._step(p, record) for p, records in polled.items() for record in records]
        return [step for step in steps if step is not None]

    async def extend(self, step: Step, progress: Any = NOTHING) -> bool:
        return False

    async def complete(self, step: Step, outcome: Outcome) -> None:
        request, partition, offset, started_ms = step.handle
        try:
            value = json.dumps(_answer(request, outcome, self._worker_id, started_ms), allow_nan=False).encode()
        except (TypeError, ValueError) as exc:
            failed = Outcome(failure=Failure("bad_output", f"the output is no JSON: {exc}"[:2_000]))
            value = json.dumps(_answer(request, failed, self._worker_id, started_ms)).encode()
        await self._producer.send_and_wait(RUN_EVENTS, value, key=step.run_id.encode())
        await self._finish(partition, offset)

    async def release(self, step: Step) -> None:
        """Leave its offset where it is: the next member of the group reads it again."""

    async def _step(self, partition: Any, record: Any) -> Step | None:
        self._offsets.take(partition, record.offset)
        started_ms = _now_ms()
        try:
            request = json.loads(record.value or b"")
            step = _read(request, (request, partition, record.offset, started_ms))
        except (ValueError, KeyError, TypeError, AttributeError):
            # Nobody can be answered.
            await self._finish(partition, record.offset)
            return None
        if request.get("subject"):
            await self.complete(step, Outcome(failure=Failure("unsealed_outcome", _SEALED)))
            return None
        try:
            await self._fill(request, step)
        except StepError as exc:
            await self.complete(step, Outcome(failure=Failure(exc.code, str(exc), exc.retryable)))
            return None
        return step

    async def _finish(self, partition: Any, offset: int) -> None:
        from aiokafka.errors import KafkaError

        commit = self._offsets.finish(partition, offset)
        if commit is None or partition not in self._consumer.assignment():
            return
        try:
            await self._consumer.commit({partition: commit})
        except KafkaError:
            # The group moves: who reads the step again appends an answer that does not count.
            return

    async def _fill(self, request: Record, step: Step) -> None:
        """Put stored values into the arguments."""
        for link in request.get("links", []):
            value = await self._stored(link["payload"])
            for part in link.get("path", []):
                value = value[part]
            holder: Any = step.args
            for part in link["at"][:-1]:
                holder = holder[part]
            holder[link["at"][-1]] = value

    async def _stored(self, payload: Record) -> Any:
        if payload["kind"] == "inline":
            return payload["value"]
        if self._api is None:
            raise StepError("missing_object", "an argument is a stored value: give the worker --url and a key")
        digest = unquote(urlsplit(payload["uri"]).path).rpartition("/")[2]
        try:
            answer = (await self._api.get(f"/api/v1/objects/{digest}", timeout=30)).raise_for_status()
        except httpx.HTTPError as exc:
            raise StepError("missing_object", f"object {digest}: {exc}", retryable=True) from exc
        if hashlib.sha256(answer.content).hexdigest() != digest:
            raise StepError("missing_object", f"object {digest} has other bytes", retryable=True)
        return json.loads(answer.content)


def _read(request: Record, handle: Any) -> Step:
    if request["v"].partition(".")[0] != "1":
        raise ValueError("a newer version")
    work, run_id, step_id = request["work"], request["run_id"], request["step_id"]
    key = f"{run_id}:{step_id}"
    timeout_ms = request.get("timeout_ms")
    return Step(
        run_id=run_id,
        org_id=request["org_id"],
        step_id=step_id,
        attempt=request["attempt"],
        kind=work["kind"],
        name=work.get("name", ""),
        config=work.get("config", {}),
        args=request.get("args", {}),
        idempotency_key=f"{key}:{request['attempt']}" if request.get("idempotency") == "attempt" else key,
        timeout_s=None if timeout_ms is None else timeout_ms / 1000,
        handle=handle,
    )


def _answer(request: Record, outcome: Outcome, worker_id: str, started_ms: int) -> Record:
    about = {name: request[name] for name in ("run_id", "org_id", "step_id", "attempt")}
    times = {"worker_id": worker_id, "started_at_ms": started_ms, "finished_at_ms": _now_ms()}
    failure = outcome.failure
    if failure is None:
        payload = {"kind": "inline", "value": outcome.output}
        return {"v": "1.0", "type": "step.succeeded", **about, **times, "output": payload}
    retryable = failure.retryable or failure.code in request.get("retry_on", [])
    error: Record = {"code": failure.code, "message": failure.message, "retryable": retryable}
    if failure.retry_after_ms is not None:
        error["retry_after_ms"] = failure.retry_after_ms
    return {"v": "1.0", "type": "step.failed", **about, **times, "error": error}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
