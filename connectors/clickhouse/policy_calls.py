"""Calls of a window as policies are replayed over them: settlements as the ledger counts them, and free calls."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.records.base import USAGE_KINDS

#: What a call's row has of its settlement: of the actual one, where it has come.
_SETTLED = (
    *("kind", "step_id", "workflow_name", "provider", "model", "node_id", "prompt_name", "tags", "price_version"),
    *("priced_as", "cost_source", "amount_nano"),
)
_HASH = "if(p.request = '', 0, sipHash64(p.request))"
_SCORES = """
    SELECT run_id, step_id, avg(score) AS score, count() AS scores FROM route_outcomes FINAL
    WHERE org_id = {org:String} AND kind = 'score' AND at >= fromUnixTimestamp64Milli({wide_from:Int64})
    GROUP BY run_id, step_id
"""
#: A call is made within an hour of its hold; a day to each side costs little and misses none.
_MADE = """
    p.org_id = {org:String} AND p.started_at >= fromUnixTimestamp64Milli({wide_from:Int64})
    AND p.started_at < fromUnixTimestamp64Milli({wide_to:Int64})
"""
_BOOKED = f"""
SELECT e.run_id AS run_id, e.call_id AS call_id,
       {", ".join(f"argMax(e.{name}, e.kind = 'actual') AS s_{name}" for name in (*_SETTLED, *USAGE_KINDS))},
       argMin(e.booked_at, e._offset) AS s_booked_at
FROM cost_events AS e FINAL
WHERE e.org_id = {{org:String}} AND NOT startsWith(e.call_id, 'hour/') AND e.calls > 0
  AND e.booked_at >= fromUnixTimestamp64Milli({{wide_from:Int64}})
  AND e.booked_at < fromUnixTimestamp64Milli({{wide_to:Int64}})
GROUP BY e.run_id, e.call_id
"""
_LEDGER = f"""
SELECT s.call_id, s.run_id, toUnixTimestamp64Milli(s.s_booked_at) AS at_ms, s.s_step_id, s.s_workflow_name, s.s_node_id,
       s.s_prompt_name, s.s_provider, s.s_model, s.s_amount_nano, s.s_price_version, s.s_priced_as,
       s.s_kind = 'actual' AND s.s_cost_source != 'provider' AS computed, p.cached, p.saved_nano, p.request,
       p.latency_ms, if(q.scores > 0, q.score, NULL) AS score, s.s_tags, p.labels,
       {", ".join(f"s.s_{kind}" for kind in USAGE_KINDS)}
FROM ({_BOOKED}) AS s
LEFT JOIN (
    SELECT p.run_id AS run_id, p.call_id AS call_id, p.cached AS cached, p.saved_nano AS saved_nano, {_HASH} AS request,
           p.latency_ms AS latency_ms, p.labels AS labels
    FROM provider_calls AS p FINAL WHERE {_MADE}
) AS p ON p.run_id = s.run_id AND p.call_id = s.call_id
LEFT JOIN ({_SCORES}) AS q ON q.run_id = s.run_id AND q.step_id = s.s_step_id
WHERE at_ms >= {{from:Int64}} AND at_ms < {{to:Int64}}
  AND (empty({{workflow:String}}) OR s.s_workflow_name = {{workflow:String}})
ORDER BY at_ms DESC, s.call_id DESC LIMIT {{limit:UInt32}}
"""
#: Calls that cost nothing have no settlement: those of free models, and cached answers.
_FREE = f"""
SELECT p.call_id, p.run_id, toUnixTimestamp64Milli(p.started_at) AS at_ms, p.step_id, p.workflow_name, '', '',
       p.provider, p.model, p.cost_nano, p.price_version, p.priced_as, true, p.cached, p.saved_nano, {_HASH},
       p.latency_ms, if(q.scores > 0, q.score, NULL), map(), p.labels, {", ".join(f"p.{kind}" for kind in USAGE_KINDS)}
FROM provider_calls AS p FINAL
LEFT JOIN ({_SCORES}) AS q ON q.run_id = p.run_id AND q.step_id = p.step_id
WHERE {_MADE} AND p.outcome = 'ok' AND at_ms >= {{from:Int64}} AND at_ms < {{to:Int64}}
  AND (empty({{workflow:String}}) OR p.workflow_name = {{workflow:String}})
  AND (p.run_id, p.call_id) NOT IN (
    SELECT run_id, call_id FROM cost_events WHERE org_id = {{org:String}}
      AND booked_at >= fromUnixTimestamp64Milli({{wide_from:Int64}})
      AND booked_at < fromUnixTimestamp64Milli({{wide_to:Int64}})
  )
ORDER BY at_ms DESC, p.call_id DESC LIMIT {{limit:UInt32}}
"""
_DAY_MS = 86_400_000


class CallRow(Struct, frozen=True):
    """A call: its settlement with what is known of the request. Money is nano-dollars. ``usage`` is by ``USAGE_KINDS``.

    ``computed``: the amount is an actual one, by prices. ``request`` is a hash, 0 where it was not captured. ``labels``
    is ``CallLabels`` as JSON, empty for a call without.
    """

    call_id: str
    run_id: str
    at_ms: int
    step_id: str
    workflow: str
    node: str
    prompt: str
    provider: str
    model: str
    amount_nano: int
    price_version: str
    priced_as: str
    computed: bool
    cached: bool
    saved_nano: int
    request: int
    latency_ms: float
    score: float | None
    tags: dict[str, str]
    labels: str
    usage: tuple[int, ...]


class PolicyCalls:
    """Reads calls. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def rows(self, org_id: str, from_ms: int, to_ms: int, workflow: str, limit: int) -> list[CallRow]:
        """Return the newest calls whose holds are in [from_ms, to_ms), oldest first."""
        given: Parameters = {
            "org": org_id,
            "from": from_ms,
            "to": to_ms,
            "wide_from": max(0, from_ms - _DAY_MS),
            "wide_to": to_ms + _DAY_MS,
            "workflow": workflow,
            "limit": limit,
        }
        found = [_row(row) for query in (_LEDGER, _FREE) for row in await self._clickhouse.query(query, given)]
        found.sort(key=lambda row: (row.at_ms, row.call_id))
        return found[-limit:]


def _row(row: Sequence[Any]) -> CallRow:
    fields = len(CallRow.__struct_fields__) - 1
    named = dict(zip(CallRow.__struct_fields__, (*row[:fields], tuple(map(int, row[fields:]))), strict=True))
    return CallRow(**named | {name: bool(named[name]) for name in ("computed", "cached")})
