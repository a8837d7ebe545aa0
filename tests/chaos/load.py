"""The load: a number of runs always in flight, through the API and through the submissions topic.

A run is accepted when the API answered 202 or the broker acknowledged its submission. A submission without an answer
is sent again under the same id until it is accepted, so that repeats are part of the load. That a run has ended is
read from ``run-views``, so that the load goes on when PostgreSQL or the API do not.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.system import ORG
from tests.chaos.workflows import TOPIC_SOURCE, Submission, submission
from tests.support.client import ENDED, RUNS
from tests.support.cloudevents import binary, structured
from topics import catalogue

#: Requests at once; the rest of the runs in flight wait for their turn.
CONNECTIONS = 24
ANSWER_WITHIN_S = 8.0
RETRY_S = (0.2, 1.5)
POLL_MS = 200


class Ends:
    """Which runs have ended, and how, as ``run-views`` say."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._positions: dict[TopicPartition, int] = {}
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self.by_run: dict[str, str] = {}

    def of(self, run_id: str) -> "asyncio.Future[str]":
        """Return what becomes the run's status when it has ended."""
        future = asyncio.get_running_loop().create_future()
        if (status := self.by_run.get(run_id)) is not None:
            future.set_result(status)
        else:
            self._waiting[run_id] = future
        return future

    async def follow(self) -> None:
        """Read until cancelled, through whatever happens to the broker."""
        while True:
            with suppress(KafkaError, OSError):
                await self._read()
            await asyncio.sleep(0.3)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=10_000,
        )
        try:
            await consumer.start()
            partitions = [TopicPartition(catalogue.RUN_VIEWS, number) for number in range(self._partitions)]
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, self._positions.get(partition, 0))
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    for record in records:
                        self._take(record.value)
                    self._positions[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()

    def _take(self, value: bytes | None) -> None:
        view = orjson.loads(value or b"{}")
        if view.get("status") in ENDED and view["run_id"] not in self.by_run:
            self.by_run[view["run_id"]] = view["status"]
            future = self._waiting.pop(view["run_id"], None)
            if future is not None and not future.done():
                future.set_result(view["status"])


class Load:
    """Keeps ``in_flight`` runs under way. What is counted may be read at any time.

    ``answers`` are those of API and broker by kind, ``odd`` the texts of errors that say neither "busy" nor "try
    later", ``refused`` the submissions that nobody will take.
    """

    def __init__(
        self, seed: int, in_flight: int, ends: Ends, api: httpx.AsyncClient, producer: AIOKafkaProducer
    ) -> None:
        self._seed = seed
        self._in_flight = in_flight
        self._ends = ends
        self._api = api
        self._producer = producer
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._wait = random.Random(f"wait:{seed}")
        self._next = 0
        self._over = asyncio.Event()
        self._full = asyncio.Event()
        self.accepted: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.odd: Counter[str] = Counter()
        self.refused: list[str] = []

    @property
    def open(self) -> int:
        """How many accepted runs have not ended."""
        return len(self.accepted) - len(self.accepted & self._ends.by_run.keys())

    async def run(self) -> None:
        """Return some time after ``stop``, when every submission that was begun is accepted or given up."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._in_flight):
                group.create_task(self._one_after_another())

    def stop(self) -> None:
        """Begin nothing more."""
        self._over.set()

    async def full(self, within_s: float) -> None:
        """Wait until as many runs are accepted as shall be in flight, or until time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._full.wait()

    async def all_ended(self, within_s: float) -> bool:
        """Wait until every accepted run has ended, after ``run``; ``False`` when time was up before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for run in self.accepted - self._ends.by_run.keys():
                    await self._ends.of(run)
        return not self.open

    async def _one_after_another(self) -> None:
        over: asyncio.Future[Any] = asyncio.ensure_future(self._over.wait())
        try:
            while not self._over.is_set():
                self._next += 1
                run = submission(self._seed, self._next)
                if await self._submit(run):
                    either: list[asyncio.Future[Any]] = [self._ends.of(run.run_id), over]
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()

    async def _submit(self, run: Submission) -> bool:
        """Send until accepted; ``False`` when refused, or when it is over and nobody answered."""
        send = self._over_topic if run.over_topic else self._over_http
        while True:
            async with self._turns:
                accepted = await send(run)
            if accepted is not None or self._over.is_set():
                if accepted:
                    self.accepted.add(run.run_id)
                    if len(self.accepted) >= self._in_flight:
                        self._full.set()
                return bool(accepted)
            await asyncio.sleep(self._wait.uniform(*RETRY_S))

    async def _over_http(self, run: Submission) -> bool | None:
        """Return whether the run was accepted, ``None`` when nobody knows or it must be tried again."""
        try:
            answer = await self._api.post(RUNS, json=run.body, headers={"Idempotency-Key": run.id})
        except httpx.HTTPError as exc:
            self.answers[type(exc).__name__] += 1
            return None
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == 202:
            if answer.json()["id"] != run.run_id:
                self.refused.append(f"{run.id} became run {answer.json()['id']}, not {run.run_id}")
            return True
        if answer.status_code == 429 or answer.status_code >= 500:
            if answer.status_code not in (429, 503):
                self.odd[f"{answer.status_code} {answer.text[:300]}"] += 1
            return None
        self.refused.append(f"{run.id}: {answer.status_code} {answer.text[:300]}")
        return False

    async def _over_topic(self, run: Submission) -> bool | None:
        make = structured if run.structured else binary
        message = make(ORG, run.id, run.body, TOPIC_SOURCE)
        try:
            await self._producer.send_and_wait(
                message.topic, message.value, key=message.key, headers=list(message.headers)
            )
        except (KafkaError, OSError) as exc:
            self.answers[type(exc).__name__] += 1
            return None
        self.answers["acknowledged"] += 1
        return True


@asynccontextmanager
async def loaded(
    seed: int, in_flight: int, bootstrap: str, partitions: int, api_url: str, api_key: str
) -> AsyncIterator[tuple[Load, Ends]]:
    """Open what the load needs; the ends are followed until the block is left."""
    ends = Ends(bootstrap, partitions)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=10_000, linger_ms=5)
    await producer.start()
    following = asyncio.create_task(ends.follow())
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        async with httpx.AsyncClient(
            base_url=api_url, headers=headers, timeout=ANSWER_WITHIN_S, trust_env=False, limits=limits
        ) as api:
            yield Load(seed, in_flight, ends, api, producer), ends
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await producer.stop()
