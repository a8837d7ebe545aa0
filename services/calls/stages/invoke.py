"""Step 8: the provider is asked, once."""

import time
from collections.abc import Mapping

from connectors.providers.base import Provider
from services.calls.call import Answer, Call, Proceed
from services.calls.cancellation import Cancellations
from services.calls.timeouts import limited

#: The provider's own limit is longer than the call's by this, so that a timeout is always ours.
PROVIDER_GRACE_S = 1.0


class Invoke:
    """Asks the provider of the route. The last stage: it proceeds to none.

    Raises ``StepError``: what the provider raises, ``timeout``, or ``canceled``.
    """

    def __init__(self, providers: Mapping[str, Provider], aborts: Cancellations) -> None:
        self._providers = providers
        self._aborts = aborts

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        provider = self._providers[call.route.provider]
        content, timeout_s = call.content, call.timeout_s + PROVIDER_GRACE_S
        request = content.request(call.route.model, call.idempotency_key, timeout_s, call.origin.attempt)
        what = f"the answer of {call.route.provider}/{call.route.model}"
        async with self._aborts.breakable(call.cancel_key), self._aborts.breakable(call.trial.race_key):
            response = await limited(provider.complete(request), call.timeout_s, what)
        return Answer(response=response, at_s=time.perf_counter(), blocked=response.problem)
