"""PostgreSQL's part of a backup: every table in one snapshot, the vault's apart."""

from collections.abc import Callable

from connectors.postgres import copying
from connectors.postgres.copying import Connection
from deploy.backup.archive.manifest import Rows, TableCopy
from deploy.backup.archive.parts import PART_BYTES, PartInfo
from deploy.backup.archive.store import PartWriter

#: Keys that seal data of persons: never in a backup of that data.
VAULT_PREFIX = "vault_"
_MIGRATIONS = "schema_migration"

Chooses = Callable[[str], bool]


def is_data(table: str) -> bool:
    """Return true for tables of the data's backup."""
    return not is_vault(table)


def is_vault(table: str) -> bool:
    """Return true for the vault's tables."""
    return table.startswith(VAULT_PREFIX)


async def take_rows(conn: Connection, writer: PartWriter, chooses: Chooses) -> Rows:
    """Archive the tables of a snapshot that ``chooses`` returns true for."""
    tables = {}
    for table, columns in (await copying.tables(conn)).items():
        if chooses(table) and table != _MIGRATIONS:
            tables[table] = await _table(conn, writer, table, columns)
    applied = await conn.fetch(f"SELECT number, checksum FROM {_MIGRATIONS} ORDER BY number")
    return Rows(
        migrations={row["number"]: row["checksum"] for row in applied},
        tables=tables,
        sequences={name: last for name, last in (await copying.sequences(conn)).items() if chooses(name)},
        partitions=[one for one in await copying.partitions(conn) if chooses(one[0])],
    )


async def _table(conn: Connection, writer: PartWriter, table: str, columns: list[str]) -> TableCopy:
    parts: list[PartInfo] = []
    pieces: list[bytes] = []
    size = 0

    async def close() -> None:
        if pieces:
            parts.append(await writer.rows(f"postgres/{table}/{len(parts):06d}.part", pieces))
            pieces.clear()

    async def take(piece: bytes) -> None:
        nonlocal size
        pieces.append(bytes(piece))
        size += len(piece)
        if size >= PART_BYTES:
            await close()
            size = 0

    rows = await copying.copy_out(conn, table, columns, take)
    await close()
    return TableCopy(columns=columns, rows=rows, parts=parts)
