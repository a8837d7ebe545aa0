"""Prices of models."""

from schemas.api_models.base import Answer


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
    """The price of a model. ``version`` names the price table, as settlements do."""

    provider: str
    model: str
    version: str
    context_tokens: int | None
    bands: list[PriceBand]


class PricePage(Answer):
    """The prices of a provider's models at a time."""

    at: str | None
    prices: list[ModelPrice]
