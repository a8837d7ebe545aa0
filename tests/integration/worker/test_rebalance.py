"""Calls that last hold up no rebalance: the real worker under the real consumer, calls that end when the test says."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from connectors.kafka.log import KafkaLog
from deploy.local.engines import EngineStack
from schemas.records.run_events import StepSucceeded
from schemas.spec.policy import TIERS
from streams.runtime.consumer.transport import Member, PollApp, Reads
from streams.runtime.routing import to_out
from tests.support.polling import until_async
from tests.support.worker import Bench, llm
from topics.admin import TopicAdmin
from topics.catalogue import lane

PARTITIONS = 4
CALLS = 8
DEADLINE_S = 60.0
#: Promised are 2 s; a busy machine may stall for several. A rebalance that waited for the calls would never end, since
#: they do not before the test says so.
AT_ONCE_S = 15.0
LANES = tuple(lane(tier) for tier in TIERS)
SHARE = len(LANES) * PARTITIONS // 2


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of this module's own: lanes have fixed names."""
    with EngineStack(tmp_path_factory.mktemp("lanes"), {"kafka"}, durable=False) as endpoints:
        asyncio.run(make_lanes(endpoints.kafka_bootstrap))
        yield endpoints.kafka_bootstrap


async def make_lanes(bootstrap: str) -> None:
    async with TopicAdmin(bootstrap) as admin:
        await admin.create({name: {} for name in LANES}, PARTITIONS, 1)


@pytest.fixture
async def bench(redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    redis = Redis.from_url(redis_url)
    bench = Bench(redis, tmp_path)
    await bench.open_budgets()
    yield bench
    bench.pumps.clear()  # the consumer drives these workers, and stops them
    await bench.close()
    await redis.aclose()


@pytest.fixture
async def members(broker: str, bench: Bench) -> AsyncIterator[list[PollApp]]:
    """Two workers of one group, not yet started."""
    group = f"workers-{uuid4().hex}"
    workers = [bench.worker(name, lease_ms=30_000).worker for name in ("w1", "w2")]
    apps = [
        PollApp(group, worker, Reads(topics=LANES), Member(bootstrap=broker, session_timeout_ms=3_000), drain_s=30)
        for worker in workers
    ]
    yield apps
    bench.provider.gate.set()
    for app in apps:
        if app.started:
            await app.stop()


def share(app: PollApp) -> int:
    return len(app.consumer.assignment()) if app.joining_since() is None else 0


async def under_way(broker: str, bench: Bench) -> None:
    """Ask for calls on every lane, none of which ends before the gate is opened."""
    bench.provider.gate.clear()
    async with KafkaLog(broker) as log:
        requests = [
            bench.request(llm(), args={"word": "x"}, tier=TIERS[n % len(TIERS)], step_id=f"s{n}") for n in range(CALLS)
        ]
        await log.append([to_out(request) for request in requests])


async def all_recorded_once(bench: Bench) -> None:
    bench.provider.gate.set()
    done = lambda: [e for e in bench.results() if isinstance(e, StepSucceeded)]  # noqa: E731
    await until_async(lambda: len(done()) >= CALLS, DEADLINE_S, "every call's result is recorded")
    assert set(Counter(event.run_id for event in done()).values()) == {1}
    assert set(bench.provider.calls.values()) == {1}, "nobody made a call again"


async def test_a_worker_joins_while_calls_are_in_flight(broker: str, bench: Bench, members: list[PollApp]) -> None:
    first, second = members
    await first.start()
    await under_way(broker, bench)
    await until_async(lambda: bench.provider.running == CALLS, DEADLINE_S, "the calls are under way")
    began = time.monotonic()
    await second.start()
    await until_async(lambda: share(first) == share(second) == SHARE, DEADLINE_S, "each has its half")
    assert time.monotonic() - began < AT_ONCE_S
    assert bench.provider.running == CALLS, "the calls go on"
    await all_recorded_once(bench)


async def test_a_worker_that_is_told_to_stop_gives_up_its_lanes_before_its_calls(
    broker: str, bench: Bench, members: list[PollApp]
) -> None:
    first, second = members
    await first.start()
    await under_way(broker, bench)
    await until_async(lambda: bench.provider.running == CALLS, DEADLINE_S, "the calls are under way")
    await second.start()
    await until_async(lambda: share(first) == share(second) == SHARE, DEADLINE_S, "each has its half")
    began = time.monotonic()
    stopping = asyncio.create_task(first.stop())
    await until_async(lambda: share(second) == 2 * SHARE, DEADLINE_S, "the second has everything")
    assert time.monotonic() - began < AT_ONCE_S
    assert bench.provider.running == CALLS, "the first still works on its calls"
    assert not stopping.done()
    await all_recorded_once(bench)
    await stopping
