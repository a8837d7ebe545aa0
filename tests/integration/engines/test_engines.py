"""The embedded engines are the real ones: each is used with its ordinary client, stopped, killed and started again."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import clickhouse_connect
import nats
import nats.errors
import psutil
import pytest
import redis.asyncio
import redis.exceptions
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from nats.aio.client import Client as NatsClient

from deploy.local.engines import ALL_ENGINES, EngineStack, JarMismatchError
from deploy.local.engines.errors import DataDirBusyError
from deploy.local.engines.jars import ensure_jars
from deploy.local.engines.kafka import jar_folder

ROOT = Path(__file__).parents[3]


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=4_000_000) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"k")


async def consume(bootstrap: str, topic: str, count: int, group: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4_000_000,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            return [record.value async for record, _ in azip(consumer, count)]
    finally:
        await consumer.stop()


async def azip(consumer: AIOKafkaConsumer, count: int):
    for index in range(count):
        yield await consumer.getone(), index


async def fetch_value(dsn: str, statement: str) -> object:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(statement)
    finally:
        await conn.close()


@pytest.fixture
def clickhouse(clickhouse_url: str) -> Iterator[Client]:
    client = clickhouse_connect.get_client(dsn=clickhouse_url)
    yield client
    client.close()


async def test_kafka_takes_and_gives_records_up_to_the_dead_letter_size(kafka_bootstrap: str) -> None:
    await create_topic(kafka_bootstrap, "round-trip")
    values = [b"small", b"x" * 3_500_000]
    await produce(kafka_bootstrap, "round-trip", values)
    assert await consume(kafka_bootstrap, "round-trip", 2, "round-trip") == values


async def test_redis_keeps_what_it_is_given_and_refuses_strangers(redis_url: str) -> None:
    async with redis.asyncio.from_url(redis_url) as client:
        await client.set("test-engines", b"value")
        assert await client.get("test-engines") == b"value"
        assert (await client.config_get("maxmemory-policy")) == {"maxmemory-policy": "noeviction"}
    async with redis.asyncio.from_url(f"redis://{redis_url.partition('@')[2]}") as stranger:
        with pytest.raises(redis.exceptions.AuthenticationError):
            await stranger.get("test-engines")


async def test_nats_hands_over_and_refuses_strangers(nats_url: str) -> None:
    async with asyncio.timeout(60):
        client = await nats.connect(nats_url)
        heard = await client.subscribe("test-engines")
        await client.publish("test-engines", b"value")
        assert (await heard.next_msg(timeout=10)).data == b"value"
        await client.close()
        stranger = NatsClient()
        with pytest.raises(nats.errors.Error):
            await stranger.connect(
                nats_url.replace("agentflow:", "agentflow:wrong"), allow_reconnect=False, max_reconnect_attempts=1
            )
        await stranger.close()


async def test_postgres_serves_the_database_of_the_project(postgres_dsn: str) -> None:
    assert await fetch_value(postgres_dsn, "SELECT current_database()") == "agentflow"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_dsn, password="wrong")


def test_clickhouse_inserts_and_selects_the_newest_version(clickhouse: Client) -> None:
    clickhouse.command(
        "CREATE TABLE newest (id UInt64, `values` String, cost Decimal(18, 9), at DateTime64(3, 'UTC')) "
        "ENGINE = ReplacingMergeTree ORDER BY id"
    )
    columns = ["id", "values", "cost"]
    for text in ("old", "new"):
        clickhouse.insert("newest", [[1, text, 0.5], [2, text, 1]], column_names=columns)
    rows = clickhouse.query("SELECT id, `values` FROM newest FINAL ORDER BY id").result_rows
    assert rows == [(1, "new"), (2, "new")]
    assert clickhouse.command("SELECT count() FROM newest") == 4
    assert clickhouse.query("SELECT id FROM newest WHERE id > 9").result_rows == []


@pytest.mark.parametrize("text", ["plain", "quo'te", "back\\slash", "tab\tline\nend", "ünïcode €", "", "x" * 100_000])
def test_clickhouse_binds_parameters_exactly(clickhouse: Client, text: str) -> None:
    result = clickhouse.query(
        "SELECT {t:String}, {n:UInt8} + 1, {l:Array(String)}", {"t": text, "n": 4, "l": [text, "b"]}
    )
    assert result.result_rows == [(text, 5, [text, "b"])]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
def test_clickhouse_takes_large_compressed_inserts(clickhouse: Client, compression: str | None) -> None:
    table = f"large_{compression}"
    clickhouse.command(f"CREATE TABLE {table} (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    # So wide that the driver sends several blocks, each compressed for itself.
    rows = [[index, f"row {index} {'wide ' * 40}"] for index in range(20_000)]
    context = clickhouse.create_insert_context(table, ["id", "text"])
    context.compression = compression
    context.data = rows
    assert clickhouse.insert(context=context).written_rows == 20_000
    found = clickhouse.query(f"SELECT count(), sum(id), any(text LIKE 'row %') FROM {table}").result_rows
    assert found == [(20_000, 199_990_000, True)]


def test_clickhouse_takes_inserts_in_other_formats(clickhouse: Client) -> None:
    clickhouse.command("CREATE TABLE formats (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    clickhouse.raw_insert("formats", insert_block='{"id": 1, "text": "FORMAT Native"}', fmt="JSONEachRow")
    clickhouse.command("INSERT INTO formats VALUES (2, 'INSERT INTO x FORMAT CSV')")
    clickhouse.command("INSERT INTO formats SELECT id + 2, text FROM formats")
    found = clickhouse.raw_query("SELECT id, text FROM formats ORDER BY id", fmt="JSONEachRow").splitlines()
    assert [json.loads(line)["text"] for line in found] == ["FORMAT Native", "INSERT INTO x FORMAT CSV"] * 2


def test_clickhouse_settings_last_for_one_query(clickhouse: Client) -> None:
    read = "SELECT value FROM system.settings WHERE name = 'max_block_size'"
    before = clickhouse.command(read)
    assert clickhouse.command(read, settings={"max_block_size": 77}) == 77
    assert clickhouse.command(read) == before


@pytest.mark.parametrize(("statement", "code"), [("SELECT nope", 47), ("SELEC 1", 62), ("SELECT * FROM nowhere", 60)])
def test_clickhouse_errors_carry_their_code(clickhouse: Client, statement: str, code: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        clickhouse.query(statement)
    assert caught.value.code == code


def test_clickhouse_refuses_data_that_does_not_fit_and_goes_on(clickhouse: Client) -> None:
    clickhouse.command("CREATE TABLE strict (id UInt64) ENGINE = MergeTree ORDER BY id")
    with pytest.raises(DatabaseError):
        clickhouse.raw_insert("strict", insert_block="not a number\n", fmt="CSV")
    assert clickhouse.command("SELECT count() FROM strict") == 0


def test_clickhouse_refuses_a_wrong_password(clickhouse_url: str) -> None:
    with pytest.raises(DatabaseError, match="wrong password"):
        clickhouse_connect.get_client(dsn=clickhouse_url, password="wrong")


async def test_clickhouse_serves_asynchronous_and_concurrent_clients(clickhouse_url: str) -> None:
    client = await clickhouse_connect.get_async_client(dsn=clickhouse_url)
    try:
        results = await asyncio.gather(*(client.query("SELECT {n:UInt8}", {"n": n}) for n in range(20)))
        assert [result.first_row[0] for result in results] == list(range(20))
    finally:
        await client.close()


def test_clickhouse_serves_many_threads(clickhouse: Client) -> None:
    clickhouse.command("CREATE TABLE threads (id UInt64) ENGINE = MergeTree ORDER BY id")

    def insert(number: int) -> None:
        clickhouse.raw_insert("threads", insert_block=f"{number}\n", fmt="CSV", settings={"session_id": str(number)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(insert, range(40)))
    assert clickhouse.command("SELECT uniqExact(id) FROM threads") == 40


async def write_everywhere(stack: EngineStack) -> None:
    where = stack.endpoints
    await create_topic(where.kafka_bootstrap, "kept")
    await produce(where.kafka_bootstrap, "kept", [b"kept"])
    async with redis.asyncio.from_url(where.redis_url) as client:
        await client.set("kept", b"kept")
    await fetch_value(where.postgres_dsn, "CREATE TABLE kept AS SELECT 'kept' AS value")
    client = clickhouse_connect.get_client(dsn=where.clickhouse_url)
    client.command("CREATE TABLE kept (value String) ENGINE = MergeTree ORDER BY value AS SELECT 'kept'")
    client.close()


async def assert_kept(stack: EngineStack, group: str, *, redis_too: bool) -> None:
    where = stack.endpoints
    assert await consume(where.kafka_bootstrap, "kept", 1, group) == [b"kept"]
    assert await fetch_value(where.postgres_dsn, "SELECT value FROM kept") == "kept"
    client = clickhouse_connect.get_client(dsn=where.clickhouse_url)
    assert client.command("SELECT value FROM kept") == "kept"
    client.close()
    if redis_too:
        async with redis.asyncio.from_url(where.redis_url) as cache:
            assert await cache.get("kept") == b"kept"


async def test_data_and_ports_outlive_restarts_and_crashes(tmp_path: Path) -> None:
    async with EngineStack(tmp_path, durable=True) as first:
        stack = EngineStack(tmp_path)
        with pytest.raises(DataDirBusyError, match="is in use by process"):
            stack.start()
    async with stack as second:
        assert second == first
        await write_everywhere(stack)
        for name in sorted(ALL_ENGINES):
            stack.engine(name).restart()
        await assert_kept(stack, "after-restart", redis_too=True)
        for name in ("kafka", "postgres", "clickhouse", "nats"):
            stack.engine(name).kill()
            assert stack.engine(name).pid is None
            stack.engine(name).start()
        await assert_kept(stack, "after-crash", redis_too=False)
    assert not [child for child in psutil.Process().children() if str(tmp_path) in " ".join(child.cmdline())]


def test_engines_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "deploy.local.engines",
        "--only",
        "redis",
        "--fast",
        "--data-dir",
        str(tmp_path),
    ]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with parent:
        assert parent.stdout is not None
        assert json.loads(parent.stdout.readline())["redis_url"].startswith("redis://:")
        engine = psutil.Process(parent.pid).children()[0]
        parent.send_signal(signal.SIGKILL)
    if sys.platform == "linux":
        engine.wait(timeout=5)
    with EngineStack(tmp_path, {"redis"}, durable=False):  # elsewhere the next start ends it
        assert not engine.is_running()


def test_a_changed_jar_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "jars"
    folder.mkdir()
    for jar in ensure_jars(jar_folder()):
        shutil.copyfile(jar, folder / jar.name)
    victim = folder / "kafka-raft-4.1.1.jar"
    victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(JarMismatchError, match=r"kafka-raft-4\.1\.1\.jar has SHA-256 .* It was not run\."):
        ensure_jars(folder)
