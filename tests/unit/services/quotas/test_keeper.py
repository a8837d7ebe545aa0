"""What nothing limits asks nobody."""

from collections.abc import Sequence

from schemas.limits.quotas import Ask, Made, Scope, Taken, Usage, Waiting
from services.quotas.keeper import QuotaKeeper
from services.quotas.rules import PlatformLimits, QuotaRules, QuotasFile


class Recorded:
    """Gives room to everybody."""

    def __init__(self, wait_ms: float = 0.0) -> None:
        self.wait_ms = wait_ms
        self.asked: list[tuple[Ask, Sequence[Scope]]] = []

    async def take(self, ask: Ask, scopes: Sequence[Scope], patience_ms: float) -> Taken | Waiting:
        self.asked.append((ask, scopes))
        return Taken(ask, tuple(scopes), self.wait_ms)

    async def settle(self, taken: Taken, made: Made) -> None:
        """Nothing is kept."""


def ask(provider: str) -> Ask:
    return Ask("acme", "flow", "silver", provider, "m", "", "c", "t", Usage(1, 1, 1), 1)


async def test_a_call_that_nothing_limits_asks_nobody() -> None:
    store = Recorded()
    keeper = QuotaKeeper(QuotaRules(QuotasFile()), store, {"openai": "k1"})
    assert await keeper.take(ask("local"), 0) is None
    assert store.asked == []


async def test_a_call_is_counted_for_its_providers_key() -> None:
    store = Recorded()
    file = QuotasFile(limits=(PlatformLimits(provider="openai", per="key", requests_per_minute=1),))
    keeper = QuotaKeeper(QuotaRules(file, learns=False), store, {"openai": "k1"})
    assert isinstance(await keeper.take(ask("openai"), 0), Taken)
    ((asked, (scope,)),) = store.asked
    assert (asked.credential, scope.key) == ("k1", "key:k1:openai")


async def test_only_a_call_that_must_wait_is_reported() -> None:
    file = QuotasFile(limits=(PlatformLimits(provider="openai", per="key", requests_per_minute=1),))
    waits: list[tuple[str, float]] = []
    for wait_ms in (0.0, 250.0):
        keeper = QuotaKeeper(
            QuotaRules(file, learns=False),
            Recorded(wait_ms),
            {"openai": "k1"},
            waited=lambda asked, ms: waits.append((asked.provider, ms)),
        )
        await keeper.take(ask("openai"), 1_000)
    assert waits == [("openai", 250.0)]
