"""Points of series of scores: sums by minute, hour or day, of deduplicated rows."""

from dataclasses import dataclass
from typing import Literal

from connectors.clickhouse.client import ClickHouse

Every = Literal["minute", "hour", "day"]
By = Literal["version", "workflow", "model"]
_COLUMN: dict[By, str] = {"version": "toString(version)", "workflow": "workflow_name", "model": "model"}


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """Scores of one scorer in one part of time: their number, mean and standard deviation."""

    at_ms: int
    scorer: str
    value: str
    scores: int
    mean: float
    deviation: float


class ScorePoints:
    """Reads points. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def of(self, org_id: str, prompt: str, by: By, every: Every, since_ms: int, limit: int) -> list[ScorePoint]:
        """Return the newest ``limit`` points since a time, the oldest first."""
        rows = await self._clickhouse.query(
            f"SELECT toUnixTimestamp({every}) * 1000 AS at, scorer, {_COLUMN[by]} AS value, sum(scores) AS n, "
            f"sum(total) AS s, sum(squares) AS q FROM scores_by_{every} "
            f"WHERE org_id = {{org:String}} AND prompt = {{prompt:String}} "
            f"AND {every} >= fromUnixTimestamp64Milli({{since:Int64}}) GROUP BY at, scorer, value "
            f"ORDER BY at DESC, scorer, value LIMIT {{limit:UInt32}}",
            {"org": org_id, "prompt": prompt, "since": since_ms, "limit": limit},
        )
        return [
            _point(int(str(at)), str(scorer), str(value), int(str(n)), float(str(s)), float(str(q)))
            for at, scorer, value, n, s, q in reversed(rows)
        ]


def _point(at_ms: int, scorer: str, value: str, count: int, total: float, squares: float) -> ScorePoint:
    mean = total / count
    return ScorePoint(at_ms, scorer, value, count, mean, max(0.0, squares / count - mean * mean) ** 0.5)
