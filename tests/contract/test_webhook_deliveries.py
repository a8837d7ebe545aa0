"""What every store of deliveries does: order by subject, claims that end, one row per event and webhook."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.kms.opening import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.memory.engine import ManualClock
from connectors.postgres.database import Database
from connectors.postgres.webhooks.deliveries import NewDelivery, WebhookDeliveries
from connectors.postgres.webhooks.stored import Webhooks
from schemas.errors import Conflict, InvalidInput, NotFound
from tests.support.api import migrated_database, unique
from tests.support.webhooks import MemoryDeliveries

LEASE_S = 30


class World:
    """A store with two webhooks, and time that passes for it."""

    def __init__(self, store: WebhookDeliveries | MemoryDeliveries, org_id: str, hooks: list[str]) -> None:
        self.store = store
        self.org_id = org_id
        self.hooks = hooks
        self.database: Database | None = None

    def event(self, run: str, what: str, hook: int = 0) -> NewDelivery:
        return NewDelivery(self.org_id, self.hooks[hook], f"{run}/{what}", f"run.{what}", run, b"{}")

    async def claim(self, most: int = 10) -> list[str]:
        return sorted([one.event_id for one in await self.store.claim(most, LEASE_S) if one.org_id == self.org_id])

    async def later(self, seconds: int) -> None:
        """Let time pass: in PostgreSQL all times of the organisation move back."""
        if isinstance(self.store, MemoryDeliveries):
            self.store.clock.ms += seconds * 1000
            return
        assert self.database is not None
        await self.database.fetch(
            "move times",
            "UPDATE webhook_delivery SET due_at = due_at - $2 * interval '1 second', "
            "claimed_until = claimed_until - $2 * interval '1 second' WHERE org_id = $1 RETURNING seq",
            *(self.org_id, seconds),
        )


@pytest.fixture(scope="module", params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    """A database of the module, or nothing for the store in memory."""
    return "" if request.param == "memory" else migrated_database(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    org = unique("org")
    if not dsn:
        yield World(MemoryDeliveries(ManualClock()), org, ["wh_a", "wh_b"])
        return
    database = Database(dsn, timeout_s=15)
    await database.fetch("add", "INSERT INTO organisation (id, name) VALUES ($1, $1) RETURNING id", org)
    keys = EnvelopeKeys.of("k" * 32, "")
    assert keys is not None
    stored = Webhooks(database, LocalKms(keys))
    made = [(await stored.create(org, "https://a.example/", ["*"], "", "key"))[0].id for _ in range(2)]
    world = World(WebhookDeliveries(database), org, made)
    world.database = database
    yield world
    await database.close()


async def test_of_a_subject_only_the_oldest_is_due(world: World) -> None:
    await world.store.add([world.event("r1", "a"), world.event("r1", "b"), world.event("r2", "a")])
    assert await world.claim() == ["r1/a", "r2/a"]
    assert await world.claim() == []


async def test_the_next_is_due_when_the_one_before_has_ended(world: World) -> None:
    await world.store.add([world.event("r1", what) for what in "abc"])
    (first,) = await world.store.claim(10, LEASE_S)
    await world.store.delivered(first, 200)
    (second,) = await world.store.claim(10, LEASE_S)
    assert second.event_id == "r1/b"
    await world.store.dead(second, 500, "broken")
    assert await world.claim() == ["r1/c"]


async def test_each_webhook_has_an_order_of_its_own(world: World) -> None:
    await world.store.add([world.event("r1", "a", 0), world.event("r1", "a", 1)])
    assert await world.claim() == ["r1/a", "r1/a"]


async def test_an_event_that_is_stored_again_is_one_delivery(world: World) -> None:
    for _ in range(3):
        await world.store.add([world.event("r1", "a")])
    (one,) = await world.store.claim(10, LEASE_S)
    await world.store.delivered(one, 200)
    await world.store.add([world.event("r1", "a")])
    assert await world.claim() == []


async def test_a_failed_one_is_due_later_and_holds_back_those_behind_it(world: World) -> None:
    await world.store.add([world.event("r1", "a"), world.event("r1", "b")])
    (one,) = await world.store.claim(10, LEASE_S)
    await world.store.again(one, 503, "busy", 60_000)
    assert await world.claim() == []
    await world.later(61)
    (again,) = await world.store.claim(10, LEASE_S)
    assert (again.event_id, again.tries) == ("r1/a", 2)


async def test_a_claim_ends_by_itself(world: World) -> None:
    await world.store.add([world.event("r1", "a")])
    assert await world.claim() == ["r1/a"]
    await world.later(LEASE_S + 1)
    assert await world.claim() == ["r1/a"]


async def test_processes_share_what_is_due(world: World) -> None:
    await world.store.add([world.event(f"r{n}", "a") for n in range(40)])
    claimed = await asyncio.gather(*(world.claim(7) for _ in range(8)))
    every = [one for some in claimed for one in some]
    assert len(every) == len(set(every)) == 40


async def test_one_that_ended_is_sent_again_when_somebody_wants_it(world: World) -> None:
    store = world.store
    if isinstance(store, MemoryDeliveries):
        pytest.skip("the API has PostgreSQL's store only")
    await store.add([world.event("r1", "a")])
    (one,) = await store.claim(10, LEASE_S)
    with pytest.raises(Conflict, match="still being tried"):
        await store.retry(world.org_id, one.webhook_id, one.seq)
    await store.dead(one, None, "nobody there")
    shown = await store.retry(world.org_id, one.webhook_id, one.seq)
    assert (shown.state, shown.tries) == ("pending", 0)
    assert await world.claim() == ["r1/a"]
    own, hook, seq = world.org_id, one.webhook_id, one.seq
    for place in (("other", hook, seq), (own, "wh_x", seq), (own, hook, 0)):
        with pytest.raises(NotFound):
            await store.retry(*place)


async def test_pages_and_what_is_forgotten(world: World) -> None:
    store = world.store
    if isinstance(store, MemoryDeliveries):
        pytest.skip("the API has PostgreSQL's store only")
    await store.add([world.event(f"r{n}", "a") for n in range(5)])
    first, cursor = await store.page(world.org_id, world.hooks[0], None, 3, None)
    second, end = await store.page(world.org_id, world.hooks[0], None, 3, cursor)
    assert [one.subject for one in (*first, *second)] == ["r4", "r3", "r2", "r1", "r0"]
    assert end is None
    assert (await store.page(world.org_id, world.hooks[0], "dead", 3, None))[0] == []
    assert (await store.page("other", world.hooks[0], None, 3, None))[0] == []
    with pytest.raises(InvalidInput):
        await store.page(world.org_id, world.hooks[0], None, 3, "x")
    for one in await store.claim(10, LEASE_S):
        await store.delivered(one, 200)
    assert await store.forget(1) == 0
    assert await store.forget(-1) >= 5


async def test_nothing_is_stored_for_a_webhook_that_is_gone_or_another_organisations(world: World) -> None:
    store = world.store
    if isinstance(store, MemoryDeliveries):
        pytest.skip("the webhooks are PostgreSQL's")
    await store.add([NewDelivery("other", world.hooks[0], "e", "run.failed", "r", b"{}")])
    await store.add([NewDelivery(world.org_id, "wh_gone", "e", "run.failed", "r", b"{}")])
    assert await world.claim() == []


async def test_deliveries_of_an_organisation_that_is_away_wait_where_they_are(world: World) -> None:
    if world.database is None:
        pytest.skip("organisations move between databases")
    await world.store.add([world.event("r1", "a")])
    for place, claimed in (("frozen", []), ("arriving", []), ("left", []), ("leaving", ["r1/a"])):
        await world.database.fetch(
            "move an organisation",
            "INSERT INTO organisation_place (org_id, place, cell, url, move_id) VALUES ($1, $2, 'west', '', 'm') "
            "ON CONFLICT (org_id) DO UPDATE SET place = excluded.place",
            *(world.org_id, place),
        )
        assert await world.claim() == claimed, place
