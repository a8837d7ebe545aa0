"""Decisions of learned routes with what they led to, as rows of ``route_outcomes``."""

from typing import Any

from msgspec import Struct, convert

from connectors.clickhouse.client import ClickHouse
from schemas.spec.policy import Tier

MOST_DECISIONS = 20_000

#: The first outcome of a decision and its last score count. A fallback was no decision of chance.
_DECISIONS = """
SELECT argMinIf(route, _offset, kind = 'outcome') AS route,
       argMinIf(propensity, _offset, kind = 'outcome') AS propensity,
       argMinIf(shares, _offset, kind = 'outcome') AS shares,
       argMinIf(terms, _offset, kind = 'outcome') AS terms,
       if(countIf(kind = 'score') > 0, argMaxIf(score, _offset, kind = 'score'),
          argMinIf(score, _offset, kind = 'outcome')) AS score,
       argMinIf(cost_nano, _offset, kind = 'outcome') AS cost_nano,
       argMinIf(latency_ms, _offset, kind = 'outcome') AS latency_ms,
       argMinIf(sla_ms, _offset, kind = 'outcome') AS sla_ms,
       countIf(kind = 'score') > 0 AS scored
FROM route_outcomes
WHERE org_id = {org:String} AND prompt = {prompt:String} AND tier = {tier:String} AND NOT fallback
GROUP BY decision_id
HAVING countIf(kind = 'outcome') > 0 AND minIf(at, kind = 'outcome') >= fromUnixTimestamp64Milli({since:Int64})
ORDER BY minIf(at, kind = 'outcome') DESC
LIMIT {limit:UInt32}
"""


class Selection(Struct, frozen=True, kw_only=True):
    """The decisions that are looked at: the newest ``limit`` ones of an arm group since a time."""

    org_id: str
    prompt: str
    tier: Tier
    since_ms: int
    limit: int = MOST_DECISIONS


class Decision(Struct, frozen=True, kw_only=True):
    """One decision: its route, the probability of each candidate and the parts of its score, and what it led to."""

    route: str
    propensity: float
    shares: dict[str, float]
    terms: dict[str, list[float]]
    score: float
    cost_nano: int
    latency_ms: float
    sla_ms: int
    scored: bool


class RouteLog:
    """Reads decisions. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def decisions(self, wanted: Selection) -> list[Decision]:
        """Return the newest decisions of an arm group."""
        parameters: dict[str, Any] = {
            "org": wanted.org_id,
            "prompt": wanted.prompt,
            "tier": wanted.tier,
            "since": wanted.since_ms,
            "limit": wanted.limit,
        }
        rows = await self._clickhouse.query(_DECISIONS, parameters)
        return [
            convert(dict(zip(Decision.__struct_fields__, row, strict=True)), Decision, strict=False) for row in rows
        ]
