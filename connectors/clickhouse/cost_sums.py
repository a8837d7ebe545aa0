"""Calls of models in a time, added up by node and route: what a decomposition of cost is made from."""

from dataclasses import dataclass
from typing import Any

from connectors.clickhouse.client import ClickHouse, Parameters
from connectors.clickhouse.traces import IN_SCOPE, SpanScope

#: A node's id is what a step's begins with. Sums of products need 128 bits: a million calls of a cent each, squared.
_CALLS = """
SELECT node, route, countIf(paid) AS paid_calls, countIf(cached) AS cached_calls,
       sumIf(i, paid), sumIf(o, paid), sumIf(c, paid), sumIf(i * i, paid), sumIf(i * o, paid), sumIf(o * o, paid),
       sumIf(i * c, paid), sumIf(o * c, paid)
FROM (
    SELECT extract(step_id, '^[^\\\\[/~]+') AS node, concat(provider, '/', model) AS route,
           type = 'cache' AS cached, type != 'cache' AND cost_nano > 0 AS paid,
           toInt128(input_tokens) AS i, toInt128(output_tokens) AS o, toInt128(cost_nano) AS c
    FROM trace_spans FINAL
    WHERE {within}
)
WHERE paid OR cached
GROUP BY node, route
"""
_STEPS = """
SELECT extract(step_id, '^[^\\\\[/~]+') AS node, uniqExact(run_id, step_id)
FROM trace_spans FINAL
WHERE {within} AND (type = 'cache' OR cost_nano > 0)
GROUP BY node
"""
_WITHIN = f"""org_id = {{org:String}} AND workflow_name = {{workflow:String}}
  AND type IN ('llm_call', 'embedding', 'cache')
  AND started_at >= fromUnixTimestamp64Milli({{since:Int64}}) AND started_at < fromUnixTimestamp64Milli({{until:Int64}})
  AND {IN_SCOPE}"""


@dataclass(frozen=True, slots=True)
class CallSums:
    """Calls of one node by one route; sums of products of input tokens, output tokens and cost over paid calls."""

    node: str
    route: str
    paid: int
    cached: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    ii: int
    io: int
    oo: int
    ic: int
    oc: int


class CostSums:
    """Reads sums. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def of(
        self, org_id: str, workflow: str, since_ms: int, until_ms: int, scope: SpanScope
    ) -> tuple[list[CallSums], dict[str, int]]:
        """Return the calls of a workflow's runs that began in a time, and by node how many steps made some."""
        given: Parameters = {"org": org_id, "workflow": workflow, "since": since_ms, "until": until_ms}
        given |= scope.parameters
        calls = await self._clickhouse.query(_CALLS.replace("{within}", _WITHIN), given)
        steps = await self._clickhouse.query(_STEPS.replace("{within}", _WITHIN), given)
        return [_sums(*row) for row in calls], {str(row[0]): _whole(row[1]) for row in steps}


def _sums(node: Any, route: Any, *counts: Any) -> CallSums:
    return CallSums(str(node), str(route), *map(_whole, counts))


def _whole(count: Any) -> int:
    return int(count)
