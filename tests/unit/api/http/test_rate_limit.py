"""Rate limits of keys: who is refused, and what passes while Redis does not answer."""

import pytest
from prometheus_client import CollectorRegistry

from api.caller import Caller
from api.http.problems import answer
from api.http.rate_limit import RateLimits
from connectors.prometheus.families import counter
from schemas.errors import RateLimited, Unavailable
from schemas.metrics import API_UNCOUNTED_REQUESTS_TOTAL

UNLIMITED = Caller("k", "acme", frozenset())
LIMITED = Caller("k", "acme", frozenset(), requests_per_minute=60)


class Rates:
    def __init__(self, wait_ms: int | None) -> None:
        self.answer, self.asked = wait_ms, 0

    async def wait_ms(self, key_id: str, per_minute: int) -> int:
        self.asked += 1
        if self.answer is None:
            raise Unavailable("redis", "does not answer")
        return self.answer


def limits(wait_ms: int | None) -> tuple[RateLimits, Rates, CollectorRegistry]:
    registry, rates = CollectorRegistry(), Rates(wait_ms)
    return RateLimits(rates, counter(API_UNCOUNTED_REQUESTS_TOTAL, registry)), rates, registry


async def test_key_without_a_limit_asks_nobody():
    found, rates, _ = limits(1_000)
    await found.check(UNLIMITED)
    assert rates.asked == 0


async def test_request_over_the_limit_is_429_with_the_time_to_wait():
    found, _, _ = limits(1_200)
    with pytest.raises(RateLimited) as refused:
        await found.check(LIMITED)
    response = answer(refused.value, "/x")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
    assert b"urn:agentflow:problem:rate-limited" in response.body


async def test_request_passes_and_is_counted_while_redis_does_not_answer():
    found, _, registry = limits(None)
    await found.check(LIMITED)
    assert registry.get_sample_value(API_UNCOUNTED_REQUESTS_TOTAL) == 1
