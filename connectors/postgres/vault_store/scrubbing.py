"""Takes deleted keys out of PostgreSQL's files, as far as PostgreSQL can."""

import asyncpg

from connectors.postgres.errors import postgres_errors
from schemas.errors import Unavailable

TABLES = ("vault_subject_key", "vault_token")


async def scrubbed(conn: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Copy each table without its dead rows, and begin a new segment of the write-ahead log. Raises ``Unavailable``.

    The segments before are recycled by the server when its settings say so, and archived ones are not touched.
    """
    with postgres_errors("scrub the vault"):
        for table in TABLES:
            await conn.execute(f"VACUUM (FULL) {table}")
        done = [f"{table} was rewritten without its dead rows" for table in TABLES]
        try:
            # The first lets the server drop old segments; the second closes the one with the deleted keys.
            await conn.execute("CHECKPOINT")
            await conn.execute("SELECT pg_switch_wal()")
            await conn.execute("CHECKPOINT")
        except asyncpg.InsufficientPrivilegeError as exc:
            raise Unavailable(
                "postgres",
                "the tables are rewritten, but the user may neither CHECKPOINT nor switch the write-ahead log; grant "
                "pg_checkpoint and EXECUTE on pg_switch_wal, or wait for the next checkpoint",
            ) from exc
    return [*done, "a new segment of the write-ahead log was begun"]
