"""Routes without room for a call, as a router asks for them."""

from collections.abc import Sequence

from schemas.errors import Unavailable
from schemas.limits.quotas import Limit, Made, Scope, Taken, Usage, Waiting
from services.quotas.keeper import QuotaKeeper
from services.quotas.rules import PlatformLimits, QuotaRules, QuotasFile

USED = Usage(1, 100, 50)
PER_MINUTE = Limit("requests", "minute", 600)


class Store:
    """Answers ``waits`` with ``ms``, or raises it."""

    def __init__(self, ms: float | Exception) -> None:
        self.ms, self.asked = ms, 0

    async def take(self, ask: object, scopes: Sequence[Scope], patience_ms: float) -> Taken | Waiting:
        raise NotImplementedError

    async def settle(self, taken: Taken, made: Made) -> None:
        raise NotImplementedError

    async def waits(self, asked: Sequence[tuple[Scope, Usage]]) -> list[tuple[float, Limit]]:
        self.asked += 1
        if isinstance(self.ms, Exception):
            raise self.ms
        return [(self.ms, PER_MINUTE)] * len(asked)


def keeper(store: Store) -> QuotaKeeper:
    limits = (PlatformLimits(provider="openai", requests_per_minute=600),)
    return QuotaKeeper(QuotaRules(QuotasFile(limits=limits)), store, {})


async def full(ms: float | Exception, *routes: str) -> dict[str, str]:
    return await keeper(Store(ms)).full("acme", routes, USED)


async def test_route_is_full_when_a_call_would_wait_longer_than_calls_do() -> None:
    assert await full(2_000, "openai/gpt", "local/m") == {}
    found = await full(2_001, "openai/gpt", "local/m")
    assert found == {"openai/gpt": "no room for 2.0 s: 600 requests a minute of openai are used up"}


async def test_call_larger_than_a_limit_never_has_room() -> None:
    assert "larger than 600 requests a minute" in (await full(-1, "openai/gpt"))["openai/gpt"]


async def test_quotas_that_cannot_be_read_leave_every_route() -> None:
    assert await full(Unavailable("redis", "gone"), "openai/gpt") == {}


async def test_what_nothing_limits_asks_nobody() -> None:
    store = Store(9_000)
    assert await keeper(store).full("acme", ["local/m"], USED) == {}
    assert store.asked == 0
