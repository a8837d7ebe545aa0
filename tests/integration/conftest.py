"""Fixtures of the integration tests: a database of each module's own, and a client of its system."""

import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from connectors.clickhouse.client import ClickHouse
from deploy.local.system import System
from tests.support.api import migrated_database
from tests.support.forked_roles import forked_roles


@pytest.fixture(scope="session", autouse=True)
def quick_roles() -> Iterator[None]:
    """Start roles by fork. The tests in tests/load execute them."""
    with forked_roles():
        yield


@pytest.fixture(scope="module")
def dsn(postgres_dsn: str) -> str:
    """A new database with all migrations, as a DSN."""
    return migrated_database(postgres_dsn)


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    """A client of the module's own ``system``, with its API key."""
    with system.client() as http:
        yield http


@pytest.fixture
async def store(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """A migrated database of this test's own."""
    database = ClickHouse(clickhouse_url, f"test_{uuid.uuid4().hex}")
    await database.migrate()
    yield database
    await database.query(f"DROP DATABASE `{database.database}`")
    await database.close()
