"""Price lists of organisations: prices of their own, what unknown models are priced as, and whose cost counts.

A list is a version that never changes. It holds from its ``effective_from`` until the next list's; of two with the same
time the higher version holds.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Usd = Annotated[Decimal, Field(ge=0, lt=1_000_000, decimal_places=12)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
CostSource = Literal["computed", "provider"]

#: What one record of the log holds beside other fields.
MAX_PRICES = 1_000
MAX_RULES = 100
#: A rule for every model of a provider that has no price.
ANY_MODEL = "*"


class PriceEntry(BaseModel):
    """The prices of one model in US dollars. A kind without a price costs what the kind around it costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Name
    model: Name
    input_usd_per_mtok: Usd
    output_usd_per_mtok: Usd
    cache_read_usd_per_mtok: Usd | None = None
    cache_write_usd_per_mtok: Usd | None = None
    cache_write_1h_usd_per_mtok: Usd | None = None
    reasoning_usd_per_mtok: Usd | None = None
    citation_usd_per_mtok: Usd | None = None
    tool_usd_per_mtok: Usd | None = None
    input_audio_usd_per_mtok: Usd | None = None
    output_audio_usd_per_mtok: Usd | None = None
    cache_audio_read_usd_per_mtok: Usd | None = None
    input_image_usd_per_mtok: Usd | None = None
    output_image_usd_per_mtok: Usd | None = None
    cache_image_read_usd_per_mtok: Usd | None = None
    input_video_usd_per_mtok: Usd | None = None
    output_video_usd_per_mtok: Usd | None = None
    usd_per_request: Usd = Decimal(0)
    usd_per_web_search: Usd | None = None
    usd_per_storage_search: Usd | None = None
    usd_per_billed_unit: Usd | None = None
    picture_tokens: int | None = Field(default=None, ge=1, le=10_000_000)
    context_tokens: int | None = Field(default=None, ge=1, le=1_000_000_000)


class PricedAs(BaseModel):
    """Calls of a model without a price cost what another model's calls cost. ``model`` may be ``*``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Name
    model: Name
    as_provider: Name
    as_model: Name


class PriceList(BaseModel):
    """The content of one version.

    ``cost_source`` is by provider: ``provider`` books the cost that it states itself, ``computed`` the one by prices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prices: tuple[PriceEntry, ...] = Field(default=(), max_length=MAX_PRICES)
    priced_as: tuple[PricedAs, ...] = Field(default=(), max_length=MAX_RULES)
    cost_source: dict[Name, CostSource] = Field(default={}, max_length=MAX_RULES)

    @model_validator(mode="after")
    def _names_each_model_once(self) -> Self:
        for what, named in (("prices", self.prices), ("priced_as", self.priced_as)):
            models = [(one.provider.lower(), one.model.lower()) for one in named]
            twice = next((model for model in models if models.count(model) > 1), None)
            if twice is not None:
                raise ValueError(f"{what} names {'/'.join(twice)} twice; keep one of them")
        return self


class StoredPriceList(BaseModel):
    """A version of an organisation's price list, as its definition carries it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = Field(ge=1)
    effective_from_ms: int = Field(ge=0)
    rules: PriceList

    def body(self) -> dict[str, Any]:
        """Return the version as a definition carries it."""
        return self.model_dump(mode="json", exclude_defaults=True)
