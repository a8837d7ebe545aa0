"""Step 8: the provider is asked, once."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from connectors.providers.base import ModelRequest, ModelResponse, Provider
from schemas.errors import StepError
from services.calls.answers.streamed import StreamedCall
from services.calls.call import Answer, Call, Proceed
from services.calls.cancellation import Cancellations
from services.calls.provider_keys import ProviderKeys
from services.calls.timeouts import limited

#: The provider's own limit is longer than the call's by this, so that a timeout is always ours.
PROVIDER_GRACE_S = 1.0


class Invoke:
    """Asks the provider of the route. The last stage: it proceeds to none.

    A call with a listener is streamed to it, unless guards look first (``withheld``).

    Raises ``StepError``: what the provider raises, ``timeout``, or ``canceled``; of a stream a ``BrokenStreamError``.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        aborts: Cancellations,
        *,
        withheld: bool = False,
        keys: ProviderKeys | None = None,
    ) -> None:
        self._keys = keys
        self._providers = providers
        self._aborts = aborts
        self._withheld = withheld

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if call.ledger.begun is not None:
            await call.ledger.begun()
        timeout_s, headers = call.timeout_s + PROVIDER_GRACE_S, call.trace.headers
        request = call.content.request(call.route.model, call.idempotency_key, timeout_s, call.origin.attempt, headers)
        if self._keys is None:
            return await self._asked(call, request)
        org_id, provider = call.org_id, call.route.provider
        return await self._keys.asking(org_id, provider, lambda key: self._asked(call, replace(request, api_key=key)))

    async def _asked(self, call: Call, request: ModelRequest) -> Answer:
        provider = self._providers[call.route.provider]
        if not call.content.stream and call.on_delta is None:
            response = await self._limited(call, lambda: provider.complete(request))
            return Answer(response=response, at_s=time.perf_counter(), blocked=response.problem)
        streamed = StreamedCall(None if self._withheld else call.on_delta, watched=call.watched)
        try:
            response = await self._limited(call, lambda: streamed.response(provider, request))
        except StepError as exc:
            raise streamed.broken(exc) from exc
        return Answer(response=response, at_s=time.perf_counter(), first_s=streamed.first_s, blocked=response.problem)

    async def _limited(self, call: Call, ask: Callable[[], Awaitable[ModelResponse]]) -> ModelResponse:
        what = f"the answer of {call.route.provider}/{call.route.model}"
        async with self._aborts.breakable(call.cancel_key), self._aborts.breakable(call.trial.race_key):
            return await limited(ask(), call.timeout_s, what)
