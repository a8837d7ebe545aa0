"""The migration runner on a real PostgreSQL."""

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from connectors.postgres.database import Database
from deploy.migrate import AFTER, Migration, MigrationError, main, read_migrations, status, up
from tests.support.api import empty_database

SECOND = Migration(2, "0002_more.sql", "CREATE TABLE more (id integer); CREATE INDEX more_id ON more (id);")


@pytest.fixture
def dsn(postgres_dsn: str) -> str:
    return empty_database(postgres_dsn)


def first() -> list[Migration]:
    return read_migrations()[:1]


def test_up_applies_all_once_and_status_says_so(dsn: str) -> None:
    names = [m.name for m in read_migrations()]
    assert asyncio.run(status(dsn)) == [(name, False) for name in names]
    assert asyncio.run(up(dsn)) == names
    assert asyncio.run(up(dsn)) == []
    assert asyncio.run(status(dsn)) == [(name, True) for name in names]


def test_the_indexes_of_the_guide_are_there(dsn: str) -> None:
    asyncio.run(up(dsn))

    async def indexes() -> dict[str, str]:
        conn = await asyncpg.connect(dsn)
        rows = await conn.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        await conn.close()
        return {row["indexname"]: row["indexdef"] for row in rows}

    found = asyncio.run(indexes())
    assert "(created_at, status)" in found["idx_workflow_run_created_at_status"]
    assert "(workflow_run_id, status)" in found["idx_step_run_workflow_status"]


def test_runners_at_once_apply_each_migration_once(dsn: str) -> None:
    async def race() -> list[list[str]]:
        return await asyncio.gather(*(up(dsn, [*first(), SECOND]) for _ in range(4)))

    applied = [name for names in asyncio.run(race()) for name in names]
    assert applied == ["0001_initial.sql", "0002_more.sql"]


def test_a_failing_migration_leaves_nothing_behind(dsn: str) -> None:
    bad = replace(SECOND, sql="CREATE TABLE half (id integer); SELECT nonsense;")
    with pytest.raises(MigrationError, match=r"0002_more\.sql failed and was rolled back"):
        asyncio.run(up(dsn, [*first(), bad]))
    assert asyncio.run(status(dsn, [*first(), bad])) == [("0001_initial.sql", True), ("0002_more.sql", False)]
    assert asyncio.run(up(dsn, [*first(), SECOND])) == ["0002_more.sql"]


def test_a_changed_or_unknown_migration_stops_the_runner(dsn: str) -> None:
    asyncio.run(up(dsn, [*first(), SECOND]))
    with pytest.raises(MigrationError, match="was changed after it was applied"):
        asyncio.run(up(dsn, [*first(), replace(SECOND, sql="SELECT 1;")]))
    with pytest.raises(MigrationError, match="use a newer checkout"):
        asyncio.run(up(dsn, first()))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a.sql", "0003_b.sql"], "number 0002 is next"),
        (["0001_a.sql", "0001_b.sql"], "number 0002 is next"),
        (["first.sql"], "name it like"),
    ],
)
def test_bad_folders_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=message):
        read_migrations(tmp_path)


def test_the_command_line(
    dsn: str, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("CLICKHOUSE_URL", clickhouse_url)
    monkeypatch.setenv("CLICKHOUSE_DATABASE", "migrated_by_command")
    assert main(["status"]) == 0
    assert "missing 0001_initial.sql" in capsys.readouterr().out
    assert main(["up"]) == 0
    out = capsys.readouterr().out
    assert "applied 0001_initial.sql" in out
    assert "applied 0001_records to ClickHouse" in out
    assert main(["up"]) == 0
    assert capsys.readouterr().out == "the schemas are up to date\n"
    with pytest.raises(SystemExit) as usage:
        main(["down"])
    assert usage.value.code == 2
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert main(["up"]) == 1
    assert "postgres" in capsys.readouterr().err


def test_what_older_processes_would_not_survive_waits_for_the_last_of_them(dsn: str) -> None:
    gone = Migration(2, "0002_less.sql", f"{AFTER}\nDROP TABLE IF EXISTS nothing;")

    async def play() -> list[str]:
        assert await up(dsn, [*first(), gone]) == [first()[0].name]
        old = await asyncpg.connect(dsn, server_settings={"application_name": "agentflow/0.0.9"})
        with pytest.raises(MigrationError, match=r"agentflow/0\.0\.9 still runs, and would not survive 0002_less\.sql"):
            await up(dsn, [*first(), gone], after=True)
        await old.close()
        # Roles of this version, which name themselves, are no reason to wait.
        ours = Database(dsn, max_connections=1)
        await ours.fetch("connect", "SELECT 1")
        try:
            return await _until_applied(gone)
        finally:
            await ours.close()

    async def _until_applied(one: Migration) -> list[str]:
        for _ in range(300):
            try:
                return await up(dsn, [*first(), one], after=True)
            except MigrationError:  # the server notices that the connection is closed a moment later
                await asyncio.sleep(0.1)
        return []

    assert asyncio.run(play()) == ["0002_less.sql"]
