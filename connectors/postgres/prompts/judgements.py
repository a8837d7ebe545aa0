"""Answers that were given to a live judge, and what that may cost.

1. hold     the most that the judge's run may cost; none where the day's budget has no room for it
2. end      the judge's run: its cost counts from then on

A process that dies after 1 finds the row again, and submits the same run: its id follows from the answer.
"""

from dataclasses import asdict, dataclass

import asyncpg

from connectors.postgres.database import Database

_COLUMNS = "prompt, version, project, call, run_id, step_id, attempt, scorer, weight, judge_run_id, nano"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One answer and the run that judges it. ``nano`` is what that run may cost, in nano-dollars, or has cost."""

    prompt: str
    version: int
    project: str | None
    call: str
    run_id: str
    step_id: str
    attempt: int
    scorer: str
    weight: float
    judge_run_id: str
    nano: int
    has_ended: bool = False


class Judgements:
    """The judgements of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, org_id: str, one: Judgement, day_nano: int) -> Judgement | None:
        """Return the judgement of an answer, made now if it is new; ``None`` where 24 hours have no room for it."""
        async with self._database.transaction("hold money for a judge") as conn:
            await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"judge:{org_id}:{one.prompt}")
            known = await conn.fetchrow(
                f"SELECT {_COLUMNS}, ended_at IS NOT NULL AS has_ended FROM live_judgement "
                "WHERE org_id = $1 AND call = $2 AND scorer = $3",
                *(org_id, one.call, one.scorer),
            )
            if known is not None:
                return _judgement(known)
            spent = await conn.fetchval(_SPENT, org_id, one.prompt)
            if spent + one.nano > day_nano:
                return None
            values = asdict(one)
            names = _COLUMNS.split(", ")
            await conn.execute(
                f"INSERT INTO live_judgement (org_id, {_COLUMNS}) VALUES ($1, "
                + ", ".join(f"${at}" for at in range(2, len(names) + 2))
                + ")",
                *(org_id, *(values[name] for name in names)),
            )
        return one

    async def of_judge(self, org_id: str, judge_run_id: str) -> Judgement | None:
        """Return what a run judges, ``None`` where it judges nothing."""
        row = await self._database.fetchrow(
            "read what a run judges",
            f"SELECT {_COLUMNS}, ended_at IS NOT NULL AS has_ended FROM live_judgement "
            "WHERE org_id = $1 AND judge_run_id = $2",
            *(org_id, judge_run_id),
        )
        return None if row is None else _judgement(row)

    async def end(self, org_id: str, one: Judgement, cost_nano: int) -> None:
        """Note that a judge's run has ended, and what it has cost. The first end stays."""
        await self._database.fetchrow(
            "end a judgement",
            "UPDATE live_judgement SET ended_at = now(), nano = $4 "
            "WHERE org_id = $1 AND call = $2 AND scorer = $3 AND ended_at IS NULL RETURNING call",
            *(org_id, one.call, one.scorer, cost_nano),
        )

    async def waiting(self, org_id: str, run_id: str) -> frozenset[str]:
        """Return the answers of a run, by call, that a judge still has."""
        rows = await self._database.fetch(
            "read open judgements",
            "SELECT call FROM live_judgement WHERE org_id = $1 AND run_id = $2 AND ended_at IS NULL",
            *(org_id, run_id),
        )
        return frozenset(row["call"] for row in rows)

    async def spent(self, org_id: str, prompt: str) -> int:
        """Return what the judge of a prompt has spent in 24 hours, with what is held for runs that are open."""
        row = await self._database.fetchrow("read what a judge has spent", f"{_SPENT} AS nano", org_id, prompt)
        return 0 if row is None else int(row["nano"])


_SPENT = (
    "SELECT (SELECT coalesce(sum(nano), 0)::bigint FROM live_judgement "
    "WHERE org_id = $1 AND prompt = $2 AND asked_at > now() - interval '1 day')"
)


def _judgement(row: asyncpg.Record) -> Judgement:
    return Judgement(**dict(row.items()))
