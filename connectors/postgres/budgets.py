"""Definitions of budgets. Spent and held amounts are in Redis."""

import secrets
from dataclasses import dataclass
from typing import TypedDict

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue, withdraw
from schemas.budgets import Budget, Period, Scope
from schemas.errors import Conflict, NotFound

_COLUMNS = (
    "id, org_id, name, scope, target, period, limit_nano, paused, version, "
    f"{epoch_ms('created_at')} AS created_ms, {epoch_ms('updated_at')} AS updated_ms"
)


@dataclass(frozen=True)
class StoredBudget:
    """A budget, its times, and its version, which each change raises by one."""

    budget: Budget
    version: int
    created_ms: int
    updated_ms: int


class Changes(TypedDict, total=False):
    """Fields of a budget that may change; those that are absent stay."""

    name: str
    limit_nano: int
    paused: bool


class Budgets:
    """The budgets of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, org_id: str, name: str, scope: Scope, target: str | None, period: Period, limit_nano: int
    ) -> tuple[StoredBudget, bool]:
        """Store a budget; return it, and true if it is new.

        The same budget is found again. Raises ``Conflict`` when the name belongs to another budget.
        """
        wanted = (scope, target, period, limit_nano)
        async with self._database.transaction("store a budget") as conn:
            row = await conn.fetchrow(
                "INSERT INTO budget (id, org_id, name, scope, target, period, limit_nano) "
                f"VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org_id, name) DO NOTHING RETURNING {_COLUMNS}",
                *(f"bud_{secrets.token_hex(8)}", org_id, name, *wanted),
            )
            if row is not None:
                stored = _budget(row)
                await enqueue(conn, "budget", org_id, stored.budget.id, stored.budget.body())
                return stored, True
            row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 AND name = $2", org_id, name)
        if row is None or (row["scope"], row["target"], row["period"], row["limit_nano"]) != wanted:
            raise Conflict(
                f"a budget named {name!r} exists with another scope, period or limit: change it with PATCH, "
                "or give another name"
            )
        return _budget(row), False

    async def get(self, org_id: str, budget_id: str) -> StoredBudget:
        """Return one budget. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a budget", f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 AND id = $2", org_id, budget_id
        )
        return _budget(_there(row, budget_id))

    async def all(self, org_id: str) -> list[StoredBudget]:
        """Return every budget, oldest first."""
        rows = await self._database.fetch(
            "list budgets", f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 ORDER BY created_at, id", org_id
        )
        return [_budget(row) for row in rows]

    async def change(
        self, org_id: str, budget_id: str, changes: Changes, version: int | None = None
    ) -> tuple[StoredBudget, bool]:
        """Change fields of a budget; return it, and true if anything is different now.

        Raises ``NotFound``; ``Conflict`` when ``version`` is given and is not the stored one, and when another budget
        has the name.
        """
        async with self._database.transaction("change a budget") as conn:
            before = await _locked(conn, org_id, budget_id)
            if version is not None and version != before.version:
                raise Conflict(
                    f"budget {budget_id} is at version {before.version}, not {version}: somebody changed it; "
                    "read it again and repeat the change"
                )
            new = before.budget.model_copy(update=dict(changes))
            if new == before.budget:
                return before, False
            after = await _written(conn, new, before.version + 1)
            await enqueue(conn, "budget", org_id, budget_id, new.body(), after.version)
        return after, True

    async def delete(self, org_id: str, budget_id: str) -> None:
        """Delete a budget. Raises ``NotFound``."""
        async with self._database.transaction("delete a budget") as conn:
            before = await _locked(conn, org_id, budget_id)
            await conn.execute("DELETE FROM budget WHERE org_id = $1 AND id = $2", org_id, budget_id)
            await withdraw(conn, "budget", org_id, budget_id, before.version + 1)


async def _locked(conn: Connection, org_id: str, budget_id: str) -> StoredBudget:
    """Return a budget that nobody else changes until the transaction ends. Raises ``NotFound``."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 AND id = $2 FOR UPDATE", org_id, budget_id
    )
    return _budget(_there(row, budget_id))


async def _written(conn: Connection, new: Budget, version: int) -> StoredBudget:
    """Write what may change of a budget. Raises ``Conflict`` when another one has the name."""
    try:
        row = await conn.fetchrow(
            "UPDATE budget SET name = $3, limit_nano = $4, paused = $5, version = $6, updated_at = now() "
            f"WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
            *(new.org_id, new.id, new.name, new.limit_nano, new.paused, version),
        )
    except asyncpg.UniqueViolationError as exc:
        raise Conflict(f"a budget named {new.name!r} exists; give another name") from exc
    return _budget(returned(row, "change a budget"))


def _there(row: asyncpg.Record | None, budget_id: str) -> asyncpg.Record:
    if row is None:
        raise NotFound(f"there is no budget {budget_id}; see GET /api/v1/budgets")
    return row


def _budget(row: asyncpg.Record) -> StoredBudget:
    budget = Budget.model_validate(dict(row))
    return StoredBudget(budget, row["version"], row["created_ms"], row["updated_ms"])
