"""Fixtures of the integration tests: a database of each module's own, and a client of its system."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.local.system import System
from tests.support.api import migrated_database


@pytest.fixture(scope="module")
def dsn(postgres_dsn: str) -> str:
    """A new database with all migrations, as a DSN."""
    return migrated_database(postgres_dsn)


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    """A client of the module's own ``system``, with its API key."""
    with system.client() as http:
        yield http
