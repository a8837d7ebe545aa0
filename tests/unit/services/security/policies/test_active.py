"""Which policy is active: one query for all organisations in a second, and no answer that nobody gave."""

import asyncio

import pytest

from connectors.postgres.policies.activations import Activation
from connectors.postgres.policies.versions import PolicyLine, PolicyVersion
from schemas.errors import Unavailable
from schemas.policies.read import read_policy
from schemas.records.security.pinned import Mode
from services.security.policies.active import KNOWN_FOR_S, ActivePolicies

POLICY = read_policy({"name": "support", "rules": []})


def activation(name: str, version: int, mode: Mode = "enforce") -> Activation:
    return Activation("acme", version, name, version, POLICY.hash, mode, "k", 0)


class Store:
    """Activations and versions, with the number of queries for each."""

    def __init__(self) -> None:
        self.found: dict[str, Activation] = {}
        self.queries = self.reads = 0
        self.down = False

    async def active(self) -> dict[str, Activation]:
        self.queries += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("postgres", "no answer")
        return dict(self.found)

    async def get(self, org_id: str, name: str, version: int) -> PolicyVersion:
        self.reads += 1
        return PolicyVersion(PolicyLine(name, version, POLICY.hash, "k", 0), POLICY)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_submissions_without_a_policy_cost_one_query_in_a_second() -> None:
    store, clock = Store(), Clock()
    active = ActivePolicies(store, store, clock)
    found = await asyncio.gather(*(active.of(f"org-{number}") for number in range(500)))
    assert not any(found)
    assert (store.queries, store.reads) == (1, 0)
    clock.now += KNOWN_FOR_S / 2
    await active.of("other")
    assert store.queries == 1
    clock.now += KNOWN_FOR_S
    await active.of("other")
    assert store.queries == 2


async def test_an_activation_counts_within_a_second_and_a_version_is_read_once() -> None:
    store, clock = Store(), Clock()
    active = ActivePolicies(store, store, clock)
    assert await active.of("acme") is None
    store.found["acme"] = activation("support", 2, "shadow")
    clock.now += KNOWN_FOR_S
    for _ in range(3):
        found = await active.of("acme")
        assert found is not None
        assert (found.name, found.mode, found.policy) == ("support@2", "shadow", POLICY)
        assert found.hash == POLICY.hash
    assert await active.of("other") is None
    assert store.reads == 1


async def test_forgetting_counts_at_once_also_while_a_query_is_in_flight() -> None:
    store, clock = Store(), Clock()
    active = ActivePolicies(store, store, clock)
    early = asyncio.create_task(active.of("acme"))
    await asyncio.sleep(0)
    store.found["acme"] = activation("support", 1)
    active.forget()
    await early
    assert await active.of("acme") is not None


async def test_without_an_answer_nothing_is_submitted_unlabelled() -> None:
    store, clock = Store(), Clock()
    active = ActivePolicies(store, store, clock)
    assert await active.of("acme") is None
    store.down = True
    clock.now += KNOWN_FOR_S
    with pytest.raises(Unavailable):
        await active.of("acme")
