"""Which models an organisation's calls used since a time, with what they cost and used in all."""

from msgspec import Struct

from connectors.clickhouse.client import ClickHouse, Parameters
from schemas.records.base import USAGE_KINDS, Usage

#: Models that are read at most, those of the highest cost.
MAX_MODELS = 500
_USED = f"""
SELECT provider, model, sumIf(s.calls, s.amount_nano > 0) AS calls, sum(s.amount_nano) AS amount_nano,
       {", ".join(f"sum(s.{kind}) AS {kind}" for kind in USAGE_KINDS)}
FROM settled_costs AS s
WHERE org_id = {{org:String}} AND s.booked_at >= fromUnixTimestamp64Milli({{since:Int64}})
GROUP BY provider, model
ORDER BY amount_nano DESC, provider, model
LIMIT {MAX_MODELS}
"""


class ModelUse(Struct, frozen=True, kw_only=True):
    """What the calls of a model used together. Money is nano-dollars."""

    provider: str
    model: str
    calls: int
    amount_nano: int
    usage: Usage


class ModelsUsed:
    """Reads which models are used. Raises ``Unavailable``."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def since(self, org_id: str, since_ms: int) -> list[ModelUse]:
        """Return the models of an organisation's calls since a time, the dearest first."""
        given: Parameters = {"org": org_id, "since": since_ms}
        rows = await self._clickhouse.query(_USED, given)
        return [
            ModelUse(
                provider=str(provider),
                model=str(model),
                calls=int(str(calls)),
                amount_nano=int(str(amount)),
                usage=Usage(**{kind: int(str(count)) for kind, count in zip(USAGE_KINDS, counts, strict=True)}),
            )
            for provider, model, calls, amount, *counts in rows
        ]
