"""Rate limits of keys. While Redis does not answer, every request passes and is counted."""

from typing import Protocol

from prometheus_client import Counter

from api.caller import Caller
from schemas.errors import RateLimited, Unavailable


class Rates(Protocol):
    """Counts requests, see ``connectors.redis.request_rates``."""

    async def wait_ms(self, key_id: str, per_minute: int) -> int:
        """Take one request, or return the ms until one can be taken. Raises ``Unavailable``."""
        ...


class RateLimits:
    """The rate limits of all keys. ``uncounted`` counts requests that passed because nobody could count them."""

    def __init__(self, rates: Rates, uncounted: Counter) -> None:
        self._rates = rates
        self._uncounted = uncounted

    async def check(self, who: Caller) -> None:
        """Raise ``RateLimited`` when the caller has sent more requests than its key may."""
        if who.requests_per_minute is None:
            return
        try:
            wait_ms = await self._rates.wait_ms(who.key_id, who.requests_per_minute)
        except Unavailable:
            self._uncounted.inc()
            return
        if wait_ms > 0:
            raise RateLimited(
                f"this key may send {who.requests_per_minute} requests a minute; slow down, or ask an admin for more",
                wait_ms / 1000,
            )
