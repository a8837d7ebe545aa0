"""The role of leases joins the group of workers for a queue that leases are requested of, and leaves it afterwards."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from connectors.redis.claims.lease_desk import LeaseDesk
from connectors.redis.claims.lent_attempts import LentAttempts
from schemas.records.steps import StepRequest, ToolCall
from services.runs.leasing.leases import Completion, LeaseRequest, StepLeases
from streams.process.context import RoleContext
from streams.roles.leases.role import Leases
from streams.runtime.routing import to_out
from tests.support.role_context import role_context
from tests.support.runs_table import open_runs
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, TRACE_SPANS, lane, wanted

DEADLINE_S = 60.0


@pytest.fixture
async def ctx(kafka_bootstrap: str, redis_url: str) -> AsyncIterator[RoleContext]:
    async with role_context(kafka_bootstrap, redis_url, {"TOPIC_PARTITIONS": str(PARTITIONS)}) as made:
        yield made


def request(queue: str) -> StepRequest:
    return StepRequest(
        run_id=str(uuid.uuid4()),
        org_id="o",
        workflow_name="w",
        workflow_version=1,
        step_id="s",
        node_id="s",
        attempt=1,
        tier="gold",
        work=ToolCall(name="t"),
        requested_at_ms=1,
        queue=queue,
    )


async def test_a_queue_is_read_while_leases_are_asked_for(ctx: RoleContext, kafka_bootstrap: str) -> None:
    queue = f"o.q{uuid.uuid4().hex[:8]}"
    topic = lane(queue)
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(
            {name: wanted(queues=[queue])[name] for name in (RUN_EVENTS, TRACE_SPANS, topic)}, PARTITIONS, 1
        )
        claims = LentAttempts(ctx.redis, PARTITIONS)
        await open_runs(ctx.redis, PARTITIONS)
        role, api = Leases(ctx), StepLeases(LeaseDesk(ctx.redis), claims, ctx.objects(), ctx.log)
        ctx.on_close(role.close)
        for turn in range(2):
            await ctx.log.append([to_out(request(queue))])
            await role.tick()
            assert await api.lease(LeaseRequest(topic, "w", 1, 60_000, 0.0)) == [], "nobody gives one yet"
            await role.tick()
            (leased,) = await api.lease(LeaseRequest(topic, "w", 1, 60_000, DEADLINE_S))
            await api.complete(topic, leased.lease, Completion(turn))
            # As after a long time without requests.
            await ctx.redis.delete("{leases}:queues")

            async with asyncio.timeout(DEADLINE_S):
                while role.reads:
                    await role.tick()
                    await asyncio.sleep(0.05)
            assert await admin.members("agentflow.worker") == 0
    await api.stop()
