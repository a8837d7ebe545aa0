"""A log whose records are long ago by the clock on the wall is restored as if it were of today."""

import time
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock, MemoryLog
from connectors.redis.fenced_table import RedisTable
from schemas.payload import inline
from schemas.records.money import CostEvent
from schemas.records.run_events import CancelRequested, StepSucceeded
from streams.core.budgets.fold import BudgetsFold
from streams.core.runs.fold import RunFold
from streams.runtime.routing import to_out
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Takeover
from tests.support.runs import function, resolved, submitted

DAY_S = 86_400
#: More than a batch of the log in memory, so that the repeat comes in a later one.
PAD = 150


@pytest.fixture
async def redis(redis_url: str):
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def restored(redis: Redis, fold, records: list, age_s: int) -> tuple[OwnedPartition, MemoryLog]:
    now_ms = int(time.time() * 1000)
    clock = ManualClock(now_ms - age_s * 1000)
    log = MemoryLog(1, clock)
    for record in records:
        await log.append([to_out(record)])
    clock.ms = now_ms
    table, checkpoints = RedisTable(redis, f"t{uuid4().hex}"), MemoryCheckpoints()
    engine = Engine(
        TableSpec(topic=to_out(records[0]).topic, fold=fold),
        Ports(table=table, log=log, checkpoints=checkpoints, clock=clock),
        on_lost=lambda _: None,
        on_gap=lambda _: None,
    )
    # A memory of one entity, so that everything is loaded again from the store.
    takeover = Takeover(engine, checkpoints, memory_limit=1, restore_grace_ms=0)
    owned = takeover.new(0)
    await takeover.take(owned)
    await engine.load_entities(owned, ["o", records[0].run_id])
    return owned, log


def cost(number: int) -> CostEvent:
    return CostEvent(
        call_id=f"c{number}", org_id="o", run_id="r", step_id="s", workflow_name="w", provider="p", model="m",
        amount_nano=100, booked_at_ms=1, price_version="1",
    )  # fmt: skip


@pytest.mark.parametrize("age_s", [60, 50 * DAY_S])
async def test_a_repeated_settlement_is_booked_once(redis: Redis, age_s: int) -> None:
    costs = [cost(number) for number in range(PAD)]
    owned, _ = await restored(redis, BudgetsFold(), [*costs, cost(0)], age_s)
    assert owned.memory.value("o", "org|total") == PAD * 100


@pytest.mark.parametrize("age_s", [60, 7_200])
async def test_a_repeated_submission_of_a_finished_run_starts_nothing(redis: Redis, age_s: int) -> None:
    first = submitted(resolved(function("a")))
    done = StepSucceeded(
        run_id=first.run_id, org_id=first.org_id, step_id="a", attempt=1, started_at_ms=1, finished_at_ms=2,
        output=inline(1),
    )  # fmt: skip
    pad = [CancelRequested(run_id="nobody", org_id="o") for _ in range(PAD)]
    owned, log = await restored(redis, RunFold(), [first, done, *pad, first], age_s)
    assert owned.memory.value(first.run_id, "st") == "succeeded"
    assert log.everything("step-requests.silver") == []
