"""Bills in the FinOps Open Cost and Usage Specification (FOCUS) 1.2, as CSV.

Every column that version 1.2 makes mandatory is there, with those of usage, SKU, sub-account and tags; columns whose
names begin with ``x_`` are ours. A row is the usage of one model by one workflow on one day, UTC. AgentFlow knows one
cost of a call, the one that budgets count, so billed, effective, contracted and list cost are the same. Null is an
empty cell.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import orjson

from connectors.clickhouse.bill_rows import BillRow, Dimension
from schemas.money import usd
from services.billing.csv_lines import text_cell
from services.billing.grouping import dimensions

VERSION = "1.2"
#: What every row is of; a bill may be split further, by tags above all.
ALWAYS = ("day", "provider", "model", "workflow", "project")
HEADER = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName"),
    *("ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SubAccountId", "SubAccountName"),
    *("SubAccountType", "Tags", "x_Workflow", "x_Calls", "x_PresumedCost"),
)


def focus_dimensions(names: Sequence[str]) -> tuple[Dimension, ...]:
    """Return the dimensions of a FOCUS table that is split by more names. Raises ``InvalidInput``."""
    return dimensions([*ALWAYS, *names])


class FocusRows:
    """Makes the rows of one organisation's table."""

    def __init__(self, org_id: str, by: Sequence[Dimension]) -> None:
        self._org_id = org_id
        self._more = [one.name.removeprefix("tag.") for one in by[len(ALWAYS) :]]

    def cells(self, row: BillRow) -> list[str]:
        """Return the cells of a group, in the order of ``HEADER``."""
        day, provider, model, workflow, project = row.values[: len(ALWAYS)]
        on = date.fromisoformat(day)
        month = on.replace(day=1)
        next_month = (month + timedelta(days=32)).replace(day=1)
        cost, tokens = usd(row.amount_nano), str(row.input_tokens + row.output_tokens)
        return [
            *(cost, self._org_id, "", "USD", _time(next_month), _time(month), "Usage", ""),
            *(text_cell(f"{row.calls} calls of {provider}/{model}"), "Usage-Based"),
            *(_time(on + timedelta(days=1)), _time(on), tokens, "Tokens", cost, cost),
            *(text_cell(provider), cost, tokens, "Tokens", text_cell(provider), text_cell(provider)),
            *("AI and Machine Learning", text_cell(model), "Generative AI", text_cell(f"{provider}/{model}")),
            *(text_cell(project), text_cell(project), "project" if project else ""),
            *(self._tags(row), text_cell(workflow), str(row.calls), usd(row.presumed_nano)),
        ]

    def _tags(self, row: BillRow) -> str:
        named = {name: value for name, value in zip(self._more, row.values[len(ALWAYS) :], strict=True) if value}
        return orjson.dumps(named, option=orjson.OPT_SORT_KEYS).decode() if named else ""


def _time(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
