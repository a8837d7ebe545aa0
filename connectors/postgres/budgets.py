"""Definitions of budgets. Spent and held amounts are in Redis."""

import secrets
from dataclasses import dataclass

import asyncpg

from connectors.postgres.database import Database, epoch_ms
from connectors.postgres.outbox import enqueue
from schemas.budgets import Budget, Period, Scope
from schemas.errors import Conflict, NotFound

_COLUMNS = f"id, org_id, name, scope, target, period, limit_nano, {epoch_ms('created_at')} AS created_ms"


@dataclass(frozen=True)
class StoredBudget:
    """A budget and its time of creation."""

    budget: Budget
    created_ms: int


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
                await enqueue(conn, "budget", org_id, stored.budget.id, stored.budget.model_dump(mode="json"))
                return stored, True
            row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 AND name = $2", org_id, name)
        if row is None or (row["scope"], row["target"], row["period"], row["limit_nano"]) != wanted:
            raise Conflict(f"a budget named {name!r} exists with another scope, period or limit; give another name")
        return _budget(row), False

    async def get(self, org_id: str, budget_id: str) -> StoredBudget:
        """Return one budget. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a budget", f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 AND id = $2", org_id, budget_id
        )
        if row is None:
            raise NotFound(f"there is no budget {budget_id}; see GET /api/v1/budgets")
        return _budget(row)

    async def all(self, org_id: str) -> list[StoredBudget]:
        """Return every budget, oldest first."""
        rows = await self._database.fetch(
            "list budgets", f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 ORDER BY created_at, id", org_id
        )
        return [_budget(row) for row in rows]


def _budget(row: asyncpg.Record) -> StoredBudget:
    return StoredBudget(Budget.model_validate(dict(row)), row["created_ms"])
