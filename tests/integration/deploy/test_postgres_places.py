"""Several servers of PostgreSQL in one address, and one behind a pooler that gives each transaction another session."""

import asyncpg
import pytest

from connectors.postgres.database import Database
from schemas.configuration.tls_files import with_query
from schemas.errors import Unavailable
from schemas.settings import Settings

pytestmark = pytest.mark.asyncio


async def test_the_first_server_that_takes_writes_is_used(postgres_dsn: str) -> None:
    login, _, rest = postgres_dsn.rpartition("@")
    database = Database(f"{login}@127.0.0.1:9,{rest}?target_session_attrs=primary", timeout_s=10)
    assert (await database.fetchrow("ask", "SELECT pg_is_in_recovery() AS standby"))["standby"] is False  # type: ignore[index]
    await database.close()


async def write_as_a_standby(database: Database) -> None:
    async with database.connection("write") as conn:
        await conn.execute("SET default_transaction_read_only = on")
        await conn.execute("CREATE TABLE never (n int)")


async def test_connections_to_a_server_that_became_a_standby_are_closed(postgres_dsn: str) -> None:
    database = Database(postgres_dsn, max_connections=2)
    first = await database.fetchrow("ask", "SELECT pg_backend_pid() AS pid")
    with pytest.raises(Unavailable, match="ReadOnlySQLTransactionError"):
        await write_as_a_standby(database)
    second = await database.fetchrow("ask", "SELECT pg_backend_pid() AS pid")
    assert first is not None
    assert second is not None
    assert first["pid"] != second["pid"]
    await database.close()


@pytest.mark.parametrize(("kept", "env"), [(False, {"DB_PREPARED_STATEMENTS": "false"}), (True, {})])
async def test_no_statement_stays_in_the_server_behind_a_pooler(
    kept: bool, env: dict[str, str], postgres_dsn: str
) -> None:
    dsn = Settings.from_env({"DATABASE_URL": postgres_dsn, **env}).postgres.dsn.get_secret_value()
    database = Database(dsn, max_connections=1)
    for number in range(3):
        found = await database.fetchrow("ask", "SELECT $1::jsonb AS value", {"n": number})
        assert found is not None
        assert found["value"] == {"n": number}
    conn = await asyncpg.connect(postgres_dsn)  # a session sees its own statements alone
    await conn.close()
    counted = await database.fetchrow("count", "SELECT count(*) AS n FROM pg_prepared_statements")
    assert counted is not None
    assert (counted["n"] > 1) is kept
    await database.close()
    assert "unprepared" not in with_query(postgres_dsn, {})
