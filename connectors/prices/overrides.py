"""Override files: a JSON list of prices that add a model or replace its list price."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from connectors.prices.rates import Rates, rates_of
from schemas.values.fields import file_faults

#: Nano-dollars a token for one dollar a million tokens, and a unit for one dollar.
PER_MTOK = 1_000
_PER_UNIT = 1_000_000_000

_Usd = Annotated[Decimal, Field(ge=0, lt=1_000_000, decimal_places=12)]


class Override(BaseModel):
    """One entry of an override file. Prices are US dollars; a kind without one costs what the kind around it costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(min_length=1)
    model: str = Field(min_length=1)
    version: str = Field(min_length=1)
    input_usd_per_mtok: _Usd
    output_usd_per_mtok: _Usd
    cache_read_usd_per_mtok: _Usd | None = None
    cache_write_usd_per_mtok: _Usd | None = None
    cache_write_1h_usd_per_mtok: _Usd | None = None
    reasoning_usd_per_mtok: _Usd | None = None
    citation_usd_per_mtok: _Usd | None = None
    tool_usd_per_mtok: _Usd | None = None
    input_audio_usd_per_mtok: _Usd | None = None
    output_audio_usd_per_mtok: _Usd | None = None
    cache_audio_read_usd_per_mtok: _Usd | None = None
    input_image_usd_per_mtok: _Usd | None = None
    output_image_usd_per_mtok: _Usd | None = None
    cache_image_read_usd_per_mtok: _Usd | None = None
    input_video_usd_per_mtok: _Usd | None = None
    output_video_usd_per_mtok: _Usd | None = None
    usd_per_request: _Usd = Decimal(0)
    usd_per_web_search: _Usd | None = None
    usd_per_storage_search: _Usd | None = None
    usd_per_billed_unit: _Usd | None = None
    picture_tokens: int | None = Field(default=None, ge=1, le=10_000_000)
    context_tokens: int | None = Field(default=None, ge=1, le=1_000_000_000)

    def rates(self) -> Rates:
        """Return the prices as rates."""
        given: Mapping[str, Decimal | None] = dict(self)
        nano = {
            name.replace("_usd_per_mtok", "_tokens"): Fraction(usd) * PER_MTOK
            for name, usd in given.items()
            if name.endswith("_usd_per_mtok") and usd is not None
        }
        for name, kind in _COUNTED.items():
            if (usd := given[name]) is not None:
                nano[kind] = Fraction(usd) * _PER_UNIT
        return rates_of(nano, Fraction(self.usd_per_request) * _PER_UNIT)


_COUNTED = {
    "usd_per_web_search": "web_searches",
    "usd_per_storage_search": "storage_searches",
    "usd_per_billed_unit": "billed_units",
}


def read_overrides(file: Path) -> list[Override]:
    """Return the entries of an override file. Raises ``ValueError`` that says what is wrong where."""
    with file_faults(f"the price file {file}", "PRICES_FILE"):
        return TypeAdapter(list[Override]).validate_json(file.read_bytes())
