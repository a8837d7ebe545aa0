"""Override files: a JSON list of prices that add a model or replace its list price."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from pydantic import Field, TypeAdapter

from connectors.prices.rates import Rates, rates_of
from schemas.price_lists import PriceEntry
from schemas.values.fields import file_faults

#: Nano-dollars a token for one dollar a million tokens, and a unit for one dollar.
PER_MTOK = 1_000
_PER_UNIT = 1_000_000_000


class Override(PriceEntry):
    """One entry of an override file, with the version that settlements carry."""

    version: str = Field(min_length=1)

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
