"""What calls were, for judgement of what they could have cost: the newest answered ones of an organisation."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.records.base import Usage

#: Calls that are read at most, the newest ones: of one node with one model, and in all. Each is a third of a kilobyte.
MAX_OF_EACH = 2_000
MAX_CALLS = 50_000
_KINDS = ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens")

#: The request is hashed where it is, as it can be as large as a prompt. A run's steps were submitted before its calls,
#: by 30 days at most: that is how long a run's history is kept.
_FACTS = f"""
WITH JSONExtractRaw(p.request, 'value', 'tools') || JSONExtractRaw(p.request, 'value', 'system') AS beginning
SELECT p.started_at, p.run_id, p.workflow_name, s.version, s.node, p.provider, p.model, p.cost_nano,
       if(p.request = '', 0, sipHash64(p.request)) AS request, p.cached, p.input_tokens, p.output_tokens,
       if(beginning = '', 0, sipHash64(beginning)) AS prefix,
       length(beginning) / greatest(length(beginning) + length(JSONExtractRaw(p.request, 'value', 'messages')), 1)
           AS prefix_share,
       {", ".join(f"p.{kind}" for kind in _KINDS)}
FROM provider_calls AS p FINAL
INNER JOIN (
    SELECT run_id, step_id, any(workflow_version) AS version, any(node_id) AS node
    FROM step_events
    WHERE org_id = {{org:String}} AND submitted_at >= fromUnixTimestamp64Milli({{from:Int64}}) - INTERVAL 30 DAY
      AND (empty({{workflow:String}}) OR workflow_name = {{workflow:String}})
    GROUP BY run_id, step_id
) AS s ON s.run_id = p.run_id AND s.step_id = p.step_id
WHERE p.org_id = {{org:String}} AND p.outcome = 'ok' AND p.started_at >= fromUnixTimestamp64Milli({{from:Int64}})
  AND (empty({{workflow:String}}) OR p.workflow_name = {{workflow:String}})
ORDER BY p.started_at DESC
LIMIT {MAX_OF_EACH} BY p.workflow_name, s.node, p.provider, p.model
LIMIT {MAX_CALLS}
"""


class CallFact(Struct, frozen=True, kw_only=True):
    """One answered call. Money is nano-dollars.

    ``request`` is a hash of what was asked, 0 where that was not captured. ``cached``: the answer came from the
    response cache, and nothing was paid. ``prefix`` is a hash of what a provider may keep of the request, its tools and
    its system text, and ``prefix_share`` its share of the request's bytes; 0 where there is none, or was not captured.
    """

    at_ms: int
    run_id: str
    workflow: str
    version: int
    node_id: str
    provider: str
    model: str
    usage: Usage
    cost_nano: int
    request: int = 0
    cached: bool = False
    prefix: int = 0
    prefix_share: float = 0.0


class CallFacts:
    """Reads facts. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def since(self, org_id: str, from_ms: int, workflow: str = "") -> list[CallFact]:
        """Return the answered calls of an organisation since a time, of all workflows or of one, newest first."""
        given: Parameters = {"org": org_id, "from": from_ms, "workflow": workflow}
        return [_fact(*row) for row in await self._clickhouse.query(_FACTS, given)]


def _fact(at: Any, run_id: Any, workflow: Any, version: Any, node: Any, *rest: Any) -> CallFact:
    provider, model, cost_nano, request, cached, input_tokens, output_tokens, prefix, prefix_share, *kinds = rest
    return CallFact(
        at_ms=_ms(at),
        run_id=run_id,
        workflow=workflow,
        version=version,
        node_id=node,
        provider=provider,
        model=model,
        usage=Usage(input_tokens=input_tokens, output_tokens=output_tokens, **dict(zip(_KINDS, kinds, strict=True))),
        cost_nano=cost_nano,
        request=request,
        cached=cached,
        prefix=prefix,
        prefix_share=prefix_share,
    )


def _ms(at: datetime) -> int:
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)
