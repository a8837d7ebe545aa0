"""A replica that took over: tables that lost commits are seen, and money stays closed until their owner has looked."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from connectors.ports.engine import Answer, Commit, Position
from connectors.redis.client import connect_pipelined
from connectors.redis.fenced_table import SETTLE_MS, RedisTable
from connectors.redis.holds import Held, HoldRequest, RedisHolds
from connectors.redis.keys import budgets_slot
from connectors.redis.pipelined.client import PipelinedRedis
from schemas.errors import Unavailable
from services.budgets.definitions import BudgetDefinitions
from tests.support import redis_servers
from tests.support.redis_servers import Watched

PARTITIONS = 12
ORG = "acme"
PARTITION = budgets_slot(ORG, PARTITIONS).partition


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Site:
    """A watched master with a table of money that is open, folded up to offset 1, and its replica has that."""

    def __init__(self, servers: Watched, redis: PipelinedRedis) -> None:
        self.servers = servers
        self.redis = redis
        self.table = RedisTable(redis, "budgets")
        definitions = BudgetDefinitions()
        definitions.mark_loaded()
        self.holds = RedisHolds(redis, definitions, PARTITIONS, 60_000)
        self.epoch = 0

    async def open(self) -> None:
        self.epoch = (await self.table.take(PARTITION, "log")).epoch
        await self.table.begin(PARTITION, self.epoch, "log", Position(0, 0))
        assert await self.table.open(PARTITION, self.epoch, now_ms()) is Answer.OK
        await self.commit(0)
        assert await self.redis.wait(1, 5_000) == 1

    async def commit(self, offset: int) -> None:
        change = Commit(self.epoch, offset, offset + 1, 0, puts={ORG: {"spent": b"1"}})
        assert await self.table.commit(PARTITION, change) is Answer.OK

    async def hold(self) -> object:
        request = HoldRequest(
            org_id=ORG, call_id=uuid.uuid4().hex, run_id="run", step_id="step", workflow="wf", provider="p", model="m",
            estimate_nano=1, at_ms=now_ms(), run_budget_nano=None, tags={}, price_version="v1",
        )  # fmt: skip
        return await self.holds.hold(request)

    async def fail_over(self, *, losing: int = 0) -> None:
        """Kill the master; its replica takes over without the last ``losing`` commits, which were acknowledged."""
        master, replica = self.servers.servers
        os.kill(replica.process.pid, signal.SIGSTOP)
        # Its connection, too: what is in the buffers of one that stopped would still arrive.
        await self.redis.client_kill_filter(_type="replica")
        for n in range(losing):
            await self.commit(1 + n)
        master.stop()
        os.kill(replica.process.pid, signal.SIGCONT)
        async with asyncio.timeout(60):
            while True:
                try:
                    await self.redis.ping()
                    return
                except RedisError:
                    await asyncio.sleep(0.05)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with redis_servers.watched(tmp_path) as servers:
        redis = connect_pipelined(servers.url)
        site = Site(servers, redis)
        await site.open()
        yield site
        await redis.aclose()


async def test_commits_that_a_failover_lost_are_seen_and_no_money_is_given_meanwhile(site: Site) -> None:
    assert isinstance(await site.hold(), Held)
    await site.fail_over(losing=2)
    with pytest.raises(Unavailable):
        await site.hold()
    # The owner knows of three commits: the table is behind, which opens nothing.
    assert await site.table.stands(PARTITION, site.epoch, 3) == 1
    assert await site.table.commit(PARTITION, Commit(site.epoch, 3, 4, 0)) is Answer.LOST
    with pytest.raises(Unavailable):
        await site.hold()
    # It takes the table again, folds the missing records, and says from when it may be trusted.
    site.epoch = (await site.table.take(PARTITION, "log")).epoch
    await site.commit(1)
    await site.commit(2)
    with pytest.raises(Unavailable):
        await site.hold()
    assert await site.table.open(PARTITION, site.epoch, now_ms()) is Answer.OK
    assert isinstance(await site.hold(), Held)


async def test_a_replica_that_lacks_nothing_is_opened_by_the_owners_look(site: Site) -> None:
    await site.fail_over()
    with pytest.raises(Unavailable):
        await site.hold()
    # Whose owner cannot vouch for it, it stays closed.
    assert await site.table.stands(PARTITION, site.epoch) == 1
    with pytest.raises(Unavailable):
        await site.hold()
    assert await site.table.stands(PARTITION, site.epoch, 1) == 1
    with pytest.raises(Unavailable):  # holds since the last commit may be lost: the log has them in a moment
        await site.hold()
    await asyncio.sleep(SETTLE_MS / 1000 + 0.05)
    assert isinstance(await site.hold(), Held)


async def test_one_master_is_trusted_throughout(site: Site) -> None:
    for _ in range(3):
        assert await site.table.stands(PARTITION, site.epoch, 1) == 1
        assert isinstance(await site.hold(), Held)
