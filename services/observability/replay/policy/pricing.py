"""What a recorded call costs on a route: by the prices under which it was booked, with a policy's own on top."""

from collections.abc import Mapping
from fractions import Fraction

from connectors.prices.book import PriceBook
from connectors.prices.listed import Price
from connectors.prices.overrides import Override
from schemas.api_models.traces.policies import PolicyPrices
from schemas.errors import StepError
from schemas.records.base import Usage
from services.observability.replay.policy.calls import RecordedCall, Route

_VERSION = "policy"
_NOTHING = Usage()


class Pricing:
    """Prices of one lane. ``books`` are those of the organisation by the price version that calls carry."""

    def __init__(self, books: Mapping[str, PriceBook], prices: PolicyPrices) -> None:
        self._books = books
        entries = [Override(version=_VERSION, **dict(one)) for one in prices.entries]
        self._own = PriceBook(entries) if entries else None
        self._named = {(one.provider.lower(), one.model.lower()) for one in entries}
        self._factor = Fraction(prices.factor)

    def cost(self, call: RecordedCall, route: Route) -> int | None:
        """Return what the call costs on a route in nano-dollars, rounded half up once; ``None`` without a price.

        An amount that prices do not give (an estimate, a provider's own) stays as it is on its own route, and one
        without any usage on each.
        """
        if not call.computed and (route == call.route or call.usage == _NOTHING):
            return self._scaled(Fraction(call.amount_nano))
        try:
            return self._by(self._price(call, route), call)
        except StepError:
            return None

    def _price(self, call: RecordedCall, route: Route) -> Price:
        if self._own is not None and (route.provider.lower(), route.model.lower()) in self._named:
            return self._own.price(*route, call.at_ms)
        book = self._books[call.price_version]
        stand_in = call.priced_as if route == call.route else ""
        provider, _, model = (stand_in or str(route)).partition("/")
        return book.price(provider, model, call.at_ms)

    def _by(self, price: Price, call: RecordedCall) -> int:
        if self._factor == 1:
            return price.of(call.usage)
        return self._scaled(price.exact(call.usage))

    def _scaled(self, amount: Fraction) -> int:
        scaled = amount * self._factor
        return (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
