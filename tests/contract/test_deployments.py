"""The store of deployments, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.memory.deployments import MemoryDeployments
from connectors.postgres.database import Database
from connectors.postgres.outbox import Outbox
from connectors.postgres.prompts import Prompts
from connectors.postgres.prompts.deployments import PromptDeployments
from connectors.postgres.prompts.rows import NewPrompt
from schemas.errors import Conflict, NotFound
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentOverridden, DeploymentStepped
from schemas.rollouts.deployment import DeploymentFilter, NewDeployment
from schemas.rollouts.plan import Plan
from services.prompts.rollouts.control import Deployments
from tests.support.api import MemoryLog, migrated_database
from topics.catalogue import DEPLOYMENT_OUTCOMES
from topics.codec import decode

ORG = "acme"


@pytest.fixture(scope="module", params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    """Where the store is; empty for memory."""
    return "" if request.param == "memory" else migrated_database(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[Deployments]:
    if not dsn:
        yield MemoryDeployments()
        return
    database = Database(dsn, timeout_s=15)
    for table in ("deployment", "definition_outbox", "prompt"):
        await database.fetch("clean", f"DELETE FROM {table}")
    for org in (ORG, "other"):
        await database.fetch("add", "INSERT INTO organisation (id) VALUES ($1) ON CONFLICT DO NOTHING", org)
        for name in ("greet", "ask"):
            for text in ("one", "two"):
                await Prompts(database).create(org, NewPrompt(name, text))
    await database.fetch("clean", "DELETE FROM definition_outbox")
    yield PromptDeployments(database)
    await database.close()


async def said(store: Deployments, dsn: str) -> list[object]:
    """Return the records that reached the topic."""
    if isinstance(store, MemoryDeployments):
        return list(store.said)
    database, log = Database(dsn, timeout_s=15), MemoryLog()
    await Outbox(database).publish(log.append)
    await database.close()
    assert {one.topic for one in log.records} <= {DEPLOYMENT_OUTCOMES}
    return [decode(DEPLOYMENT_OUTCOMES, one.value) for one in log.records]


def new(id_: str = "d1", **changes: Any) -> NewDeployment:
    fields: dict[str, Any] = {"prompt": "greet", "environment": "production", "stable_version": 1, "canary_version": 2}
    return NewDeployment(**{"id": id_, "org_id": ORG, "plan": Plan(salt="s", steps=(0.1, 0.5))} | fields | changes)


def decided(one: NewDeployment, number: int, **changes: Any) -> DeploymentDecided:
    fields: dict[str, Any] = {"status": "running", "step": 0, "ratio": 0.1, "reason": "started", "at_ms": 5_000}
    return DeploymentDecided(
        org_id=one.org_id,
        prompt=one.prompt,
        environment=one.environment,
        deployment_id=one.id,
        number=number,
        stable_version=one.stable_version,
        canary_version=one.canary_version,
        plan=one.plan,
        **fields | changes,
    )


async def test_a_deployment_is_stored_as_it_was_given_and_said_once(store: Deployments, dsn: str) -> None:
    one = new(entity="input.user", message="colder", started_by="key")
    stored = await store.start(one)
    assert (stored.plan, stored.entity, stored.status, stored.number) == (one.plan, "input.user", "running", 0)
    assert stored.started_ms > 0
    assert await store.start(one) == stored, "a repeat changes nothing"
    assert await store.get(ORG, "d1") == stored
    assert await said(store, dsn) == [one.start()]


async def test_one_deployment_runs_at_a_time_in_an_environment(store: Deployments) -> None:
    await store.start(new())
    with pytest.raises(Conflict, match="d1 of prompt greet runs in production"):
        await store.start(new("d2"))
    for other in (new("d3", environment="staging"), new("d4", prompt="ask"), new("d5", org_id="other")):
        await store.start(other)
    assert [one.id for one in await store.running(ORG)] == ["d1", "d3", "d4"]
    assert [one.id for one in await store.running()] == ["d1", "d3", "d4", "d5"]


async def test_another_organisation_finds_nothing_and_decides_nothing(store: Deployments, dsn: str) -> None:
    one = await store.start(new())
    await said(store, dsn)
    with pytest.raises(NotFound, match="no deployment d1"):
        await store.get("other", "d1")
    foreign = DeploymentOverridden(
        org_id="other", prompt="greet", environment="production", deployment_id="d1", action="promote"
    )
    with pytest.raises(NotFound, match="no deployment d1"):
        await store.say(foreign)
    assert not await store.record(decided(new(org_id="other"), 9, status="promoted"))
    assert await store.get(ORG, "d1") == one
    assert (await store.page("other", DeploymentFilter(limit=10)))[0] == []


async def test_what_is_decided_by_hand_is_said(store: Deployments, dsn: str) -> None:
    await store.start(new())
    names = {"org_id": ORG, "prompt": "greet", "environment": "production", "deployment_id": "d1", "by": "key"}
    hand = [DeploymentStepped(step=1, **names), DeploymentOverridden(action="rollback", **names)]
    for record in hand:
        await store.say(record)
    assert await said(store, dsn) == [new().start(), *hand]


async def test_decisions_are_recorded_in_their_order(store: Deployments) -> None:
    one = await store.start(new())
    assert await store.record(decided(one, 1))
    assert await store.record(decided(one, 2, step=1, ratio=0.5, reason="step"))
    assert not await store.record(decided(one, 2, step=1, ratio=0.5, reason="step")), "a repeat changes nothing"
    assert not await store.record(decided(one, 1))
    found = await store.get(ORG, "d1")
    assert (found.step, found.number, found.status, found.ended_ms) == (1, 2, "running", None)
    over = decided(one, 3, step=1, status="rolled_back", reason="brake", at_ms=9_000)
    assert await store.record(over, "somebody moved the label")
    found = await store.get(ORG, "d1")
    assert (found.status, found.decision, found.problem, found.ended_ms) == (
        "rolled_back",
        over,
        "somebody moved the label",
        9_000,
    )
    assert await store.running(ORG) == []
    await store.start(new("d2"))


async def test_pages_are_the_newest_first_and_filtered(store: Deployments) -> None:
    for number in range(3):
        one = await store.start(new(f"d{number}"))
        await store.record(decided(one, 1, status="stopped", reason="by_hand"))
    await store.start(new("d3", prompt="ask", project=None))
    first, more = await store.page(ORG, DeploymentFilter(limit=3))
    assert [one.id for one in first] == ["d3", "d2", "d1"]
    assert more is not None
    rest, none = await store.page(ORG, DeploymentFilter(limit=3, cursor=more))
    assert ([one.id for one in rest], none) == (["d0"], None)
    filters: list[dict[str, Any]] = [
        {"prompt": "ask"},
        {"status": "running"},
        {"prompts_like": ["as%"]},
        {"environment": "production", "status": "running"},
    ]
    for filtered in filters:
        page, _ = await store.page(ORG, DeploymentFilter(limit=10, **filtered))
        assert [one.id for one in page] == ["d3"], filtered
    assert (await store.page(ORG, DeploymentFilter(limit=10, environment="staging")))[0] == []
