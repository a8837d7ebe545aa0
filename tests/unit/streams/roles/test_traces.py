"""The traces role: which traces it deletes, and when."""

import pytest

from connectors.memory.engine import ManualClock
from schemas.settings import Settings
from services.observability.traces.sampling import TracePolicy
from streams.roles.traces import AFTER_MS, EXPIRE_EVERY_MS, WINDOW_MS, TraceTicker, policy_of

NOW_MS = 1_795_305_600_000
LOW, HIGH = "0" * 32, "f" * 32


class Store:
    """Traces in memory: what is asked, and what is deleted."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.deleted: dict[str, list[str]] = {}
        self.expired: list[tuple[str, int]] = []
        self.orgs = {"acme": 10, "other": 100}

    async def unkept(
        self, since_ms: int, until_ms: int, *, bound: int, dear_nano: int, slow_ms: int
    ) -> list[tuple[str, str]]:
        self.asked.append((since_ms, until_ms))
        return [("acme", HIGH), ("other", HIGH), ("acme", LOW)]

    async def delete(self, org_id: str, traces: list[str]) -> None:
        self.deleted[org_id] = traces

    async def oldest(self, days: int) -> dict[str, bool]:
        return {org: age > days for org, age in self.orgs.items()}

    async def expire(self, org_id: str, days: int) -> None:
        self.expired.append((org_id, days))


async def test_with_every_trace_kept_nothing_is_looked_at() -> None:
    store = Store()
    await TraceTicker(TracePolicy(), store, ManualClock(NOW_MS)).tick()
    assert (store.asked, store.deleted) == ([], {})


async def test_runs_are_looked_at_some_minutes_after_their_end() -> None:
    store = Store()
    await TraceTicker(TracePolicy(share=0.5), store, ManualClock(NOW_MS)).tick()
    assert store.asked == [(NOW_MS - AFTER_MS - WINDOW_MS, NOW_MS - AFTER_MS)]
    assert store.deleted == {"acme": [HIGH, LOW], "other": [HIGH]}


async def test_an_organisation_has_its_own_retention() -> None:
    store, clock = Store(), ManualClock(NOW_MS)
    ticker = TraceTicker(TracePolicy(days=90, days_of={"acme": 7}), store, clock)
    await ticker.tick()
    assert store.expired == [("acme", 7), ("other", 90)]
    await ticker.tick()
    assert len(store.expired) == 2
    clock.ms += EXPIRE_EVERY_MS
    await ticker.tick()
    assert len(store.expired) == 4


async def test_one_that_keeps_longer_than_others_loses_nothing() -> None:
    store = Store()
    await TraceTicker(TracePolicy(days=5, days_of={"acme": 30, "other": 365}), store, ManualClock(NOW_MS)).tick()
    assert store.expired == []


def test_errors_dear_and_slow_ones_are_kept_and_a_share_of_the_others() -> None:
    policy = TracePolicy(share=0.25, dear_nano=100, slow_ms=50)
    quick = {"failed": False, "cost_nano": 99, "took_ms": 49.0}
    assert policy.keeps(LOW, **quick)
    assert not policy.keeps("4" + "0" * 31, **quick)
    assert policy.keeps(HIGH, **(quick | {"failed": True}))
    assert policy.keeps(HIGH, **(quick | {"cost_nano": 100}))
    assert policy.keeps(HIGH, **(quick | {"took_ms": 50.0}))
    assert TracePolicy().keeps(HIGH, **quick)
    assert not TracePolicy(share=0).keeps(LOW, **quick)


def test_the_policy_is_that_of_the_settings() -> None:
    said = {"TRACES_SHARE": "0.5", "TRACES_DEAR_CENTS": "2", "TRACES_DAYS_OF": "acme=7, other=365"}
    policy = policy_of(Settings.from_env(said))
    assert (policy.share, policy.dear_nano, policy.slow_ms, policy.days) == (0.5, 20_000_000, 60_000, 90)
    assert policy.days_of == {"acme": 7, "other": 365}


@pytest.mark.parametrize("days", ["acme", "acme=0", "=3", "acme=x", "acme=٣"])
def test_days_that_are_none_are_refused(days: str) -> None:
    with pytest.raises(ValueError, match="write acme=7,other=365"):
        Settings.from_env({"TRACES_DAYS_OF": days})
