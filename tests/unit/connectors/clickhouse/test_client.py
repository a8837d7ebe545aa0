"""A ClickHouse client that finds no server."""

import logging
import socket

import pytest

from connectors.clickhouse.client import MIGRATIONS, ClickHouse
from schemas.errors import Unavailable


async def test_a_refused_connection_is_raised_and_writes_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    clickhouse = ClickHouse(f"http://127.0.0.1:{port}", "agentflow")
    with caplog.at_level(logging.WARNING), pytest.raises(Unavailable, match="query"):
        await clickhouse.ping()
    assert not caplog.records


def test_migrations_have_no_gaps_and_no_number_twice() -> None:
    numbers = [int(path.name[:4]) for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1)), "the next migration takes the next number"
