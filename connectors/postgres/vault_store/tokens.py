"""Tokens and their sealed values."""

from collections.abc import Collection, Sequence

import asyncpg

from connectors.ports.vault import TokenRow
from connectors.postgres.database import Database

_ROW = "token, subject, name, sealed, org_version"


class TokenRows:
    """A ``TokenStore``."""

    _database: Database

    async def add_tokens(self, org_id: str, rows: Sequence[TokenRow]) -> dict[str, bytes]:
        # The order keeps two calls with the same tokens from waiting for each other in a circle.
        ordered = sorted(rows)
        async with self._database.connection("store tokens") as conn:
            stored = await conn.fetch(
                "INSERT INTO vault_token (org_id, token, subject, name, sealed, org_version) "
                "SELECT $1, new.* FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::integer[]) AS new "
                "ON CONFLICT DO NOTHING RETURNING token, name",
                *(org_id, [one.token for one in ordered], [one.subject for one in ordered]),
                *([one.name for one in ordered], [one.sealed for one in ordered], [one.org_version for one in ordered]),
            )
            names = {row["token"]: row["name"] for row in stored}
            before = [one.token for one in ordered if one.token not in names]
            if before:
                found = await conn.fetch(
                    "SELECT token, name FROM vault_token WHERE org_id = $1 AND token = ANY($2::text[])", org_id, before
                )
                names |= {row["token"]: row["name"] for row in found}
        return names

    async def tokens(self, org_id: str, tokens: Collection[str]) -> list[TokenRow]:
        rows = await self._database.fetch(
            "read tokens",
            f"SELECT {_ROW} FROM vault_token WHERE org_id = $1 AND token = ANY($2::text[])",
            *(org_id, list(tokens)),
        )
        return [_row(one) for one in rows]

    async def older_tokens(self, org_id: str, version: int, after: str, limit: int) -> list[TokenRow]:
        rows = await self._database.fetch(
            "read tokens under an older key",
            f"SELECT {_ROW} FROM vault_token WHERE org_id = $1 AND subject = '' AND org_version < $2 "
            'AND token > $3 COLLATE "C" ORDER BY token COLLATE "C" LIMIT $4',
            *(org_id, version, after, limit),
        )
        return [_row(one) for one in rows]

    async def reseal_tokens(self, org_id: str, rows: Sequence[TokenRow]) -> int:
        changed = await self._database.fetch(
            "seal tokens again",
            "UPDATE vault_token AS old SET sealed = new.sealed, org_version = new.version "
            "FROM unnest($2::text[], $3::bytea[], $4::integer[]) AS new(token, sealed, version) "
            "WHERE old.org_id = $1 AND old.token = new.token RETURNING old.token",
            *(org_id, [one.token for one in rows], [one.sealed for one in rows], [one.org_version for one in rows]),
        )
        return len(changed)


def _row(row: asyncpg.Record) -> TokenRow:
    return TokenRow(row["token"], row["subject"], row["name"], row["sealed"], row["org_version"])
