"""The load: a number of runs always in flight, through the API and through the submissions topics.

A run is accepted when the API answered 202 or the broker acknowledged its submission. A submission without an answer
is sent again under the same id until it is accepted, so that repeats are part of the load. What is done to an accepted
run, a cancel or a signal, is asked for again until it is taken. That a run has ended is read from ``run-views``, so
that the load goes on when PostgreSQL or the API do not.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tests.chaos.records import Expected
from tests.chaos.scenarios.scenario import Action
from tests.chaos.workflows import TOPIC_SOURCE, Submission, submission
from tests.support.client import ENDED, RUNS
from tests.support.cloudevents import binary, structured
from topics import catalogue
from topics.clients import access

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
            **access(self._bootstrap),
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


@dataclass
class Taken:
    """What is known of what was sent; it may be read at any time.

    ``answers`` are those of API and broker by kind, ``odd`` the texts of errors that say neither "busy" nor "try
    later", ``refused`` the submissions that nobody will take, ``bad`` those that must become dead letters.
    """

    expected: dict[str, Expected] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    bad: dict[str, str] = field(default_factory=dict)
    canceled: set[str] = field(default_factory=set)
    signaled: dict[str, list[str]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


class Load:
    """Keeps ``in_flight`` runs under way, ``most`` in all. ``apis`` are the organisations' clients.

    ``taken`` is what came of it.
    """

    def __init__(
        self,
        seed: int,
        in_flight: int,
        ends: Ends,
        apis: Mapping[str, httpx.AsyncClient],
        producer: AIOKafkaProducer,
        most: int | None = None,
    ) -> None:
        self._seed = seed
        self._most = most
        self._in_flight = in_flight
        self._ends = ends
        self._producer = producer
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._wait = random.Random(f"wait:{seed}")
        self._next = 0
        self._over = asyncio.Event()
        self._full = asyncio.Event()
        self.apis = apis
        self.taken = Taken()

    @property
    def open(self) -> int:
        """How many accepted runs have not ended."""
        return len(self.taken.accepted - self._ends.by_run.keys())

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
                for run in self.taken.accepted - self._ends.by_run.keys():
                    await self._ends.of(run)
        return not self.open

    async def _one_after_another(self) -> None:
        over: asyncio.Future[Any] = asyncio.ensure_future(self._over.wait())
        try:
            while not self._over.is_set() and self._next != self._most:
                self._next += 1
                run = submission(self._seed, self._next)
                if await self._submit(run) and not run.bad:
                    await self._act(run)
                    either: list[asyncio.Future[Any]] = [self._ends.of(run.run_id), over]
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()

    async def _submit(self, run: Submission) -> bool:
        """Send until accepted; ``False`` when refused, or when it is over and nobody answered."""
        if not run.bad:
            self.taken.expected[run.run_id] = run.expected
        send = self._over_topic if run.over_topic else self._over_http
        while True:
            async with self._turns:
                accepted = await send(run)
            if accepted is not None or self._over.is_set():
                if accepted:
                    self._accepted(run)
                return bool(accepted)
            await self._pause()

    def _accepted(self, run: Submission) -> None:
        if run.bad:
            self.taken.bad[run.id] = run.bad
            return
        self.taken.accepted.add(run.run_id)
        if len(self.taken.accepted) >= self._in_flight:
            self._full.set()

    async def _pause(self) -> None:
        await asyncio.sleep(self._wait.uniform(*RETRY_S))

    async def _act(self, run: Submission) -> None:
        """Do to an accepted run what shall be done, also when it is over: the run may not end without it."""
        for action in run.actions:
            await asyncio.sleep(action.after_s)
            for _ in range(action.times):
                while not await self._is_done(run, action):
                    await self._pause()

    async def _is_done(self, run: Submission, action: Action) -> bool:
        """Ask for a cancel or send a signal. A run that has ended takes neither; one not known yet is asked again."""
        path = f"{RUNS}/{run.run_id}/{'cancel' if action.kind == 'cancel' else f'signals/{action.name}'}"
        headers = {"Idempotency-Key": action.key} if action.key else {}
        async with self._turns:
            try:
                answer = await self.apis[run.org].post(path, json=action.value, headers=headers)
            except httpx.HTTPError as exc:
                self.taken.answers[f"{action.kind} {type(exc).__name__}"] += 1
                return False
        self.taken.answers[f"{action.kind} {answer.status_code}"] += 1
        if answer.status_code == 202:
            if action.kind == "cancel":
                self.taken.canceled.add(run.run_id)
            elif action.key not in (keys := self.taken.signaled.setdefault(run.run_id, [])):
                keys.append(action.key)
        elif answer.status_code not in (404, 409, 429, 503):
            self.taken.odd[f"{action.kind}: {answer.status_code} {answer.text[:300]}"] += 1
        return answer.status_code in (202, 409)

    async def _over_http(self, run: Submission) -> bool | None:
        """Return whether the run was accepted, ``None`` when nobody knows or it must be tried again."""
        taken = self.taken
        try:
            answer = await self.apis[run.org].post(RUNS, json=run.body, headers={"Idempotency-Key": run.id})
        except httpx.HTTPError as exc:
            taken.answers[type(exc).__name__] += 1
            return None
        taken.answers[str(answer.status_code)] += 1
        if answer.status_code == 202:
            if answer.json()["id"] != run.run_id:
                taken.refused.append(f"{run.id} became run {answer.json()['id']}, not {run.run_id}")
            return True
        if answer.status_code == 429 or answer.status_code >= 500:
            if answer.status_code not in (429, 503):
                taken.odd[f"{answer.status_code} {answer.text[:300]}"] += 1
            return None
        taken.refused.append(f"{run.id}: {answer.status_code} {answer.text[:300]}")
        return False

    async def _over_topic(self, run: Submission) -> bool | None:
        make = structured if run.structured else binary
        message = make(run.org, run.id, run.body, TOPIC_SOURCE)
        try:
            await self._producer.send_and_wait(
                message.topic, message.value, key=message.key, headers=list(message.headers)
            )
        except (KafkaError, OSError) as exc:
            self.taken.answers[type(exc).__name__] += 1
            return None
        self.taken.answers["acknowledged"] += 1
        return True


@asynccontextmanager
async def loaded(
    seed: int, in_flight: int, bootstrap: str, partitions: int, api_url: str, keys: Mapping[str, str], most: int | None
) -> AsyncIterator[tuple[Load, Ends]]:
    """Open what the load needs, with a key of each organisation; the ends are followed until the block is left."""
    ends = Ends(bootstrap, partitions)
    producer = AIOKafkaProducer(**access(bootstrap), acks="all", request_timeout_ms=10_000, linger_ms=5)
    await producer.start()
    following = asyncio.create_task(ends.follow())
    try:
        async with AsyncExitStack() as stack:
            apis = {org: await stack.enter_async_context(_client(api_url, key)) for org, key in keys.items()}
            yield Load(seed, in_flight, ends, apis, producer, most), ends
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await producer.stop()


def _client(url: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=ANSWER_WITHIN_S,
        trust_env=False,
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
    )
