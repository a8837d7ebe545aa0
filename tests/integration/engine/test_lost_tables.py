"""A table that is lost, older than it was, or without its log: it comes back whole, or it says why it does not.

The system is the real one; the broker that comes back with fewer records is a broker of its own.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import GroupIdNotFound
from aiokafka.protocol.admin import DeleteGroupsRequest
from redis import Redis

from connectors.kafka.checkpoints import KafkaCheckpoints
from connectors.kafka.log import KafkaLog
from connectors.redis.keys import Slot
from deploy.local.engines import Endpoints, EngineStack
from deploy.local.roles import ROOT, RoleProcess
from deploy.local.system import ORG, PARTITIONS, System
from schemas.metrics import PARTITION_STATUS
from streams.runtime.checkpoint.codec import Marker, marker_of
from streams.runtime.routing import to_out
from tests.support.checker import Checker
from tests.support.crashes import CHECKPOINT_MS, SESSION_MS, Load, crash_system
from tests.support.polling import until
from tests.support.runs import function, resolved, submitted
from topics import catalogue
from topics.admin import TopicAdmin
from topics.catalogue import wanted

IN_FLIGHT = 20
SETTLE_S = 90
TABLES = {catalogue.TABLE_RUNS: catalogue.RUN_EVENTS, catalogue.TABLE_BUDGETS: catalogue.COST_EVENTS}
OWNERS = ("orchestrator", "budgets")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with crash_system(tmp_path_factory.mktemp("lost"), latency_ms=300) as (system, _):
        yield system


class Watched:
    """Runs under load, and what is to be found at the end: one checker, since the log will lose its beginning."""

    accepted: set[str]
    checker: Checker

    def __init__(self, system: System) -> None:
        self.system = system
        self.accepted = set()
        self.checker = Checker(system.endpoints, PARTITIONS, ORG, self.accepted)

    def load(self) -> Load:
        return Load(self.system, in_flight=IN_FLIGHT, name=uuid4().hex, accepted=self.accepted)

    def more(self, load: Load) -> None:
        before = len(load.accepted)
        until(lambda: len(load.accepted) > before + IN_FLIGHT, 60, "work goes on")

    def settled(self) -> None:
        report = asyncio.run(self.checker.settled(SETTLE_S))
        assert report.problems == []
        assert set(report.by_status) == {"succeeded"}
        assert report.money_difference_nano == 0


@pytest.fixture(scope="module")
def watched(system: System) -> Watched:
    return Watched(system)


async def marker(bootstrap: str, table: str, partition: int) -> Marker | None:
    return marker_of(await KafkaCheckpoints(bootstrap, table).last(partition))


async def checkpointed(bootstrap: str, table: str) -> dict[TopicPartition, int]:
    """Return the offsets as of which the checkpoints of a table are."""
    found = {p: await marker(bootstrap, table, p) for p in range(PARTITIONS)}
    return {TopicPartition(TABLES[table], p): one.offset for p, one in found.items() if one is not None}


async def read_by_analytics(admin: AIOKafkaAdminClient, offsets: dict[TopicPartition, int]) -> None:
    """Wait until rows were made of what will be deleted: a sink that starts late would miss it."""
    # A table without any record has a checkpoint as well, and a group that read nothing has no offset.
    ends = {place: at for place, at in offsets.items() if place.topic == catalogue.COST_EVENTS and at > 0}
    async with asyncio.timeout(120):
        while True:
            committed = await admin.list_consumer_group_offsets("agentflow.analytics", partitions=list(ends))
            if all(committed[place].offset >= at for place, at in ends.items()):
                return
            await asyncio.sleep(0.05)


async def forget_log(watched: "Watched", bootstrap: str) -> dict[str, int]:
    """Delete all records that the checkpoints stand for, as retention would; return how many were lost, by topic."""
    offsets = {}
    for table in TABLES:
        offsets |= await checkpointed(bootstrap, table)
    await watched.checker.check()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    lost = dict.fromkeys(TABLES.values(), 0)
    try:
        await read_by_analytics(admin, offsets)
        for place, first in (await admin.delete_records({p: RecordsToDelete(at) for p, at in offsets.items()})).items():
            lost[place.topic] += first
    finally:
        await admin.close()
    return lost


def restored_from_checkpoint(system: System, owner: str) -> bool:
    return "restoring the table from its checkpoint" in system.roles[owner].log_path.read_text()


@pytest.mark.timeout(240)
def test_a_flush_under_live_owners_when_the_log_has_only_what_came_since(system: System, watched: Watched) -> None:
    bootstrap = system.endpoints.kafka_bootstrap
    with watched.load() as load, Redis.from_url(system.endpoints.redis_url) as redis:
        watched.more(load)
        time.sleep(2 * CHECKPOINT_MS / 1000)
        lost = asyncio.run(forget_log(watched, bootstrap))
        assert min(lost.values()) > 0
        redis.flushall()
        watched.more(load)
        for owner in OWNERS:
            until(lambda name=owner: restored_from_checkpoint(system, name), 60, f"the {owner} restores its table")
    watched.settled()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("living", [True, False])
def test_a_redis_from_an_older_dump(system: System, watched: Watched, tmp_path: Path, living: bool) -> None:
    engine = system.stack.engine("redis")
    with watched.load() as load:
        watched.more(load)
        with Redis.from_url(system.endpoints.redis_url) as redis:
            redis.save()
        dump = shutil.copy(engine.home / "dump.rdb", tmp_path)
        watched.more(load)
        if not living:
            for owner in OWNERS:
                system.roles[owner].kill()
        engine.kill()
        shutil.copy(dump, engine.home / "dump.rdb")
        engine.start()
        if not living:
            for owner in OWNERS:
                system.roles[owner].start()
        watched.more(load)
    watched.settled()


async def are_deleted(bootstrap: str, *groups: str) -> bool:
    """Delete groups with all that they have committed; answers whether they are gone: none may have a member."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        node = await admin.find_coordinator(groups[0])  # there is one broker
        answer = await admin._send_request_to_node(node, DeleteGroupsRequest(list(groups)))
        return all(code in (0, GroupIdNotFound.errno) for _, code in answer.results)
    finally:
        await admin.close()


@pytest.mark.timeout(240)
def test_groups_that_are_gone_with_their_offsets(system: System, watched: Watched) -> None:
    bootstrap = system.endpoints.kafka_bootstrap
    groups = [f"agentflow.{owner}" for owner in OWNERS]
    with watched.load() as load:
        watched.more(load)
        for owner in OWNERS:
            system.roles[owner].kill()
        until(lambda: asyncio.run(are_deleted(bootstrap, *groups)), 6 * SESSION_MS / 1000, "both are deleted")
        for owner in OWNERS:
            system.roles[owner].start()
        watched.more(load)
    watched.settled()


# A broker that is not what it was


class Owner:
    """An orchestrator as a process of its own, and what it has folded."""

    def __init__(self, data_dir: Path, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        env = endpoints.as_env() | {
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_MS),
            "SESSION_TIMEOUT_MS": str(SESSION_MS),
        }
        log_path = data_dir / "logs" / f"owner-{uuid4().hex}.log"
        self.role = RoleProcess("owner", ["-m", "streams", "orchestrator"], env, log_path)

    def __enter__(self) -> "Owner":
        self.role.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.role.stop()

    def statuses(self) -> set[str]:
        page = httpx.get(f"http://127.0.0.1:{self.role.ready['metrics_port']}/metrics", trust_env=False).text
        found = re.findall(rf"^{PARTITION_STATUS}{{(.*)}} 1.0$", page, re.MULTILINE)
        by_partition = {_label(labels, "partition"): _label(labels, "status") for labels in found}
        return set(by_partition.values()) if len(by_partition) == PARTITIONS else set()

    def broken(self) -> str:
        return next((line for line in self.said().splitlines() if "is broken: " in line), "")

    def said(self) -> str:
        return self.role.log_path.read_text()

    def folded(self) -> int:
        with Redis.from_url(self.endpoints.redis_url) as redis:
            slots = [Slot(catalogue.TABLE_RUNS, partition) for partition in range(PARTITIONS)]
            return sum(int(redis.hget(slot.position, "offset") or 0) for slot in slots)  # type: ignore[arg-type]

    def runs(self) -> int:
        """How many runs the table has."""
        with Redis.from_url(self.endpoints.redis_url) as redis:
            return len(list(redis.scan_iter(match="{runs:*}:e:run-*")))


def _label(labels: str, name: str) -> str:
    return labels.partition(f'{name}="')[2].partition('"')[0]


class Broker:
    """A broker whose data can be put aside and brought back, and a Redis."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.stack = EngineStack(data_dir, {"kafka", "redis"}, durable=False)
        self.aside = data_dir / "aside"

    def __enter__(self) -> "Broker":
        self.endpoints = self.stack.start()
        asyncio.run(self.create())
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.stop()

    def owner(self) -> Owner:
        return Owner(self.data_dir, self.endpoints)

    async def create(self) -> list[str]:
        async with TopicAdmin(self.endpoints.kafka_bootstrap) as admin:
            return await admin.create(wanted(), PARTITIONS, 1)

    async def make_anew(self) -> None:
        """Delete the runs' input topic and create it again."""
        async with TopicAdmin(self.endpoints.kafka_bootstrap) as admin:
            await admin._client.delete_topics([catalogue.RUN_EVENTS])
        deadline = time.monotonic() + 30
        # The broker is done with it when it may be made again.
        while catalogue.RUN_EVENTS not in await self.create():
            assert time.monotonic() < deadline

    async def forget(self) -> None:
        """Delete every record of the runs' input topic, as retention would."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.endpoints.kafka_bootstrap)
        await admin.start()
        for partition in range(PARTITIONS):
            await admin.delete_records({TopicPartition(catalogue.RUN_EVENTS, partition): RecordsToDelete(-1)})
        await admin.close()

    def submit(self, start: int, count: int) -> None:
        asyncio.run(self._submit(start, count))

    async def _submit(self, start: int, count: int) -> None:
        spec = resolved(function("a"))
        async with KafkaLog(self.endpoints.kafka_bootstrap) as log:
            runs = [submitted(spec, run_id=f"run-{number}") for number in range(start, start + count)]
            await log.append([to_out(run) for run in runs])

    def put_aside(self, name: str) -> None:
        """Keep a copy of the log."""
        kafka = self.stack.engine("kafka")
        kafka.stop()
        shutil.copytree(kafka.home / "data", self.aside / name)
        kafka.start()

    def bring_back(self, name: str) -> None:
        """Let the log be as it was; without a name an empty one of another cluster."""
        kafka = self.stack.engine("kafka")
        kafka.stop()
        shutil.rmtree(kafka.home / "data")
        if name:
            shutil.copytree(self.aside / name, kafka.home / "data")
        kafka.start()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


@pytest.mark.timeout(240)
def test_a_broker_with_fewer_records_stops_the_owner_until_they_are_back(broker: Broker) -> None:
    with broker.owner() as owner:
        broker.submit(0, 40)
        until(lambda: owner.folded() == 40, 60, "all are folded")
        broker.put_aside("older")
        broker.submit(40, 40)
        until(lambda: owner.folded() == 80, 60, "all are folded")
        broker.put_aside("whole")
        broker.bring_back("older")
        until(owner.broken, 60, "a live owner sees that its position is not in the log")
        assert "bring the log back" in owner.broken()
    with broker.owner() as owner:
        until(owner.broken, 60, "a new owner does not go on either")
        assert "python -m streams.ops rebuild" in owner.broken()
    broker.bring_back("whole")
    with broker.owner() as owner:
        until(lambda: owner.statuses() == {"ready"}, 60, "with its log the table goes on")
        assert owner.folded() == owner.runs() == 80


@pytest.mark.timeout(240)
def test_a_broker_of_another_cluster_stops_the_owner_and_the_table_stays(broker: Broker) -> None:
    with broker.owner() as owner:
        broker.submit(0, 20)
        until(lambda: owner.folded() == 20, 60, "all are folded")
        broker.put_aside("whole")
        broker.bring_back("")
        asyncio.run(broker.create())
        broker.submit(20, 60)
        until(lambda: "was folded from another log" in owner.broken(), 60, "a live owner folds nothing of another log")
        assert owner.runs() == 20
    with broker.owner() as owner:
        until(lambda: owner.statuses() == {"broken"}, 60, "and a new owner does not")
        assert owner.runs() == 20
    broker.bring_back("whole")
    with broker.owner() as owner:
        until(lambda: owner.statuses() == {"ready"}, 60, "with its log the table goes on")
        assert owner.folded() == owner.runs() == 20


@pytest.mark.timeout(240)
def test_a_topic_made_anew_under_a_live_owner_stops_it(broker: Broker) -> None:
    with broker.owner() as owner:
        broker.submit(0, 20)
        until(lambda: owner.folded() == 20, 60, "all are folded")
        asyncio.run(broker.make_anew())
        until(lambda: owner.statuses() == {"broken"}, 60, "nothing of another log is folded")
        assert "was folded from another log" in owner.broken()
        assert owner.runs() == 20


@pytest.mark.timeout(240)
def test_records_that_retention_took_are_missed_loudly(broker: Broker) -> None:
    bootstrap = broker.endpoints.kafka_bootstrap
    with broker.owner() as owner:
        broker.submit(0, 40)
        until(lambda: owner.folded() == 40, 60, "all are folded")
        until(lambda: sum(asyncio.run(checkpointed(bootstrap, catalogue.TABLE_RUNS)).values()) == 40, 60, "and saved")
    broker.submit(40, 40)
    asyncio.run(broker.forget())
    with broker.owner() as owner:
        until(lambda: owner.statuses() == {"broken"}, 60, "the position is before the log")
        with Redis.from_url(broker.endpoints.redis_url) as redis:
            redis.flushall()
    with broker.owner() as owner:
        until(lambda: owner.statuses() == {"broken"}, 60, "and so is the checkpoint")
        assert "the checkpoint is as of offset" in owner.broken()
    said = subprocess.run(
        [sys.executable, "-m", "streams.ops", "rebuild", *map(str, range(PARTITIONS)), "--accept-loss"],
        cwd=ROOT, env=os.environ | owner.role.env, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert said.stdout.count("counts as of") == PARTITIONS
    with broker.owner() as owner:
        until(lambda: owner.statuses() == {"ready"}, 60, "who accepts the loss goes on")
        assert owner.folded() == 80
        assert owner.runs() == 40
