"""The settings and the metrics of the role ``batches``."""

import pytest
from prometheus_client import CollectorRegistry

from connectors.memory.batches import MemoryBatches
from connectors.memory.engine import ManualClock
from connectors.ports.batches import Gathered, Standing
from schemas.metrics import BATCHES_OLDEST_OPEN_SECONDS, BATCHES_OPEN_CALLS
from schemas.settings import Batches
from streams.roles.batches import LOOK_MS, BatchMetrics, BatchTicker, gathered_of


def test_settings_say_how_calls_are_gathered() -> None:
    given = Batches(max_requests=10, max_mb=2, gather_s=1.5)
    assert gathered_of(given) == Gathered(10, 2 * 1024 * 1024, 1_500)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"max_requests": 0}, "BATCH_MAX_REQUESTS"),
        ({"max_mb": 0}, "BATCH_MAX_MB"),
        ({"gather_s": -1}, "BATCH_GATHER_S"),
        ({"poll_s": 0}, "BATCH_POLL_S"),
    ],
)
def test_a_setting_that_lets_nothing_through_is_refused_by_name(given: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        gathered_of(Batches.model_validate(given))


class Idle:
    """Work that does nothing."""

    async def work(self) -> None:
        """Do nothing."""


async def test_what_is_open_is_shown_with_its_age() -> None:
    registry, clock, store = CollectorRegistry(), ManualClock(100_000), MemoryBatches()
    metrics = BatchMetrics(registry)
    ticker = BatchTicker(Idle(), store, metrics, clock)  # type: ignore[arg-type]
    await ticker.tick()
    assert registry.get_sample_value(BATCHES_OLDEST_OPEN_SECONDS) == 0
    metrics.standing(Standing({"ready": 3}, 40_000), 100_000)
    assert registry.get_sample_value(BATCHES_OPEN_CALLS, {"state": "ready"}) == 3
    assert registry.get_sample_value(BATCHES_OPEN_CALLS, {"state": "batched"}) == 0
    assert registry.get_sample_value(BATCHES_OLDEST_OPEN_SECONDS) == 60
    await ticker.tick()
    assert registry.get_sample_value(BATCHES_OLDEST_OPEN_SECONDS) == 60, "it looks now and then"
    clock.ms += LOOK_MS
    await ticker.tick()
    assert registry.get_sample_value(BATCHES_OLDEST_OPEN_SECONDS) == 0
