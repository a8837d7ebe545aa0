"""What follows from decisions: where labels go, what is stored, and that a crash between the two changes nothing."""

from typing import Any

import pytest

from connectors.memory.deployments import MemoryDeployments
from connectors.postgres.prompts.labels import LabelChange, StoredLabel
from schemas.errors import Conflict, NotFound, Unavailable
from schemas.records.rollouts.deployments import DeploymentDecided
from schemas.rollouts.deployment import NewDeployment
from schemas.rollouts.plan import Plan
from services.prompts.rollouts.upkeep import Upkeep

ORG = "acme"


class Labels:
    """One label, moved by compare-and-set as PostgreSQL does, and the messages of its moves."""

    def __init__(self, version: int | None) -> None:
        self.version = version
        self.moved_by = "ann"
        self.moves: list[tuple[int | None, str, str]] = []

    async def move(self, change: LabelChange, version: int, expected: int | None) -> StoredLabel:
        if self.version != version or (self.moved_by != change.by and self.version != expected):
            if self.version != expected:
                raise Conflict(f"label {change.label} was moved to version {self.version} by key {self.moved_by}")
            self._set(version, change.by, change.message)
        return StoredLabel(change.label, version, len(self.moves), change.by, 1)

    async def remove(self, change: LabelChange, expected: int | None) -> None:
        if self.version is None:
            raise NotFound("no label")
        if self.version != expected:
            raise Conflict("moved")
        self._set(None, change.by, change.message)

    def _set(self, version: int | None, by: str, message: str) -> None:
        self.version, self.moved_by = version, by
        self.moves.append((version, by, message))


class Dying(MemoryDeployments):
    """A store whose first record is lost, as if the process died before it."""

    died = False

    async def record(self, decided: DeploymentDecided, problem: str = "") -> bool:
        if not self.died:
            self.died = True
            raise Unavailable("postgres", "no answer")
        return await super().record(decided, problem)


def new(**changes: Any) -> NewDeployment:
    fields: dict[str, Any] = {"prompt": "greet", "environment": "production", "stable_version": 1, "canary_version": 2}
    return NewDeployment(**{"id": "d1", "org_id": ORG, "plan": Plan(salt="s")} | fields | changes)


def decided(number: int, status: str, reason: str = "not_worse", **changes: Any) -> DeploymentDecided:
    fields: dict[str, Any] = {"prompt": "greet", "environment": "production", "stable_version": 1, "canary_version": 2}
    fields |= {"status": status, "step": 0, "ratio": 0.1, "reason": reason, "at_ms": 9, "number": number}
    return DeploymentDecided(**{"org_id": ORG, "deployment_id": "d1", "plan": Plan(salt="s")} | fields | changes)


async def started(store: MemoryDeployments, **changes: Any) -> None:
    await store.start(new(**changes))


async def test_a_promotion_moves_the_label_and_ends_the_deployment() -> None:
    store, labels = MemoryDeployments(), Labels(1)
    await started(store)
    upkeep = Upkeep(store, labels)
    assert await upkeep.apply(decided(1, "running", "started"))
    assert labels.moves == []
    assert await upkeep.apply(decided(2, "promoted"))
    assert labels.moves == [(2, "deployment:d1", "deployment d1 was promoted: not_worse")]
    found = await store.get(ORG, "d1")
    assert (found.status, found.number, found.problem, found.ended_ms) == ("promoted", 2, "", 9)
    assert not await upkeep.apply(decided(2, "promoted")), "a repeat changes nothing"
    assert len(labels.moves) == 1


async def test_a_rollback_leaves_the_label_where_it_is() -> None:
    store, labels = MemoryDeployments(), Labels(1)
    await started(store)
    assert await Upkeep(store, labels).apply(decided(1, "rolled_back", "brake"))
    assert (labels.version, labels.moves) == (1, [])
    assert (await store.get(ORG, "d1")).status == "rolled_back"


async def test_a_crash_between_the_label_and_the_record_moves_it_once() -> None:
    store, labels = Dying(), Labels(1)
    await started(store)
    with pytest.raises(Unavailable):
        await Upkeep(store, labels).apply(decided(1, "promoted"))
    assert await Upkeep(store, labels).apply(decided(1, "promoted"))
    assert [version for version, *_ in labels.moves] == [2]
    assert (await store.get(ORG, "d1")).problem == ""


async def test_a_label_that_somebody_moved_stays_and_the_deployment_says_so() -> None:
    store, labels = MemoryDeployments(), Labels(7)
    await started(store)
    assert await Upkeep(store, labels).apply(decided(1, "promoted"))
    found = await store.get(ORG, "d1")
    assert (labels.version, found.status) == (7, "promoted")
    assert "moved to version 7 by key ann" in found.problem


async def test_a_promotion_that_is_taken_back_by_hand_moves_the_label_back() -> None:
    store, labels = MemoryDeployments(), Labels(1)
    await started(store)
    upkeep = Upkeep(store, labels)
    await upkeep.apply(decided(1, "promoted"))
    assert await upkeep.apply(decided(2, "rolled_back", "by_hand", by="bob"))
    assert [(version, by) for version, by, _ in labels.moves] == [(2, "deployment:d1"), (1, "bob")]
    assert await upkeep.apply(decided(3, "promoted", "by_hand", by="bob"))
    assert labels.version == 2


async def test_the_first_version_of_an_environment_makes_the_label_and_taking_it_back_removes_it() -> None:
    store, labels = MemoryDeployments(), Labels(None)
    await started(store, stable_version=0)
    upkeep = Upkeep(store, labels)
    assert await upkeep.apply(decided(1, "promoted", "all_at_once", stable_version=0))
    assert labels.version == 2
    assert await upkeep.apply(decided(2, "stopped", "by_hand", stable_version=0))
    assert labels.version is None


async def test_a_decision_of_no_deployment_here_changes_nothing() -> None:
    store, labels = MemoryDeployments(), Labels(1)
    assert not await Upkeep(store, labels).apply(decided(1, "promoted"))
    await started(store)
    assert not await Upkeep(store, labels).apply(decided(1, "promoted", org_id="other"))
    assert labels.moves == []
