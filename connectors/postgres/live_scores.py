"""Scores of live answers: runs that are due, and what their answers were worth.

1. lease     runs that are due; others leave them alone for a while
2. add       scores; an answer that has some keeps them
3. settle    a run: it is due no more

A process that dies between two steps leaves a run due, and its answers keep the scores of the first who scored them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.postgres.cells.places import HERE
from connectors.postgres.database import Database, epoch_ms

_COLUMNS = "prompt, version, project, call, run_id, step_id, attempt, scorer, weight, score, note"


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run whose answers are to be looked at."""

    org_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveScore:
    """One scorer's score of one answer, ``None`` if it failed; ``call`` is the id of the attempt that gave it."""

    prompt: str
    version: int
    project: str | None = None
    call: str
    run_id: str
    step_id: str
    attempt: int
    scorer: str
    weight: float
    score: float | None
    note: str = ""
    scored_ms: int = 0


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """Scores of one version by one scorer: their mean, how many there are, and how often the scorer failed."""

    version: int
    scorer: str
    mean: float | None
    scored: int
    failed: int


class LiveScores:
    """The live scores of all organisations. All methods raise ``Unavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, lease_s: float, limit: int) -> list[DueRun]:
        """Return runs that are due, the oldest first, and let nobody else have them for ``lease_s``."""
        rows = await self._database.fetch(
            "lease runs for live scores",
            "UPDATE live_score_due d SET due_at = now() + $1::double precision * interval '1 second' "
            "FROM (SELECT org_id, run_id FROM live_score_due WHERE due_at <= now() "
            f"AND {HERE.format('live_score_due.org_id')} ORDER BY due_at LIMIT $2 "
            "FOR UPDATE SKIP LOCKED) AS found "
            "WHERE d.org_id = found.org_id AND d.run_id = found.run_id RETURNING d.org_id, d.run_id",
            *(lease_s, limit),
        )
        return [DueRun(**row) for row in rows]

    async def add(self, org_id: str, scores: Sequence[LiveScore]) -> None:
        """Store scores. One that is there stays as it is."""
        async with self._database.transaction("store live scores") as conn:
            await conn.executemany(
                f"INSERT INTO live_score (org_id, {_COLUMNS}) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
                [_row(org_id, one) for one in sorted(scores, key=lambda one: (one.call, one.scorer))],
            )

    async def of_run(self, org_id: str, run_id: str) -> list[LiveScore]:
        """Return the scores of a run's answers, by call and scorer."""
        rows = await self._database.fetch(
            "read live scores of a run",
            f"SELECT {_COLUMNS}, {epoch_ms('scored_at')} AS scored_ms FROM live_score "
            "WHERE org_id = $1 AND run_id = $2 ORDER BY call, scorer",
            *(org_id, run_id),
        )
        return [LiveScore(**row) for row in rows]

    async def settle(self, due: DueRun) -> None:
        """Let a run be due no more."""
        await self._database.fetchrow(
            "settle a run's live scores",
            "DELETE FROM live_score_due WHERE org_id = $1 AND run_id = $2",
            *(due.org_id, due.run_id),
        )

    async def summary(self, org_id: str, prompt: str, since_ms: int, project: str | None = None) -> list[ScoreLine]:
        """Return the scores of a prompt's answers that were scored since then, the newest version first.

        With ``project`` only those of its runs count.
        """
        rows = await self._database.fetch(
            "summarise live scores",
            "SELECT version, scorer, avg(score) AS mean, count(score) AS scored, count(*) - count(score) AS failed "
            "FROM live_score WHERE org_id = $1 AND prompt = $2 "
            "AND scored_at >= to_timestamp($3::double precision / 1000) AND ($4::text IS NULL OR project = $4) "
            "GROUP BY version, scorer ORDER BY version DESC, scorer",
            *(org_id, prompt, since_ms, project),
        )
        return [ScoreLine(**row) for row in rows]


def _row(org_id: str, one: LiveScore) -> tuple[object, ...]:
    return (
        *(org_id, one.prompt, one.version, one.project, one.call, one.run_id, one.step_id, one.attempt),
        *(one.scorer, one.weight, one.score, one.note.replace("\0", "\ufffd")),
    )
