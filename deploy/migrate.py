"""Bring the schemas of PostgreSQL and ClickHouse up to date: ``python -m deploy.migrate up|status``.

The migrations are the numbered files in ``deploy/migrations/postgres``. Each is applied once, in order, in a
transaction of its own together with its row in ``schema_migration``; a session lock admits one runner at a time. An
applied file must never change: its checksum is compared first. ClickHouse's are in ``deploy/migrations/clickhouse``,
applied by ``connectors.clickhouse.client``.

Most come before the roles of their version and only add, so that older roles work with them. One that takes something
away begins with the line ``-- after the roles`` and comes when no older process is left: ``up --after``. Neither is
applied out of its turn.
"""

import argparse
import asyncio
import hashlib
import itertools
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from connectors.clickhouse.client import ClickHouse
from connectors.postgres.database import APPLICATION, application_name, connect_once
from schemas.configuration.running_system import add_data_dir, environment
from schemas.errors import AgentFlowError
from schemas.settings import Settings

#: The first line of a migration that older roles would not survive.
AFTER = "-- after the roles"
FOLDER = Path(__file__).with_name("migrations") / "postgres"
#: An arbitrary number that nobody else uses as an advisory lock in this database.
LOCK = 7_220_419_581_003
CONNECT_TIMEOUT_S = 10.0

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(AgentFlowError):
    """The migrations and the database do not match; the message says how to fix it."""


@dataclass(frozen=True)
class Migration:
    """One file of SQL."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def after(self) -> bool:
        """True if it comes after the roles of its version."""
        return self.sql.startswith(AFTER)


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations in order. Raises ``MigrationError`` for a bad name, a gap or a number used twice."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: name it like 0002_add_column.sql")
        found.append(Migration(int(match[1]), path.name, path.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(
                f"{migration.name}: number {expected:04d} is next; numbers have no gaps and no repeats"
            )
    return found


def in_turn(missing: Sequence[Migration], *, after: bool) -> list[Migration]:
    """Return the missing migrations that may be applied now, which are the first ones. Raises ``MigrationError``.

    ``after``: the roles of this version run. Before that nothing is applied that an earlier version left to be done.
    """
    turn = list(itertools.takewhile(lambda one: one.after == after, missing))
    blocked = [one for one in missing[len(turn) :] if one.after == after]
    if not after and blocked:
        first = missing[len(turn)]
        raise MigrationError(
            f"{first.name} comes before {blocked[0].name}, and after the roles of the version that brought it: run "
            "`python -m deploy.migrate up --after` when no older process runs, then this again"
        )
    if after and not turn and missing:
        raise MigrationError(f"{missing[0].name} comes before the roles: run `python -m deploy.migrate up` first")
    return turn


async def older_processes(conn: asyncpg.Connection) -> list[str]:
    """Return the names by which processes of other versions are connected."""
    rows = await conn.fetch(
        "SELECT DISTINCT application_name AS name FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE $1 AND application_name <> $2 ORDER BY 1",
        f"{APPLICATION}/%",
        application_name(),
    )
    return [str(row["name"]) for row in rows]


async def up(dsn: str, migrations: Sequence[Migration] | None = None, *, after: bool = False) -> list[str]:
    """Apply the missing migrations whose turn it is, and return their names.

    Raises ``MigrationError``, also for ``after`` while processes of another version are connected, and ``Unavailable``.
    """
    wanted = read_migrations() if migrations is None else migrations
    async with _Session(dsn) as conn:
        await conn.execute("SELECT pg_advisory_lock($1)", LOCK)
        await conn.execute(_TABLE)
        done = await _applied(conn)
        turn = in_turn(_missing(wanted, done), after=after)
        if after and turn and (older := await older_processes(conn)):
            raise MigrationError(
                f"{', '.join(older)} still runs, and would not survive {turn[0].name}: upgrade it first"
            )
        for migration in turn:
            await _apply(conn, migration)
        return [migration.name for migration in turn]


async def status(dsn: str, migrations: Sequence[Migration] | None = None) -> list[tuple[str, bool]]:
    """Return every migration, and true if it is applied; changes nothing."""
    wanted = read_migrations() if migrations is None else migrations
    async with _Session(dsn) as conn:
        there = await conn.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
        done = await _applied(conn) if there else {}
        missing = {migration.number for migration in _missing(wanted, done)}
        return [(migration.name, migration.number not in missing) for migration in wanted]


async def names_applied(dsn: str) -> set[str]:
    """Return the names of all migrations of the database, also of those that a newer version brought."""
    async with _Session(dsn) as conn:
        if not await conn.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL"):
            return set()
        return {name for name, _ in (await _applied(conn)).values()}


class _Session:
    """One connection, closed (and with it the lock) at the end."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._conn: asyncpg.Connection | None = None

    async def __aenter__(self) -> asyncpg.Connection:
        self._conn = await connect_once(self._dsn, CONNECT_TIMEOUT_S)
        return self._conn

    async def __aexit__(self, *_: object) -> None:
        if self._conn is not None:
            await self._conn.close()


async def _applied(conn: asyncpg.Connection) -> dict[int, tuple[str, str]]:
    rows = await conn.fetch("SELECT number, name, checksum FROM schema_migration")
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _missing(wanted: Sequence[Migration], done: dict[int, tuple[str, str]]) -> list[Migration]:
    known = {migration.number for migration in wanted}
    for number, (name, _) in sorted(done.items()):
        if number not in known:
            raise MigrationError(f"the database has migration {name}, which this checkout lacks: use a newer checkout")
    for migration in wanted:
        if migration.number in done and done[migration.number][1] != migration.checksum:
            raise MigrationError(f"{migration.name} was changed after it was applied: restore it and add a new file")
    return [migration for migration in wanted if migration.number not in done]


async def _apply(conn: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with conn.transaction():
            await conn.execute(migration.sql)
            await conn.execute(
                "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as exc:
        raise MigrationError(f"{migration.name} failed and was rolled back: {exc}") from exc


def vault_migrations() -> list[Migration]:
    """Return the migrations of a vault in a database of its own: those with ``vault`` in their name."""
    return [one for one in read_migrations() if "_vault" in one.name]


async def _up(settings: Settings, *, after: bool) -> list[str]:
    main_dsn = settings.postgres.dsn.get_secret_value()
    applied = [f"applied {name}" for name in await up(main_dsn, after=after)]
    left = [name for name, done in await status(main_dsn) if not done]
    if after:
        return applied or ["nothing is left to do after the roles"]
    applied += [f"left for `up --after`, when no older process runs: {name}" for name in left]
    if dsn := settings.vault.dsn.get_secret_value():
        applied += [f"applied {name} to the vault's database" for name in await up(dsn, vault_migrations())]
    clickhouse = ClickHouse(settings.clickhouse.url.get_secret_value(), settings.clickhouse.database)
    try:
        new = await clickhouse.migrate(cluster=settings.clickhouse.cluster)
        applied += [f"applied {name} to ClickHouse" for name in new]
    finally:
        await clickhouse.close()
    return applied or ["the schemas are up to date"]


async def _status(settings: Settings) -> list[str]:
    return [
        f"{'applied' if done else 'missing'} {name}"
        for name, done in await status(settings.postgres.dsn.get_secret_value())
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.migrate", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("up", "status"))
    add_data_dir(parser)
    parser.add_argument("--after", action="store_true", help="apply what comes after the roles of this version")
    asked = parser.parse_args(arguments)
    try:
        settings = Settings.from_env(environment(os.environ, arguments))
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    try:
        lines = asyncio.run(_up(settings, after=asked.after) if asked.command == "up" else _status(settings))
    except AgentFlowError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
