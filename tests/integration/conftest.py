"""Fixtures of the integration tests: a PostgreSQL database of each module's own."""

import pytest

from tests.support.api import migrated_database


@pytest.fixture(scope="module")
def dsn(postgres_dsn: str) -> str:
    """A new database with all migrations, as a DSN."""
    return migrated_database(postgres_dsn)
