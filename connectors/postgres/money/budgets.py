"""Definitions of budgets. Spent and held amounts are in Redis.

A definition goes to two topics, in the transaction that stores it: to ``cost-events``, so that its fold counts, and
then to ``definitions``, so that workers hold.
"""

import secrets
from dataclasses import dataclass
from typing import TypedDict

import asyncpg

from connectors.postgres.database import Connection, Database, epoch_ms, returned
from connectors.postgres.outbox import enqueue, say, withdraw
from schemas.budgets import Budget, Policy
from schemas.errors import Conflict, NotFound
from schemas.records.budgets import BudgetDefined, BudgetRemoved
from topics.catalogue import COST_EVENTS

_COLUMNS = (
    "id, org_id, name, scope, target, period, limit_nano, paused, timezone, week_start, sliding, on_exceeded, "
    "soft_limit_nano, thresholds, opened, version, "
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
    on_exceeded: Policy
    soft_limit_nano: int | None
    thresholds: tuple[int, ...]


class Budgets:
    """The budgets of all organisations; every method names one. All raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, wanted: Budget) -> tuple[StoredBudget, bool]:
        """Store a budget under an id of its own; return it, and true if it is new.

        The same budget is found again. Raises ``Conflict`` when the name belongs to another budget.
        """
        new = wanted.model_copy(update={"id": f"bud_{secrets.token_hex(8)}"})
        async with self._database.transaction("store a budget") as conn:
            row = await conn.fetchrow(
                f"INSERT INTO budget ({', '.join(_STORED)}, opened) VALUES ({_PLACES}, ${len(_STORED) + 1}) "
                f"ON CONFLICT (org_id, name) DO NOTHING RETURNING {_COLUMNS}",
                *(_cell(new, column) for column in _STORED),
                new.is_shared,
            )
            if row is not None:
                stored = _budget(row)
                await _announce(conn, stored)
                return stored, True
            row = await conn.fetchrow(
                f"SELECT {_COLUMNS} FROM budget WHERE org_id = $1 AND name = $2", new.org_id, new.name
            )
        found = None if row is None else _budget(row)
        if found is None or found.budget.model_copy(update={"id": new.id, "paused": new.paused}) != new:
            raise Conflict(
                f"a budget named {new.name!r} exists with another scope, period or limit: change it with PATCH, "
                "or give another name"
            )
        return found, False

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
            await _announce(conn, after)
        return after, True

    async def delete(self, org_id: str, budget_id: str) -> None:
        """Delete a budget. Raises ``NotFound``."""
        async with self._database.transaction("delete a budget") as conn:
            before = await _locked(conn, org_id, budget_id)
            await conn.execute("DELETE FROM budget WHERE org_id = $1 AND id = $2", org_id, budget_id)
            await say(conn, COST_EVENTS, org_id, BudgetRemoved(org_id=org_id, budget_id=budget_id))
            await withdraw(conn, "budget", org_id, budget_id, before.version + 1)

    async def active(self, most: int) -> list[Budget]:
        """Return budgets of all organisations that are not paused, the oldest first."""
        rows = await self._database.fetch(
            "list active budgets",
            f"SELECT {_COLUMNS} FROM budget WHERE NOT paused ORDER BY created_at, id LIMIT $1",
            most,
        )
        return [_budget(row).budget for row in rows]

    async def unopened(self) -> list[Budget]:
        """Return the budgets of all organisations whose past has not been asked of the ledger."""
        rows = await self._database.fetch(
            "list new budgets", f"SELECT {_COLUMNS} FROM budget WHERE NOT opened ORDER BY org_id, id"
        )
        return [_budget(row).budget for row in rows]

    async def mark_opened(self, budget_id: str) -> None:
        """Record that the past of a budget is counted."""
        await self._database.fetchrow("open a budget", "UPDATE budget SET opened = true WHERE id = $1", budget_id)


#: What is written of a budget, in the order of its columns.
_STORED = (
    *("id", "org_id", "name", "scope", "target", "period", "limit_nano", "paused", "timezone", "week_start", "sliding"),
    *("on_exceeded", "soft_limit_nano", "thresholds"),
)
_PLACES = ", ".join(f"${place}" for place in range(1, len(_STORED) + 1))


def _cell(budget: Budget, column: str) -> object:
    value = getattr(budget, column)
    return list(value) if isinstance(value, tuple) else value


async def _announce(conn: Connection, stored: StoredBudget) -> None:
    """Write what the fold of money and the workers must know of a budget, the fold's first."""
    budget = stored.budget
    await say(conn, COST_EVENTS, budget.org_id, _defined(budget, stored.version))
    await enqueue(conn, "budget", budget.org_id, budget.id, budget.body(), stored.version)


def _defined(budget: Budget, version: int) -> BudgetDefined:
    return BudgetDefined(
        org_id=budget.org_id,
        budget_id=budget.id,
        version=version,
        name=budget.name,
        scope=budget.scope,
        target=budget.target,
        period=budget.period,
        timezone=budget.timezone,
        week_start=budget.week_start,
        sliding=budget.sliding,
        limit_nano=budget.limit_nano,
        soft_limit_nano=budget.soft_limit_nano,
        on_exceeded=budget.on_exceeded,
        thresholds=list(budget.thresholds),
        paused=budget.paused,
    )


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
            "UPDATE budget SET name = $3, limit_nano = $4, paused = $5, version = $6, on_exceeded = $7, "
            "soft_limit_nano = $8, thresholds = $9, updated_at = now() "
            f"WHERE org_id = $1 AND id = $2 RETURNING {_COLUMNS}",
            *(new.org_id, new.id, new.name, new.limit_nano, new.paused, version),
            *(new.on_exceeded, new.soft_limit_nano, list(new.thresholds)),
        )
    except asyncpg.UniqueViolationError as exc:
        raise Conflict(f"a budget named {new.name!r} exists; give another name") from exc
    return _budget(returned(row, "change a budget"))


def unknown_budget(budget_id: str) -> NotFound:
    """Return the error for a budget that the organisation, or the caller, does not have."""
    return NotFound(f"there is no budget {budget_id}; see GET /api/v1/budgets")


def _there(row: asyncpg.Record | None, budget_id: str) -> asyncpg.Record:
    if row is None:
        raise unknown_budget(budget_id)
    return row


def _budget(row: asyncpg.Record) -> StoredBudget:
    budget = Budget.model_validate(dict(row))
    return StoredBudget(budget, row["version"], row["created_ms"], row["updated_ms"])
