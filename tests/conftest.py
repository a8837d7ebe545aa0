"""Fixtures for every test: real engines, started only when a test asks, and no network beyond this machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from connectors.aio.gc_tuning import tune_collector
from deploy.local.engines import ALL_ENGINES, Endpoints, EngineName, EngineStack
from tests.support.stacks import answer_with_stacks

# A loaded machine is no reason to fail, so there is no time limit for one example; pytest's own limit holds. The same
# examples everywhere, so that a failure is one of the change; `make test-all` looks for new ones.
settings.register_profile("fixed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", settings.get_profile("fixed"), derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

answer_with_stacks()
# What modules and the list of tests hold stays to the end: the collector would look through it thousands of times, for
# a tenth of the CPU time of all tests.
gc.disable()

ENGINE_OF_FIXTURE: dict[str, frozenset[EngineName]] = {
    "kafka_bootstrap": frozenset({"kafka"}),
    "redis_url": frozenset({"redis"}),
    "postgres_dsn": frozenset({"postgres"}),
    "clickhouse_url": frozenset({"clickhouse"}),
    "nats_url": frozenset({"nats"}),
    "engines": ALL_ENGINES,
}


#: Files of minutes come first, so that none is alone at the end. Files are handed out in the order of collection.
LONGEST = (
    "tests/integration/engine/",
    "tests/integration/ops/",
    "tests/integration/backup/",
    "tests/integration/worker/test_over_kafka.py",
    "tests/integration/system/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    ranks = {prefix: rank for rank, prefix in enumerate(LONGEST)}
    items.sort(key=lambda item: next((ranks[one] for one in LONGEST if item.nodeid.startswith(one)), len(LONGEST)))


def pytest_collection_finish() -> None:
    """Collect garbage from now on, as the roles do."""
    gc.freeze()
    tune_collector()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Refuse every connection and look-up that would leave this machine, in this process."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_remote(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_remote(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_remote(socket.AF_INET, (host, 0))
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


def refuse_remote(family: int, address: Any) -> None:
    """Raise unless the address is a Unix socket or on loopback."""
    if family == socket.AF_UNIX or is_loopback(address[0]):
        return
    pytest.fail(f"a test tried to reach {address}: tests use local engines and local servers only", pytrace=True)


def is_loopback(host: Any) -> bool:
    """Whether a host name or address means this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "0.0.0.0", "::"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def engine_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineStack]:
    """The session's engines: all that the collected tests ask for, started together at the first ask.

    Shared by all tests: use names (topics, keys, tables) of your own, and a stack of your own to kill engines.
    """
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    which = frozenset().union(*(ENGINE_OF_FIXTURE[name] for name in wanted & ENGINE_OF_FIXTURE.keys()))
    stack = EngineStack(engine_dir(tmp_path_factory), which or ALL_ENGINES, durable=False)
    stack.start()
    yield stack
    stack.stop()


def engine_dir(factory: pytest.TempPathFactory) -> Path:
    """A directory of the session's own, deleted by pytest in time."""
    return factory.mktemp("engines")


@pytest.fixture(scope="session")
def engines(engine_stack: EngineStack) -> Endpoints:
    """All engines."""
    return engine_stack.endpoints


@pytest.fixture(scope="session")
def kafka_bootstrap(engine_stack: EngineStack) -> str:
    """A Kafka broker, as "127.0.0.1:port"."""
    return engine_stack.endpoints.kafka_bootstrap


@pytest.fixture(scope="session")
def redis_url(engine_stack: EngineStack) -> str:
    """A Redis, as a URL with its password."""
    return engine_stack.endpoints.redis_url


@pytest.fixture(scope="session")
def postgres_dsn(engine_stack: EngineStack) -> str:
    """A PostgreSQL database `agentflow`, as a DSN with its password; its user may create other databases."""
    return engine_stack.endpoints.postgres_dsn


@pytest.fixture(scope="session")
def clickhouse_url(engine_stack: EngineStack) -> str:
    """A ClickHouse over HTTP, as a URL with user and password: `clickhouse_connect.get_client(dsn=...)`."""
    return engine_stack.endpoints.clickhouse_url


@pytest.fixture(scope="session")
def nats_url(engine_stack: EngineStack) -> str:
    """A NATS server, as a URL with user and password."""
    return engine_stack.endpoints.nats_url
