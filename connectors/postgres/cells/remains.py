"""Rows that an organisation left behind in the cell that it moved away from: counted, and deleted in batches."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connectors.postgres.cells.rows import OrganisationRows
from connectors.postgres.cells.tables import Table
from connectors.postgres.copying import Connection, quoted
from connectors.postgres.errors import postgres_errors
from schemas.errors import Conflict

#: Rows of one transaction.
BATCH = 2_000
#: Without these rows nobody could tell a client of the organisation where it is now.
REDIRECTS = frozenset({"organisation", "project", "api_key"})
#: Of an organisation too, though it does not travel: what a sweep of objects found.
_DUE = Table("object_due", ("org_id",))
_DELETE = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {by} = $1 LIMIT {batch}))
"""


@dataclass(frozen=True, slots=True)
class Left:
    """An organisation that is in another cell. ``move_id`` is the move that took it there."""

    org_id: str
    cell: str
    url: str
    move_id: str


class RemainingRows:
    """The rows of organisations that left. Every method raises ``Unavailable``."""

    def __init__(self, rows: OrganisationRows) -> None:
        self._rows = rows

    @asynccontextmanager
    async def kept_away(self, org_id: str) -> AsyncIterator[Left]:
        """Hold an organisation where it is: no move of it to this cell is announced until the block ends.

        Raises ``Conflict`` for an organisation that is here, on its way, or on its way back.
        """
        async with self._rows.connected() as conn:
            with postgres_errors("hold an organisation away"):
                transaction = conn.transaction()
                await transaction.start()
            # The connection is closed by its owner, and so is a transaction that did not end.
            yield await _left(conn, org_id)
            with postgres_errors("let an organisation go"):
                await transaction.commit()

    async def counts(self, org_id: str, kept: Collection[str] = ()) -> dict[str, int]:
        """Return how many rows there are by table, but for tables that are ``kept``; empty tables are left out."""
        found: dict[str, int] = {}
        for table in await self._tables(kept):
            async with self._rows.connected(vault=_is_vault(table)) as conn:
                with postgres_errors(f"count {table.name}"):
                    sql = f"SELECT count(*) FROM {quoted(table.name)} WHERE {quoted(_by(table))} = $1"
                    found[table.name] = int(await conn.fetchval(sql, org_id))
        return {name: count for name, count in found.items() if count}

    async def some_runs(self, org_id: str) -> list[str]:
        """Return the ids of some runs that history still has."""
        async with self._rows.connected() as conn:
            with postgres_errors("find runs that stayed"):
                rows = await conn.fetch(f"SELECT id FROM workflow_run WHERE org_id = $1 LIMIT {BATCH}", org_id)
        return [str(row["id"]) for row in rows]

    async def delete_runs(self, org_id: str, run_ids: list[str]) -> int:
        """Delete runs from history; return how many there were."""
        async with self._rows.connected() as conn:
            with postgres_errors("delete runs that stayed"):
                sql = "DELETE FROM workflow_run WHERE org_id = $1 AND id = ANY($2::text[])"
                return _number(await conn.execute(sql, org_id, run_ids))

    async def delete_some(self, org_id: str, table: str) -> int:
        """Delete a batch of a table's rows; return how many there were."""
        (found,) = [one for one in await self._tables(()) if one.name == table]
        async with self._rows.connected(vault=_is_vault(found)) as conn:
            with postgres_errors(f"delete rows of {table}"):
                sql = _DELETE.format(table=quoted(table), by=quoted(_by(found)), batch=BATCH)
                return _number(await conn.execute(sql, org_id))

    async def order(self, kept: Collection[str]) -> list[str]:
        """Return the tables in the order in which rows are deleted: those that refer to others first."""
        return [table.name for table in await self._tables(kept)]

    async def _tables(self, kept: Collection[str]) -> list[Table]:
        return [_DUE, *(one for one in reversed(await self._rows.tables()) if one.name not in kept)]


async def _left(conn: Connection, org_id: str) -> Left:
    with postgres_errors("read where an organisation is"):
        row = await conn.fetchrow(
            "SELECT place, cell, url, move_id FROM organisation_place WHERE org_id = $1 FOR UPDATE", org_id
        )
        arriving = await conn.fetchval(
            "SELECT EXISTS (SELECT FROM cell_arrival WHERE org_id = $1 AND state = 'arriving')", org_id
        )
    if row is None:
        raise Conflict(f"organisation {org_id} is in this cell; what it has here is no remains of a move")
    if row["place"] != "left":
        raise Conflict(f"organisation {org_id} is {row['place']} (cell {row['cell']}): its move has not ended")
    if arriving:
        raise Conflict(f"organisation {org_id} is on its way back to this cell; its copy is made here now")
    return Left(org_id, row["cell"], row["url"], row["move_id"])


def _by(table: Table) -> str:
    return "org_id" if table is _DUE else table.carried.by


def _is_vault(table: Table) -> bool:
    return table is not _DUE and table.carried.vault


def _number(status: str) -> int:
    """Return the number of a command's tag, such as ``DELETE 5``."""
    return int(status.rpartition(" ")[2])
