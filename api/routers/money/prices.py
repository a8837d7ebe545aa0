"""Prices of models, as calls are booked by them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from api.dependencies import Parts, Reader
from api.render.prices import model_price
from api.routers.errors import errors
from connectors.prices.known import KnownModels
from schemas.api_models.base import timestamp
from schemas.api_models.money.prices import PricePage
from schemas.clock import utc_now
from schemas.errors import InvalidInput, NotFound, Problem
from schemas.spec.check.shape import similar

_Name = Annotated[str, Query(min_length=1, max_length=256)]
#: What a call may be served as, where that has a price of its own.
_How = Annotated[str, Query(pattern=r"^[a-z_]{1,40}$", description="How a call is served, such as `flex`.")]

router = APIRouter(prefix="/api/v1/prices", tags=["prices"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuery:
    """Which prices are listed, as query parameters."""

    provider: _Name
    model: _Name | None = None
    at: AwareDatetime | None = None
    service_tier: _How | None = None
    processing: _How | None = None
    inference_geo: _How | None = None

    @property
    def served(self) -> tuple[tuple[str, str], ...]:
        """How calls are served, where that has a price of its own."""
        given = (
            ("service_tier", self.service_tier),
            ("processing", self.processing),
            ("inference_geo", self.inference_geo),
        )
        return tuple((name, how) for name, how in given if how is not None)


@router.get("", responses=errors(404))
async def list_prices(who: Reader, parts: Parts, asked: Annotated[PriceQuery, Depends()]) -> PricePage:
    """List what a provider's models cost, or one model, now or at a time, and as a service tier, a batch or a region.

    Prices of the organisation's own list come first. A model without a price is left out of a list, and is 404 by its
    name: calls of it fail with `unpriced_model`.
    """
    provider, model = asked.provider, asked.model
    at_ms = int((asked.at or utc_now()).timestamp() * 1000)
    book = (await parts.definitions.organisation_prices.read(who.org_id)).at(at_ms)
    listed = {one.model for one in book.overrides if one.provider.lower() == provider.lower()}
    known = models_of(parts.definitions.models.under(book), provider) - {name.lower() for name in listed} | listed
    found = [model_price(book, provider, name, at_ms, asked.served) for name in ([model] if model else sorted(known))]
    prices = [one for one in found if one is not None]
    if model is not None and not prices:
        raise NotFound(f"there is no price of model {model!r} of {provider!r}; {similar(model, known)}")
    return PricePage(at=timestamp(at_ms), prices=prices)


def models_of(models: KnownModels, provider: str) -> frozenset[str]:
    """Return the names of a provider's models. Raises ``InvalidInput`` for a provider that nothing has prices of."""
    if known := models.names(provider):
        return known
    problem = Problem(
        "provider", f"there is no provider '{provider}' with prices", similar(provider, models.added_providers())
    )
    raise InvalidInput.of(problem)
