"""PostgreSQL's part of a restore: the schema as it was, the rows, then the migrations that are newer.

History is of the moment of the snapshot, the log may end before it. So rows of runs whose version is beyond the log's
end are taken out, with their steps: the restored log writes them again, or never does.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence

from connectors.postgres import copying
from connectors.postgres.copying import Connection, quoted
from connectors.postgres.database import connect_once
from connectors.postgres.errors import postgres_errors
from deploy import migrate
from deploy.backup.archive.chain import Held
from deploy.backup.archive.manifest import Rows
from deploy.backup.archive.store import PartReader
from deploy.backup.errors import BackupRefused
from topics.partitioner import run_partition

#: Rows of history that are looked at together.
BATCH = 5_000


def migrations_of(rows: Rows, known: Sequence[migrate.Migration]) -> list[migrate.Migration]:
    """Return the migrations that a backup's rows were under. Raises ``BackupRefused`` for others than ours."""
    by_number = {one.number: one for one in known}
    for number, checksum in rows.migrations.items():
        one = by_number.get(number)
        if one is None:
            raise BackupRefused(
                f"the backup's rows are under migration {number}, which this checkout lacks: use a newer"
            )
        if one.checksum != checksum:
            raise BackupRefused(f"migration {one.name} is not what the backup's rows were under: use that checkout")
    return [one for one in known if one.number in rows.migrations]


async def refuse_newer_schema(dsn: str, rows: Rows) -> None:
    """Raise ``BackupRefused`` when a database is migrated further than the rows were: migrations change rows, too."""
    conn = await connect_once(dsn, copying.CONNECT_S)
    try:
        applied = await _applied(conn) if await _is_migrated(conn) else set()
    finally:
        await conn.close()
    if newer := sorted(applied - rows.migrations.keys()):
        raise BackupRefused(
            f"PostgreSQL is migrated to {newer[-1]}, and the backup's rows to {max(rows.migrations, default=0)}: drop "
            "its tables, and the restore makes and migrates them"
        )


async def restore_rows(
    dsn: str, backup_id: str, rows: Rows, reader: PartReader, known: Sequence[migrate.Migration]
) -> int:
    """Fill empty tables; return how many rows they have now.

    A database whose schema is newer already, since its other tables were restored, stays as it is.
    """
    before = migrations_of(rows, known)
    conn = await connect_once(dsn, copying.CONNECT_S)
    try:
        if not await _is_migrated(conn):
            await migrate.up(dsn, before)
        count = await _fill(conn, backup_id, rows, reader)
    finally:
        await conn.close()
    await migrate.up(dsn, known)
    return count


async def _is_migrated(conn: Connection) -> bool:
    with postgres_errors("look at the schema"):
        return bool(await conn.fetchval("SELECT to_regclass('public.schema_migration') IS NOT NULL"))


async def _applied(conn: Connection) -> set[int]:
    with postgres_errors("look at the schema"):
        return {row["number"] for row in await conn.fetch("SELECT number FROM schema_migration")}


async def _fill(conn: Connection, backup_id: str, rows: Rows, reader: PartReader) -> int:
    count = 0
    transaction = conn.transaction()
    with postgres_errors("restore the rows"):
        await transaction.start()
    try:
        # Migrations make rows, too; those of the backup take their place.
        await copying.emptied(conn, sorted(rows.tables))
        await _partitions(conn, rows)
        for table in await copying.parents_first(conn, sorted(rows.tables)):
            copy = rows.tables[table]
            parts = [Held(backup_id, part) for part in copy.parts]
            count += await copying.copy_in(conn, table, copy.columns, _pieces(reader, parts)) if parts else 0
        await copying.set_sequences(conn, rows.sequences)
    except BaseException:
        await transaction.rollback()
        raise
    with postgres_errors("restore the rows"):
        await transaction.commit()
    return count


async def _partitions(conn: Connection, rows: Rows) -> None:
    there = {name for _, name, _ in await copying.partitions(conn)}
    for parent, name, bound in rows.partitions:
        if name not in there:
            with postgres_errors("make the partitions"):
                await conn.execute(f"CREATE TABLE {quoted(name)} PARTITION OF {quoted(parent)} {bound}")


async def _pieces(reader: PartReader, parts: Sequence[Held]) -> AsyncGenerator[bytes, None]:
    for held in parts:
        for piece in await reader.read(held, bytes):
            yield piece


async def trim_history(dsn: str, ends: Mapping[int, int], first: int) -> int:
    """Take out runs whose version is beyond the end of their partition of ``run-events``; return how many.

    ``first`` is how many partitions the topic had at first.
    """
    conn = await connect_once(dsn, copying.CONNECT_S)
    later: list[str] = []
    try:
        with postgres_errors("find runs of after the end"):
            async with conn.transaction():
                query = "SELECT id, version FROM workflow_run WHERE version >= $1"
                rows = conn.cursor(query, min(ends.values(), default=0), prefetch=BATCH)
                later = [row["id"] async for row in rows if row["version"] >= _end_of(row["id"], ends, first)]
                for start in range(0, len(later), BATCH):
                    some = later[start : start + BATCH]
                    await conn.execute("DELETE FROM step_run WHERE workflow_run_id = ANY($1)", some)
                    await conn.execute("DELETE FROM workflow_run WHERE id = ANY($1)", some)
    finally:
        await conn.close()
    return len(later)


def _end_of(run_id: str, ends: Mapping[int, int], first: int) -> int:
    return ends.get(run_partition(run_id.encode(), first), 0)
