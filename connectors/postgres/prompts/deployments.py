"""Deployments of prompts: at most one runs for each environment of a prompt.

A row and the record of its start are written in one transaction, as is what somebody decides by hand: so each record
reaches ``deployment-outcomes``, however often a process dies, and repeats change nothing there.
"""

from typing import Any

import asyncpg
import msgspec

from connectors.postgres.database import Database, epoch_ms, returned
from connectors.postgres.outbox import say
from connectors.postgres.page_cursor import AFTER, MICROS, read_cursor, write_cursor
from connectors.postgres.prompts.rows import lock_prompt
from schemas.errors import Conflict
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentOverridden, DeploymentStepped
from schemas.rollouts.deployment import Deployment, DeploymentFilter, NewDeployment, one_runs, unknown
from schemas.rollouts.plan import Plan
from topics.catalogue import DEPLOYMENT_OUTCOMES

_COLUMNS = (
    "id, org_id, prompt, environment, project, plan, entity, stable_version, canary_version, status, step, number, "
    "decision, message, problem, started_by, "
    f"{epoch_ms('created_at')} AS started_ms, {epoch_ms('ended_at')} AS ended_ms"
)


class PromptDeployments:
    """The deployments of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, new: NewDeployment) -> Deployment:
        """Store a deployment and say that it begins; a repeat with its id returns what is stored.

        Raises ``Conflict`` while another one runs in the environment.
        """
        async with self._database.transaction("start a deployment") as conn:
            await lock_prompt(conn, new.org_id, new.prompt)
            query = f"SELECT {_COLUMNS} FROM deployment WHERE org_id = $1 AND "
            same = await conn.fetchrow(f"{query} id = $2", new.org_id, new.id)
            if same is not None:
                return _deployment(same)
            other = await conn.fetchrow(
                f"{query} prompt = $2 AND environment = $3 AND status = 'running'",
                *(new.org_id, new.prompt, new.environment),
            )
            if other is not None:
                raise Conflict(one_runs(_deployment(other)))
            row = await conn.fetchrow(
                "INSERT INTO deployment (id, org_id, prompt, environment, project, plan, entity, stable_version, "
                "canary_version, message, started_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
                f"RETURNING {_COLUMNS}",
                *(new.id, new.org_id, new.prompt, new.environment, new.project, msgspec.to_builtins(new.plan)),
                *(new.entity, new.stable_version, new.canary_version, new.message, new.started_by),
            )
            await say(conn, DEPLOYMENT_OUTCOMES, new.rollout, new.start())
        return _deployment(returned(row, "start a deployment"))

    async def get(self, org_id: str, deployment_id: str) -> Deployment:
        """Return a deployment. Raises ``NotFound``."""
        row = await self._database.fetchrow(
            "read a deployment",
            f"SELECT {_COLUMNS} FROM deployment WHERE org_id = $1 AND id = $2",
            *(org_id, deployment_id),
        )
        if row is None:
            raise unknown(deployment_id)
        return _deployment(row)

    async def page(self, org_id: str, wanted: DeploymentFilter) -> tuple[list[Deployment], str | None]:
        """Return deployments, the newest first, and the cursor of the next page.

        Raises ``InvalidInput`` for a bad cursor.
        """
        limit, after = wanted.limit, (None, None) if wanted.cursor is None else read_cursor(wanted.cursor)
        rows = await self._database.fetch(
            "list deployments",
            f"SELECT {_COLUMNS}, {MICROS} AS created_us FROM deployment WHERE org_id = $1 "
            "AND ($2::text IS NULL OR prompt = $2) AND ($3::text IS NULL OR environment = $3) "
            "AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR project IS NULL OR project = $5) "
            f"AND ($6::text[] IS NULL OR prompt LIKE ANY($6)) AND ($7::bigint IS NULL OR {AFTER.format('$7', '$8')}) "
            "ORDER BY created_at DESC, id DESC LIMIT $9",
            *(org_id, wanted.prompt, wanted.environment, wanted.status, wanted.project, wanted.prompts_like),
            *(*after, limit + 1),
        )
        page = [_deployment(row) for row in rows[:limit]]
        more = write_cursor(rows[limit - 1]["created_us"], page[-1].id) if len(rows) > limit else None
        return page, more

    async def running(self, org_id: str | None = None) -> list[Deployment]:
        """Return the deployments of an organisation that run, of every one without it; the oldest first."""
        rows = await self._database.fetch(
            "list running deployments",
            f"SELECT {_COLUMNS} FROM deployment WHERE status = 'running' AND ($1::text IS NULL OR org_id = $1) "
            "ORDER BY created_at, id",
            org_id,
        )
        return [_deployment(row) for row in rows]

    async def say(self, record: DeploymentOverridden | DeploymentStepped) -> None:
        """Let the fold know what somebody decides by hand. Raises ``NotFound`` for a deployment of others."""
        async with self._database.transaction("say what is decided by hand") as conn:
            if not await conn.fetchval(
                "SELECT true FROM deployment WHERE org_id = $1 AND id = $2", record.org_id, record.deployment_id
            ):
                raise unknown(record.deployment_id)
            await say(conn, DEPLOYMENT_OUTCOMES, record.rollout, record)

    async def record(self, decided: DeploymentDecided, problem: str = "") -> bool:
        """Store a decision; return false for one that is not newer than the stored one, or of no deployment."""
        row = await self._database.fetchrow(
            "store a decision",
            "UPDATE deployment SET decision = $3, number = $4, status = $5, step = $6, problem = $7, "
            "ended_at = CASE WHEN $5 <> 'running' THEN coalesce(ended_at, to_timestamp($8::double precision / 1000)) "
            "END WHERE org_id = $1 AND id = $2 AND number < $4 RETURNING id",
            *(decided.org_id, decided.deployment_id, msgspec.to_builtins(decided), decided.number, decided.status),
            *(decided.step, problem, decided.at_ms),
        )
        return row is not None


def _deployment(row: asyncpg.Record) -> Deployment:
    fields: dict[str, Any] = {name: value for name, value in row.items() if name != "created_us"}
    fields["plan"] = msgspec.convert(fields["plan"], Plan)
    if fields["decision"] is not None:
        fields["decision"] = msgspec.convert(fields["decision"], DeploymentDecided)
    return Deployment(**fields)
