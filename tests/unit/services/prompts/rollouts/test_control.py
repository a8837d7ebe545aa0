"""Starting rollouts and deciding by hand: who may, and what is stored and said."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from msgspec import structs

from connectors.memory.deployments import MemoryDeployments
from connectors.postgres.prompts.labels import StoredLabel
from connectors.postgres.prompts.rows import StoredPrompt
from schemas.errors import Conflict, Forbidden, InvalidInput, NotFound
from schemas.prompts.refs import PromptRef
from schemas.records.rollouts.deployments import DeploymentOverridden, DeploymentStarted, DeploymentStepped
from schemas.scopes import Scopes
from services.prompts.registry.prompts import Author
from services.prompts.rollouts.control import DeployRequest, Rollouts
from services.prompts.rollouts.plans import PlanRequest

ORG = "acme"
ANN = Author("ann")


def version(number: int, text: str = "hi", **changes: Any) -> StoredPrompt:
    one = StoredPrompt(name="greet", version=number, template=text, hash=text, variables=None, created_ms=1)
    return replace(one, **changes)


@dataclass
class Registry:
    """A registry in memory, and which prompts are scored."""

    versions: dict[int, StoredPrompt] = field(default_factory=lambda: {1: version(1), 2: version(2)})
    named: dict[str, int] = field(default_factory=lambda: {"production": 1})
    scored: tuple[str, ...] = ()

    @property
    def labels(self) -> "Registry":
        return self

    async def all(self, org_id: str, name: str) -> list[StoredLabel]:
        return [StoredLabel(label, number, 1, "ann", 1) for label, number in self.named.items()]

    async def get(self, org_id: str, ref: PromptRef, author: Author) -> StoredPrompt:
        found = self.versions.get(ref.version or max(self.versions))
        if found is None or ref.name != "greet":
            raise NotFound("there is none")
        return found

    async def require_owned(self, org_id: str, name: str, author: Author) -> None:
        if author.project is not None:
            raise Forbidden("it belongs to all")

    async def of_org(self, org_id: str) -> Collection[str]:
        return self.scored


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def store() -> MemoryDeployments:
    return MemoryDeployments(lambda: 1_000)


@pytest.fixture
def rollouts(registry: Registry, store: MemoryDeployments) -> Rollouts:
    ids = iter(["d1", "d2"])
    return Rollouts(registry, store, registry, lambda: next(ids))


def ask(**changes: Any) -> DeployRequest:
    return DeployRequest(**{"ref": PromptRef("greet"), "environment": "production"} | changes)


async def test_the_newest_version_becomes_the_canary_of_what_the_label_names(
    rollouts: Rollouts, store: MemoryDeployments
) -> None:
    made = await rollouts.start(ORG, ask(plan=PlanRequest(entity="input.user"), message="colder"), ANN)
    assert (made.id, made.stable_version, made.canary_version, made.entity) == ("d1", 1, 2, "input.user")
    assert (made.plan.salt, made.plan.sticky, made.started_by, made.message) == ("d1", True, "ann", "colder")
    assert "score" not in made.plan.rules, "nothing is scored"
    assert isinstance(store.said[0], DeploymentStarted)


async def test_ids_are_in_the_order_of_starts(
    registry: Registry, store: MemoryDeployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([15, 16])
    monkeypatch.setattr("services.prompts.rollouts.control.now_ms", lambda: next(times))
    rollouts = Rollouts(registry, store, registry)
    first = await rollouts.start(ORG, ask(environment="staging", plan=PlanRequest(mode="all")), ANN)
    second = await rollouts.start(ORG, ask(), ANN)
    assert first.id < second.id
    assert re.fullmatch("dep_[0-9a-f]{32}", second.id)


async def test_scores_are_judged_where_answers_are_scored(rollouts: Rollouts, registry: Registry) -> None:
    registry.scored = ("greet",)
    assert "score" in (await rollouts.start(ORG, ask(), ANN)).plan.rules


async def test_the_first_version_of_an_environment_is_deployed_at_once(rollouts: Rollouts) -> None:
    with pytest.raises(InvalidInput, match="no version in staging"):
        await rollouts.start(ORG, ask(environment="staging"), ANN)
    made = await rollouts.start(ORG, ask(environment="staging", plan=PlanRequest(mode="all")), ANN)
    assert (made.stable_version, made.canary_version) == (0, 2)


@pytest.mark.parametrize("environment", ["latest", "3", "Über"])
async def test_an_environment_is_a_label(rollouts: Rollouts, environment: str) -> None:
    with pytest.raises(InvalidInput, match="environment"):
        await rollouts.start(ORG, ask(environment=environment), ANN)


async def test_what_may_not_be_deployed_is_refused_and_nothing_is_stored(
    rollouts: Rollouts, registry: Registry, store: MemoryDeployments
) -> None:
    with pytest.raises(Forbidden):
        await rollouts.start(ORG, ask(), Author("bob", "shop"))
    with pytest.raises(NotFound):
        await rollouts.start(ORG, ask(ref=PromptRef("greet", 9)), ANN)
    registry.versions[2] = version(2, "{{ new }}")
    with pytest.raises(InvalidInput, match="needs new"):
        await rollouts.start(ORG, ask(), ANN)
    registry.versions[2] = version(2, archived_ms=1)
    with pytest.raises(Conflict, match="archived"):
        await rollouts.start(ORG, ask(), ANN)
    assert store.rows == {}


async def test_what_is_decided_by_hand_is_said_with_who_did(rollouts: Rollouts, store: MemoryDeployments) -> None:
    made = await rollouts.start(ORG, ask(), ANN)
    await rollouts.step(ORG, made.id, 2, ANN)
    await rollouts.decide(ORG, made.id, "rollback", ANN)
    stepped, overridden = store.said[1:]
    assert isinstance(stepped, DeploymentStepped)
    assert (stepped.step, stepped.by, stepped.rollout) == (2, "ann", "acme:greet:production")
    assert isinstance(overridden, DeploymentOverridden)
    assert (overridden.action, overridden.by, overridden.deployment_id) == ("rollback", "ann", "d1")


async def test_steps_are_later_ones_of_a_running_deployment(rollouts: Rollouts, store: MemoryDeployments) -> None:
    made = await rollouts.start(ORG, ask(), ANN)
    for step in (0, 3):
        with pytest.raises(InvalidInput, match="later step"):
            await rollouts.step(ORG, made.id, step, ANN)
    store.rows[made.id] = structs.replace(made, status="stopped")
    with pytest.raises(Conflict, match="is over"):
        await rollouts.step(ORG, made.id, 1, ANN)


async def test_who_does_not_see_the_prompt_finds_no_deployment(rollouts: Rollouts) -> None:
    made = await rollouts.start(ORG, ask(), ANN)
    limited = Author("bob", scopes=Scopes.of(["prompt:other"]))
    with pytest.raises(NotFound):
        await rollouts.get(ORG, made.id, limited)
    with pytest.raises(NotFound):
        await rollouts.decide(ORG, made.id, "promote", limited)
    with pytest.raises(NotFound):
        await rollouts.get("other", made.id, ANN)
    with pytest.raises(Forbidden):
        await rollouts.decide(ORG, made.id, "promote", Author("bob", "shop"))


async def test_without_a_mode_the_first_version_of_an_environment_is_deployed_at_once(rollouts: Rollouts) -> None:
    first = await rollouts.start(ORG, ask(environment="staging", first_at_once=True), ANN)
    later = await rollouts.start(ORG, ask(first_at_once=True), ANN)
    assert (first.plan.mode, first.stable_version, later.plan.mode) == ("all", 0, "canary")


async def test_what_another_deployment_followed_is_decided_no_more(
    rollouts: Rollouts, store: MemoryDeployments
) -> None:
    first = await rollouts.start(ORG, ask(), ANN)
    store.rows[first.id] = structs.replace(first, status="rolled_back")
    second = await rollouts.start(ORG, ask(), ANN)
    with pytest.raises(Conflict, match="d2 came after it in production"):
        await rollouts.decide(ORG, first.id, "promote", ANN)
    assert (await rollouts.decide(ORG, second.id, "promote", ANN)).id == "d2"
    assert len(store.said) == 3
