"""A wrong authority and an expired certificate: for each engine one line with the fix, soon, and few connections."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.kafka.log import KafkaLog
from connectors.nats.pubsub import Nats
from connectors.postgres.database import Database
from connectors.redis.client import connect, connect_pipelined, ping
from deploy.local.engines.tls.certificates import Authority
from schemas.configuration.kafka_access import Bootstrap, KafkaAccess
from schemas.configuration.tls_files import TlsFiles
from schemas.errors import Unavailable
from tests.support.tls_doors import door
from topics.admin import TopicAdmin

SECRET = "s3cr3t-canary"
#: A refusal is said within this, in seconds.
SOON_S = 5.0
#: The most connections in that time: what waits tries again, and slowly.
MOST = 12
Ask = Callable[[int, str], Awaitable[object]]


async def ask_kafka(port: int, ca: str) -> None:
    access = KafkaAccess("SASL_SSL", "PLAIN", "agent", SECRET, TlsFiles(ca=ca))
    log = KafkaLog(Bootstrap(f"127.0.0.1:{port}", access), timeout_s=4)
    try:
        await log.start()
    finally:
        await log.stop()


async def ask_topics(port: int, ca: str) -> None:
    access = KafkaAccess("SASL_SSL", "PLAIN", "agent", SECRET, TlsFiles(ca=ca))
    async with TopicAdmin(Bootstrap(f"127.0.0.1:{port}", access)):
        pass


async def ask_redis(port: int, ca: str) -> None:
    redis = connect(f"rediss://u:{SECRET}@127.0.0.1:{port}/0?ssl_ca_certs={ca}")
    try:
        await ping(redis)
    finally:
        await redis.aclose()


async def ask_pipelined(port: int, ca: str) -> None:
    redis = connect_pipelined(f"rediss://u:{SECRET}@127.0.0.1:{port}/0?ssl_ca_certs={ca}")
    try:
        await ping(redis)
    finally:
        await redis.aclose()


async def ask_postgres(port: int, ca: str) -> None:
    database = Database(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d?sslmode=verify-full&sslrootcert={ca}", timeout_s=4)
    try:
        await database.ping()
    finally:
        await database.close()


async def ask_clickhouse(port: int, ca: str) -> None:
    clickhouse = ClickHouse(f"https://u:{SECRET}@127.0.0.1:{port}?ca_cert={ca}", "default")
    try:
        await clickhouse.ping()
    finally:
        await clickhouse.close()


async def ask_nats(port: int, ca: str) -> None:
    """Its client tries again without end, so what it says is read after it has tried for a while."""
    nats = Nats(f"tls://u:{SECRET}@127.0.0.1:{port}?ca={ca}", "test")
    nats.start()
    try:
        await asyncio.sleep(2)
        await nats.ping()
    finally:
        await nats.stop()


ENGINES: dict[str, tuple[str, Ask, str]] = {
    "kafka": ("kafka", ask_kafka, "KAFKA_SSL_CAFILE"),
    "topics": ("kafka", ask_topics, "KAFKA_SSL_CAFILE"),
    "redis": ("redis", ask_redis, "REDIS_CAFILE"),
    "pipelined": ("redis", ask_pipelined, "REDIS_CAFILE"),
    "postgres": ("postgres", ask_postgres, "DB_SSL_ROOT_CERT"),
    "clickhouse": ("clickhouse", ask_clickhouse, "CLICKHOUSE_CAFILE"),
    "nats": ("nats", ask_nats, "NATS_CAFILE"),
}


@pytest.mark.parametrize("case", ["wrong authority", "expired", "another host"])
@pytest.mark.parametrize("name", ENGINES)
async def test_a_certificate_that_is_wrong_is_said_soon_by_few_connections(
    name: str,
    case: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    engine, ask, setting = ENGINES[name]
    authority, yesterday = Authority(), datetime.now(UTC) - timedelta(days=1)
    trusted = Authority("another") if case == "wrong authority" else authority
    ca = tmp_path / "ca.pem"
    ca.write_bytes(trusted.pair.cert)
    pair = authority.signed("door")
    if case == "expired":
        pair = authority.signed("door", starts=yesterday - timedelta(days=1), ends=yesterday)
    elif case == "another host":
        pair = authority.signed("door", hosts=("elsewhere",))
    with door(engine, pair, tmp_path) as found:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await ask(found.port, str(ca))
        took = time.monotonic() - began
    said = str(caught.value)
    shown = said + caplog.text + repr(caught.value.__cause__)
    asked = engine if name == engine else f"{engine} {name}"
    record_property(f"{case}:{asked}:s", took)
    record_property(f"{case}:{asked}:connections", found.knocks)
    record_property(f"{case}:{asked}:secrets", shown.count(SECRET))
    wanted = {
        "wrong authority": f"not trusted here; name that authority's file in {setting}",
        "expired": "its certificate has expired; renew it on the server",
        "another host": "its certificate is for another host",
    }[case]
    assert wanted in said
    assert "\n" not in said
    assert took < SOON_S
    assert 1 <= found.knocks <= MOST
    assert SECRET not in shown
