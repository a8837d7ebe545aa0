"""The whole system on encrypted and authenticated connections: runs, money and rows, and no way in without TLS."""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from connectors.clickhouse.client import ClickHouse
from connectors.kafka.log import KafkaLog
from connectors.nats.pubsub import Nats
from connectors.postgres.database import Database
from connectors.redis.client import connect, connect_pipelined, ping
from deploy.local.engines import Endpoints
from deploy.local.engines.tls.certificates import Authority
from deploy.local.system import System
from schemas.configuration.kafka_access import Bootstrap, access_of
from schemas.errors import Unavailable
from streams.process.exit_codes import Exit
from tests.support.client import register_examples
from tests.support.example_runs import end_of_example_runs
from tests.support.polling import until
from tests.support.relay import relay
from tests.support.tls_doors import door

DEADLINE_S = 60.0
#: A refusal is said within this.
SOON_S = 5.0
#: The most connections of a refused login, and how long the client of NATS tries before it is asked.
MOST, NATS_TRIES_S = 12, 2.0
WRONG = "wr0ng-canary"
#: The process that is started with it, and says so in its log.
REFUSED = "wrong"
EXPIRED = ("redis", "postgres", "clickhouse", "nats")
#: A process has several connections to an engine, and each waits longer before it tries again, up to some seconds.
SETTLED_S, COUNTED_S, MOST_A_SECOND = 4.0, 5.0, 5.0
#: The most connections from the first on.
MOST_IN_ALL = 80


@pytest.fixture(
    scope="module", params=[1, pytest.param(3, marks=pytest.mark.exhaustive)], ids=["one broker", "three brokers"]
)
def system(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("encrypted")
    with System(folder, durable=False, tls=True, brokers=request.param) as running:
        with running.client() as client:
            register_examples(client)
        yield running


def test_runs_succeed_and_every_store_has_them(system: System) -> None:
    report = end_of_example_runs(system, DEADLINE_S)
    assert report.problems == []
    assert report.money_difference_nano == 0


def test_no_role_has_warned_of_a_connection(system: System) -> None:
    for log in sorted((system.data_dir / "logs").glob("*.log")):
        if log.stem == REFUSED:
            continue
        lines = [line for line in log.read_text().splitlines() if "aiokafka: Unable connect" in line or "SSL" in line]
        assert lines == [], log.name


async def test_nothing_is_answered_without_tls(system: System) -> None:
    """Each server's plain address, with the right password."""
    ends = system.endpoints
    plain = AIOKafkaProducer(bootstrap_servers=str(ends.kafka_bootstrap), request_timeout_ms=3_000)
    with pytest.raises(KafkaError):
        await plain.start()
    await plain.stop()
    redis = connect(ends.redis_url.replace("rediss://", "redis://").partition("?")[0], answer_s=3)
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


async def refused(ask: Callable[[], Awaitable[object]]) -> tuple[str, float]:
    """What one call with a wrong password says, and after how many seconds; it is one line and names no secret."""
    began = time.monotonic()
    with pytest.raises((Unavailable, AuthenticationError)) as caught:
        await ask()
    said, took_s = str(caught.value), time.monotonic() - began
    assert took_s < SOON_S
    assert "\n" not in said
    assert WRONG not in said + repr(caught.value.__cause__)
    return said, took_s


async def ask_kafka(ends: Endpoints, port: int) -> tuple[str, float]:
    how = access_of(ends.kafka_bootstrap)
    log = KafkaLog(Bootstrap(f"127.0.0.1:{port}", replace(how, password=WRONG)), timeout_s=4)
    try:
        return await refused(log.start)
    finally:
        await log.stop()


async def ask_redis(client: Callable[[str], Redis], ends: Endpoints, port: int) -> tuple[str, float]:
    redis = client(wrong(ends.redis_url, ends, port))
    try:
        return await refused(partial(ping, redis))
    finally:
        await redis.aclose()


async def ask_postgres(ends: Endpoints, port: int) -> tuple[str, float]:
    database = Database(wrong(ends.postgres_dsn, ends, port), timeout_s=4)
    try:
        return await refused(database.ping)
    finally:
        await database.close()


async def ask_clickhouse(ends: Endpoints, port: int) -> tuple[str, float]:
    clickhouse = ClickHouse(wrong(ends.clickhouse_url, ends, port), "default")
    try:
        return await refused(clickhouse.ping)
    finally:
        await clickhouse.close()


async def ask_nats(ends: Endpoints, port: int) -> tuple[str, float]:
    """Its client tries again without end, so what it says is read after it has tried for a while."""
    nats = Nats(wrong(ends.nats_url, ends, port), "test")
    nats.start()
    try:
        await asyncio.sleep(NATS_TRIES_S)
        said, took_s = await refused(nats.ping)
        return said, took_s + NATS_TRIES_S
    finally:
        await nats.stop()


def wrong(url: str, ends: Endpoints, port: int) -> str:
    """The address at another port with a wrong password."""
    of_server = f":{urlsplit(url).port}"
    return url.replace(access_of(ends.kafka_bootstrap).password, WRONG).replace(of_server, f":{port}")


#: By engine: how it is asked, the port of its address, and what is said.
ASKED: dict[str, tuple[Callable[[Endpoints, int], Awaitable[tuple[str, float]]], Callable[[Endpoints], str], str]] = {
    "kafka": (
        ask_kafka,
        lambda ends: f"kafka://{ends.kafka_bootstrap}".partition(",")[0],
        "it refuses the login by PLAIN; correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    ),
    "redis": (partial(ask_redis, connect), lambda ends: ends.redis_url, "password"),
    "redis pipelined": (partial(ask_redis, connect_pipelined), lambda ends: ends.redis_url, "password"),
    "postgres": (ask_postgres, lambda ends: ends.postgres_dsn, "check user, password and database"),
    "clickhouse": (ask_clickhouse, lambda ends: ends.clickhouse_url, "check user and password"),
    "nats": (ask_nats, lambda ends: ends.nats_url, "correct user and password in NATS_URL"),
}


async def test_a_wrong_password_is_said_soon_by_every_engine(
    system: System, caplog: pytest.LogCaptureFixture, record_property: Callable[[str, object], None]
) -> None:
    for engine, (ask, url_of, wanted) in ASKED.items():
        async with relay(urlsplit(url_of(system.endpoints)).port or 0) as counted:
            said, took_s = await ask(system.endpoints, counted.port)
        record_property(f"wrong password:{engine}:s", took_s)
        record_property(f"wrong password:{engine}:connections", counted.knocks)
        record_property(f"wrong password:{engine}:secrets", (said + caplog.text).count(WRONG))
        assert wanted in said
        assert 1 <= counted.knocks <= MOST
        assert WRONG not in caplog.text


def test_a_process_whose_login_is_wrong_ends_with_one_line(system: System) -> None:
    process = system.role(REFUSED, ["history"], {"KAFKA_SASL_PASSWORD": WRONG})
    began = time.monotonic()
    process.launch()
    until(lambda: process.pid is None, DEADLINE_S, "it ends")
    assert time.monotonic() - began < DEADLINE_S / 2
    last = process.log_path.read_text().splitlines()[-1]
    assert "it refuses the login by PLAIN; correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" in last
    assert process.returncode == Exit.CONFIG
    assert WRONG not in process.log_path.read_text()


def test_a_process_asks_expired_engines_seldom_and_says_so(system: System, tmp_path: Path) -> None:
    """Every engine but Kafka has a certificate that has expired; connections are counted for some seconds."""
    authority, yesterday = Authority(), datetime.now(UTC) - timedelta(days=1)
    pair = authority.signed("door", starts=yesterday - timedelta(days=1), ends=yesterday)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pair.cert)
    with ExitStack() as stack:
        doors = {name: stack.enter_context(door(name, pair, tmp_path)) for name in EXPIRED}
        env = {
            "REDIS_URL": f"rediss://:{WRONG}@127.0.0.1:{doors['redis'].port}/0?ssl_ca_certs={ca}",
            "DATABASE_URL": f"postgresql://u:{WRONG}@127.0.0.1:{doors['postgres'].port}/d"
            f"?sslmode=verify-full&sslrootcert={ca}",
            "CLICKHOUSE_URL": f"https://u:{WRONG}@127.0.0.1:{doors['clickhouse'].port}?ca_cert={ca}",
            "NATS_URL": f"tls://u:{WRONG}@127.0.0.1:{doors['nats'].port}?ca={ca}",
        }
        process = system.role("expired", ["orchestrator", "history", "analytics", "live"], env)
        process.launch()
        try:
            until(lambda: all(one.knocks for one in doors.values()), DEADLINE_S, "each engine is asked")
            time.sleep(SETTLED_S)
            before = {name: one.knocks for name, one in doors.items()}
            time.sleep(COUNTED_S)
            came = {name: one.knocks - before[name] for name, one in doors.items()}
        finally:
            process.kill()
        said = process.log_path.read_text()
    for name in EXPIRED:
        assert re.search(f"{name}: .*its certificate has expired; renew it on the server", said, re.IGNORECASE), said
    assert WRONG not in said
    assert all(count <= MOST_A_SECOND * COUNTED_S for count in came.values()), came
    assert all(one.knocks <= MOST_IN_ALL for one in doors.values()), doors
