"""Prices of models, and price lists of organisations."""

from typing import Any, Literal

from pydantic import AwareDatetime, ConfigDict

from schemas.api_models.base import Answer
from schemas.price_lists import CostSource, PricedAs, PriceList

ListState = Literal["effective", "pending", "superseded"]


class PriceBand(Answer):
    """The prices of calls with more than ``over_input_tokens`` input tokens; -1 is all.

    ``usd_per_mtok`` are US dollars per million tokens by kind of usage, ``usd_per_unit`` those of one search or billed
    unit, all as exact decimals. A kind without a price costs what the kind around it costs.
    """

    over_input_tokens: int
    usd_per_mtok: dict[str, str]
    usd_per_unit: dict[str, str]
    usd_per_request: str


class ModelPrice(Answer):
    """The price of a model. ``version`` names the price list and the table below it, as settlements do.

    A model without a price of its own is ``priced_as`` another one where the organisation's list says so.
    ``cost_source`` is ``provider`` when the cost that the provider states is booked.
    """

    provider: str
    model: str
    version: str
    priced_as: str | None = None
    cost_source: CostSource = "computed"
    context_tokens: int | None
    bands: list[PriceBand]


class PricePage(Answer):
    """The prices of a provider's models at a time."""

    at: str | None
    prices: list[ModelPrice]


class CreatePriceList(PriceList):
    """A new version of the organisation's price list, whole. It holds from ``effective_from``, without one from now."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "effective_from": "2027-01-01T00:00:00Z",
                    "prices": [
                        {
                            "provider": "openai",
                            "model": "gpt-5",
                            "input_usd_per_mtok": "1.00",
                            "output_usd_per_mtok": "8.00",
                            "cache_read_usd_per_mtok": "0.10",
                        }
                    ],
                    "priced_as": [
                        {"provider": "openai", "model": "*", "as_provider": "openai", "as_model": "gpt-5-pro"}
                    ],
                    "cost_source": {"compatible": "provider"},
                }
            ]
        },
    )

    effective_from: AwareDatetime | None = None


class PriceListAnswer(Answer):
    """One version. It is ``superseded`` when a later one holds, and ``pending`` before its time."""

    version: int
    state: ListState
    effective_from: str | None
    prices: list[dict[str, Any]]
    priced_as: list[PricedAs]
    cost_source: dict[str, CostSource]
    created_by: str
    created_at: str | None


class PriceListLine(Answer):
    """One version: how many prices it has, and rules for models without one."""

    version: int
    state: ListState
    effective_from: str | None
    prices: int
    priced_as: int
    created_by: str
    created_at: str | None


class PriceListPage(Answer):
    """The versions, the newest first. ``effective`` is the one that holds now; 0 for none."""

    effective: int
    lists: list[PriceListLine]


class PricedTerms(Answer):
    """How a model's calls are priced; without ``bands`` they are refused."""

    bands: list[PriceBand] | None
    priced_as: str | None
    cost_source: CostSource


class PriceChange(Answer):
    """A change for one model that was used: how often, what was booked, and what it would have cost.

    ``repriced_usd`` is null where that depends on the size of each call, or on what the provider states.
    """

    provider: str
    model: str
    calls: int
    booked_usd: str
    repriced_usd: str | None
    before: PricedTerms
    after: PricedTerms


class PriceListDryRun(Answer):
    """The changes that a list would make; nothing was stored."""

    dry_run: bool = True
    effective_from: str | None
    days: int
    changes: list[PriceChange]
