"""How long a resolved workflow is used before PostgreSQL is asked again."""

from typing import Any

import pytest

from connectors.postgres.workflows import StoredWorkflow
from schemas.errors import NotFound
from services.workflows.resolver import NEWEST_FOR_S, WorkflowResolver
from tests.support.families import flow, runs
from tests.support.runs import function


class Registered:
    """Workflows by name; ``loads`` counts how often a version was loaded."""

    def __init__(self, *specs: Any) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.loads = 0
        self.asked = 0

    async def latest(self, org_id: str, name: str) -> int | None:
        self.asked += 1
        return self.specs[name].version if name in self.specs else None

    async def get(self, org_id: str, name: str, version: int) -> StoredWorkflow:
        self.loads += 1
        spec = self.specs[name]
        return StoredWorkflow(name, version, spec.model_dump(mode="json", by_alias=True), "hash", [], 0)


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def plans(registered: Registered, seconds: Seconds) -> WorkflowResolver:
    return WorkflowResolver(registered, None, seconds)  # type: ignore[arg-type]


async def test_pinned_workflow_is_loaded_once() -> None:
    registered, seconds = Registered(flow("a", function("f"))), Seconds()
    found = plans(registered, seconds)
    first = await found.plan("acme", "a", 1)
    seconds.now = 1_000.0
    found.forget("acme")
    assert await found.plan("acme", "a", 1) is first
    assert registered.loads == 1


async def test_newest_version_is_asked_again_after_its_time() -> None:
    registered, seconds = Registered(flow("a", function("f"))), Seconds()
    found = plans(registered, seconds)
    for now, asked in ((0.0, 1), (NEWEST_FOR_S * 0.9, 1), (NEWEST_FOR_S, 2)):
        seconds.now = now
        await found.plan("acme", "a", None)
        assert registered.asked == asked


async def test_workflow_that_runs_the_newest_of_another_is_loaded_again_after_its_time() -> None:
    registered, seconds = Registered(flow("a", runs("x", "b")), flow("b", function("f"))), Seconds()
    found = plans(registered, seconds)
    for now, loads in ((0.0, 2), (NEWEST_FOR_S * 0.9, 2), (NEWEST_FOR_S, 4)):
        seconds.now = now
        await found.plan("acme", "a", 1)
        assert registered.loads == loads


async def test_registration_forgets_what_is_newest_in_that_organisation_alone() -> None:
    registered, seconds = Registered(flow("a", runs("x", "b")), flow("b", function("f"))), Seconds()
    found = plans(registered, seconds)
    for org_id in ("acme", "globex"):
        await found.plan(org_id, "a", None)
    loads, asked = registered.loads, registered.asked
    found.forget("acme")
    await found.plan("globex", "a", None)
    assert (registered.loads, registered.asked) == (loads, asked)
    await found.plan("acme", "a", None)
    assert (registered.loads, registered.asked) == (loads + 2, asked + 2)


async def test_answer_asked_for_before_a_registration_is_not_cached() -> None:
    registered, seconds = Registered(flow("a", function("f"))), Seconds()
    found = plans(registered, seconds)
    latest = registered.latest

    async def slow(org_id: str, name: str) -> int | None:
        found.forget(org_id)
        return await latest(org_id, name)

    registered.latest = slow  # type: ignore[method-assign]
    await found.plan("acme", "a", None)
    registered.latest = latest  # type: ignore[method-assign]
    await found.plan("acme", "a", None)
    assert registered.asked == 2


async def test_workflow_that_is_absent_is_asked_for_each_time() -> None:
    registered = Registered()
    for _ in range(2):
        with pytest.raises(NotFound):
            await plans(registered, Seconds()).plan("acme", "a", None)
    assert registered.asked == 2
