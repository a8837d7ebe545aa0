"""What was spent of a budget, from the ledger: the settlements that analytics has written."""

from collections.abc import Mapping

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.budgets import API_KEY_TAG, PROJECT_TAG, USER_TAG, Budget, Scope

#: Each settled call once, at its actual cost or the estimate and at the time of its first settlement, as the fold does.
_SPENT = """
SELECT intDiv(booked_ms, {{bucket:Int64}}) AS slot, sum(amount) AS spent FROM (
    SELECT argMax(e.amount_nano, e.kind = 'actual') AS amount,
           toUnixTimestamp64Milli(argMin(e.booked_at, e._offset)) AS booked_ms
    FROM cost_events AS e FINAL
    WHERE e.org_id = {{org:String}} AND e._offset < {{before:Int64}} AND {scope}
      AND e.booked_at >= fromUnixTimestamp64Milli({{since:Int64}})
    GROUP BY e.run_id, e.call_id
) GROUP BY slot ORDER BY slot
"""
_TAG = "e.tags[{name:String}] = {target:String}"
_SCOPES: Mapping[Scope, str] = {
    "org": "1",
    "workflow": "e.workflow_name = {target:String}",
    "provider": "e.provider = {target:String}",
    "model": "e.model = {target:String}",
    "node": "concat(e.workflow_name, '/', e.node_id) = {target:String}",
    "prompt": "e.prompt_name = {target:String}",
    "project": _TAG,
    "user": _TAG,
    "api_key": _TAG,
    "tag": _TAG,
}
_TAGS: Mapping[Scope, str] = {"project": PROJECT_TAG, "user": USER_TAG, "api_key": API_KEY_TAG}
#: Before all that is read when nothing bounds it.
ALL = 2**62


class SpendLedger:
    """Reads what was spent. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def spent(self, budget: Budget, since_ms: int, bucket_ms: int, before_offset: int = ALL) -> dict[int, int]:
        """Return nano-dollars by the start of their bucket, of what was booked from ``since_ms`` on.

        Of the settlements on ``cost-events`` before an offset, which all were written.
        """
        name, target = _TAGS.get(budget.scope, ""), budget.target or ""
        if budget.scope == "tag":
            name, _, target = target.partition("=")
        parameters: Parameters = {
            "org": budget.org_id,
            "name": name,
            "target": target,
            "since": since_ms,
            "bucket": bucket_ms,
            "before": before_offset,
        }
        rows = await self._clickhouse.query(_SPENT.format(scope=_SCOPES[budget.scope]), parameters)
        return {int(str(slot)) * bucket_ms: int(str(spent)) for slot, spent in rows}
