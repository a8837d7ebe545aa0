"""The whole system on encrypted and authenticated connections: runs, money and rows, and no way in without TLS."""

import asyncio
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from nats.errors import Error as NatsError

from connectors.clickhouse.client import ClickHouse
from connectors.nats.connecting import EncryptedClient, connect
from connectors.redis.client import connect as redis_client
from connectors.redis.client import ping
from deploy.local.system import ORG, PARTITIONS, System
from schemas.configuration.kafka_access import access_of
from schemas.errors import Unavailable
from tests.support.checker import Checker
from tests.support.client import document, register_examples, submission, submit, wait_for_run

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("encrypted"), durable=False, tls=True) as running:
        with running.client() as client:
            register_examples(client)
        yield running


def test_runs_succeed_and_every_store_has_them(system: System) -> None:
    wanted = submission("map_reduce_analysis", {"text": document("declaration-of-independence.txt")})
    with system.client() as client:
        runs = [submit(client, wanted) for _ in range(3)]
        ended = [wait_for_run(client, run, DEADLINE_S) for run in runs]
    assert [run["status"] for run in ended] == ["succeeded"] * 3
    report = asyncio.run(Checker(system.endpoints, PARTITIONS, ORG, set(runs)).settled(DEADLINE_S))
    assert report.problems == []
    assert report.money_difference_nano == 0


def test_no_role_has_warned_of_a_connection(system: System) -> None:
    for log in sorted((system.data_dir / "logs").glob("*.log")):
        lines = [line for line in log.read_text().splitlines() if "aiokafka: Unable connect" in line or "SSL" in line]
        assert lines == [], log.name


async def test_nothing_is_answered_without_tls(system: System) -> None:
    """Each server's plain address, with the right password."""
    ends = system.endpoints
    plain = AIOKafkaProducer(bootstrap_servers=str(ends.kafka_bootstrap), request_timeout_ms=3_000)
    with pytest.raises(KafkaError):
        await plain.start()
    await plain.stop()
    redis = redis_client(ends.redis_url.replace("rediss://", "redis://").partition("?")[0], answer_s=3)
    with pytest.raises(Unavailable):
        await ping(redis)
    await redis.aclose()
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await asyncpg.connect(ends.postgres_dsn.partition("?")[0] + "?sslmode=disable", timeout=3)
    clickhouse = ClickHouse(ends.clickhouse_url.replace("https://", "http://").partition("?")[0], "default")
    with pytest.raises(Unavailable):
        await clickhouse.ping()
    await clickhouse.close()
    with socket.create_connection(("127.0.0.1", urlsplit(ends.nats_url).port or 0), 3) as conn:
        conn.recv(4096)
        conn.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        assert b"PONG" not in conn.recv(4096)


async def test_a_login_that_is_wrong_is_refused(system: System) -> None:
    ends, how = system.endpoints, access_of(system.endpoints.kafka_bootstrap)
    assert how.logs_in
    assert how.encrypted
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(ends.postgres_dsn.replace(how.password, "wrong"), timeout=5)
    client = EncryptedClient()
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await connect(client, ends.nats_url.replace(how.password, "wrong"), "test")
    await client.close()
