"""A real PgBouncer that pools transactions, with fewer sessions than the system has connections."""

from collections.abc import Iterator

import pytest

from connectors.postgres.database import Database
from tests.support.client import register_examples
from tests.support.example_runs import end_of_example_runs
from tests.support.pgbouncer import SESSIONS, PooledSystem, missing

pytestmark = [pytest.mark.exhaustive, pytest.mark.skipif(bool(missing()), reason=missing())]
DEADLINE_S = 120.0
SESSIONS_OF_CLIENTS = (
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PooledSystem]:
    with PooledSystem(tmp_path_factory.mktemp("pooled"), durable=False) as running:
        yield running


def test_runs_succeed_and_every_store_has_them(system: PooledSystem) -> None:
    with system.client() as client:
        register_examples(client)
    report = end_of_example_runs(system, DEADLINE_S, request_s=DEADLINE_S)
    assert report.problems == []


async def test_no_process_has_a_session_of_its_own(system: PooledSystem) -> None:
    database = Database(system.endpoints.postgres_dsn)
    try:
        rows = await database.fetch("count sessions", SESSIONS_OF_CLIENTS)
    finally:
        await database.close()
    assert 1 <= len(rows) <= SESSIONS


def test_no_process_has_missed_a_prepared_statement(system: PooledSystem) -> None:
    assert system.pooler is not None
    logs = [system.data_dir / "logs" / f"{name}.log" for name in system.roles]
    lines = [line for log in (*logs, system.pooler.log) for line in log.read_text().splitlines()]
    assert lines
    assert [line for line in lines if "prepared statement" in line or " ERROR " in line] == []
