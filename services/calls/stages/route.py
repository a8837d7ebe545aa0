"""Step 4: which model is asked, and how many tokens it may read; another one after a failure."""

from collections.abc import Mapping

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.providers.base import Provider
from connectors.providers.request_text import request_text
from schemas.errors import StepError
from services.calls.call import UNROUTED, Answer, Call, Proceed
from services.calls.cancellation import Cancellations
from services.calls.ports import PriceSource
from services.calls.provider_keys import ProviderKeys
from services.calls.route_choice import wanted_of
from services.calls.timeouts import within_patience
from services.calls.trying.tries import Tries
from services.routing.router import Bars, Route, Router


class RouteCall:
    """Chooses the route and bounds the tokens of the input there. A chosen route that fails has others to fall back to.

    Raises a final ``StepError``: ``no_route``, ``unknown_provider`` for a route that is not served here, or
    ``no_credentials`` for a provider that the organisation has no key of.
    """

    def __init__(
        self,
        router: Router,
        providers: Mapping[str, Provider],
        prices: PriceSource,
        clock: Clock,
        aborts: Cancellations,
        keys: ProviderKeys | None = None,
    ) -> None:
        self._router = router
        self._providers = providers
        self._prices = prices
        self._clock = clock
        self._keys = keys
        self._tries = Tries(router, prices, clock, aborts, self.tokens)

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        call = await routed(self._router, call)
        if call.choice is not None:
            return await self._tries.answer(call, call.choice, proceed)
        call = structs.replace(call, input_tokens=self.tokens(call))
        await self._check_key(call)
        answer = await proceed(call)
        return structs.replace(answer, route=call.route)

    async def _check_key(self, call: Call) -> None:
        """Refuse a call that has no key before money is held for it."""
        keys, provider = self._keys, call.route.provider
        if keys is not None:
            await within_patience(lambda: keys.of(call.org_id, provider), self._clock, lambda exc: f"keys: {exc}")

    def tokens(self, call: Call) -> int:
        """Return a bound of the tokens that a call reads at its route."""
        provider, content, model = self._provider(call.route.provider), call.content, call.route.model
        tokens = provider.count_tokens(model, request_text(content.request(model, "", 0)))
        tokens += provider.added_tokens(len(content.tools), has_schema=content.output_schema is not None)
        if not content.pictures:
            return tokens
        of_each = self._prices.of(call.org_id, self._clock.now_ms()).picture_tokens(provider.name, model)
        if of_each is None:
            return tokens + provider.picture_tokens(model, content.pictures)
        return tokens + of_each * len(content.pictures)

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            known = ", ".join(sorted(self._providers)) or "none"
            raise StepError(
                "unknown_provider", f"there is no provider {name!r} here (there is: {known}); configure it or pin one"
            )
        return provider


async def routed(router: Router, call: Call, bar: Bars | None = None) -> Call:
    """Return the call with its route, which is chosen once, not among those of ``bar``, and booked in the ledger."""
    if call.route is not UNROUTED:
        return call
    wanted = wanted_of(call, bar)
    choice = None if wanted is None else await router.choice(wanted)
    route = router.choose(call) if choice is None else Route(*choice.route.split("/", 1))
    call.ledger.provider, call.ledger.model = route
    return structs.replace(call, route=route, choice=choice)
