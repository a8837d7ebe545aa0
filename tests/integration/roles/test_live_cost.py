"""The role of live cost on a real log: what is settled and held arrives at a strict receiver, exactly."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import pytest

from bench.observability.grafana_receiver import Receiver
from connectors.ports.engine import OutRecord
from schemas.metrics import LIVE_COST_HELD, LIVE_COST_SETTLED_TOTAL
from schemas.records.money import CallStarted, CostEvent
from streams.process.context import RoleContext
from streams.roles.sinks.live_cost import build
from streams.runtime.routing import to_out
from tests.support.role_context import role_context
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import COST_EVENTS, wanted

DEADLINE_S = 60.0


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def ctx(kafka_bootstrap: str, redis_url: str, receiver: Receiver) -> AsyncIterator[RoleContext]:
    with receiver:
        settings = {"TOPIC_PARTITIONS": str(PARTITIONS), "GRAFANA_URL": receiver.url, "GRAFANA_TOKEN": receiver.token}
        async with role_context(kafka_bootstrap, redis_url, settings) as made:
            async with TopicAdmin(kafka_bootstrap) as admin:
                await admin.create({COST_EVENTS: wanted()[COST_EVENTS]}, PARTITIONS, 1)
            yield made


def call(org: str, number: int, now_ms: int) -> tuple[CallStarted, CostEvent]:
    started = CallStarted(
        call_id=f"{org}-{number}",
        org_id=org,
        run_id=str(uuid.uuid4()),
        step_id="ask",
        workflow_name="two words, and = more",
        provider="local",
        model="small",
        amount_nano=1_000,
        booked_at_ms=now_ms,
        expires_at_ms=now_ms + 600_000,
        price_version="1",
    )
    settled = CostEvent(
        call_id=started.call_id,
        org_id=org,
        run_id=started.run_id,
        step_id="ask",
        workflow_name=started.workflow_name,
        provider="local",
        model="small",
        amount_nano=100 + number,
        booked_at_ms=now_ms,
        price_version="1",
    )
    return started, settled


async def test_seconds_add_up_to_what_was_settled_and_what_is_held_is_shown(
    ctx: RoleContext, receiver: Receiver
) -> None:
    org = f"o {uuid.uuid4().hex[:8]}"
    app = build(ctx)
    await app.start()
    ctx.on_close(app.stop)
    now_ms = time.time_ns() // 1_000_000
    calls = [call(org, number, now_ms) for number in range(50)]
    await ctx.log.append([to_out(started) for started, _ in calls])
    # Ten calls never end; five settlements come twice, and a record that nobody can read comes in between.
    settled = [to_out(event) for _, event in calls[:40]]
    bad = OutRecord(COST_EVENTS, org.encode(), b"no record")
    await ctx.log.append([*settled[:20], bad, *settled[:5], *settled[20:]])
    wanted_nano = sum(event.amount_nano for _, event in calls[:40])

    def money() -> int:
        mine = [line for line in receiver.lines if line.tags["org"] == org]
        return round(sum(float(line.fields["settled_usd"]) for line in mine) * 1e9)

    async with asyncio.timeout(DEADLINE_S):
        while money() < wanted_nano:  # noqa: ASYNC110 - the receiver is a thread
            await asyncio.sleep(0.05)
    last = [line for line in receiver.lines if line.tags["org"] == org][-1]
    assert (money(), receiver.refused) == (wanted_nano, [])
    assert last.tags == {"org": org, "workflow": "two words, and = more", "provider": "local", "model": "small"}
    assert float(last.fields["held_usd"]) == pytest.approx(10 * 1_000 / 1e9)
    labels = dict(last.tags)
    assert ctx.registry.get_sample_value(LIVE_COST_SETTLED_TOTAL, labels) == wanted_nano
    assert ctx.registry.get_sample_value(LIVE_COST_HELD, labels) == 10_000
