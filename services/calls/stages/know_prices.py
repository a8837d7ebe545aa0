"""Before step 3: nothing is routed, held or booked before the price lists of organisations are known."""

from connectors.ports.engine import Clock
from schemas.errors import Unavailable
from services.calls.call import Answer, Call, Proceed
from services.calls.ports import PriceSource
from services.calls.timeouts import within_patience


class KnowPrices:
    """Lets calls wait in the moment after a start. Raises ``Deferred`` when that lasts."""

    def __init__(self, prices: PriceSource, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        try:
            self._prices.check_known()
        except Unavailable:
            await within_patience(self._known, self._clock, str)
        return await proceed(call)

    async def _known(self) -> None:
        self._prices.check_known()
