"""Debian's servers, which want a certificate of every client: the system works, and nobody gets in without one."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.kafka.log import KafkaLog
from connectors.nats.pubsub import Nats
from connectors.postgres.database import Database
from connectors.redis.client import connect, connect_pipelined, ping
from schemas.configuration.kafka_access import Bootstrap, access_of
from schemas.errors import Unavailable
from tests.support.client import register_examples
from tests.support.debian import DebianSystem, missing
from tests.support.example_runs import end_of_example_runs

pytestmark = [pytest.mark.exhaustive, pytest.mark.skipif(bool(missing()), reason=missing())]
DEADLINE_S = 120.0
SOON_S = 5.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianSystem]:
    with DebianSystem(tmp_path_factory.mktemp("debian"), durable=False, tls=True) as running:
        yield running


def test_runs_succeed_and_every_store_has_them(system: DebianSystem) -> None:
    with system.client() as client:
        register_examples(client)
    report = end_of_example_runs(system, DEADLINE_S, request_s=DEADLINE_S)
    assert report.problems == []


def test_roles_have_warned_of_no_connection(system: DebianSystem) -> None:
    for name in system.roles:
        log = system.data_dir / "logs" / f"{name}.log"
        lines = [
            line for line in log.read_text().splitlines() if "SSL" in line or "certificate" in line or "NATS" in line
        ]
        assert lines == [], name


def bare(url: str) -> str:
    """Return an address without the client's certificate."""
    address, _, query = url.partition("?")
    kept = [part for part in query.split("&") if "/client-both.pem" not in part]
    return f"{address}?{'&'.join(kept)}"


@pytest.mark.parametrize("engine", ["kafka", "redis", "pipelined", "postgres", "nats"])
async def test_nobody_gets_in_without_a_certificate(system: DebianSystem, engine: str) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        await knock(system, engine)
    assert time.monotonic() - began < SOON_S
    said = str(caught.value)
    secret = access_of(system.endpoints.kafka_bootstrap).password
    assert "\n" not in said
    assert secret not in said + repr(caught.value.__cause__)
    assert "certificate" in said


async def knock(system: DebianSystem, engine: str) -> None:
    """Ask a server without a certificate, with the right password."""
    ends = system.endpoints
    if engine == "kafka":
        how = access_of(ends.kafka_bootstrap)
        plain = Bootstrap(str(ends.kafka_bootstrap), replace(how, files=replace(how.files, cert="", key="")))
        log = KafkaLog(plain, timeout_s=4)
        try:
            await log.start()
        finally:
            await log.stop()
    elif engine in ("redis", "pipelined"):
        redis = (connect if engine == "redis" else connect_pipelined)(bare(ends.redis_url))
        try:
            await ping(redis)
        finally:
            await redis.aclose()
    elif engine == "postgres":
        database = Database(bare(ends.postgres_dsn), timeout_s=4)
        try:
            await database.ping()
        finally:
            await database.close()
    else:
        nats = Nats(bare(ends.nats_url), "test")
        nats.start()
        try:
            await asyncio.sleep(2)
            await nats.ping()
        finally:
            await nats.stop()
