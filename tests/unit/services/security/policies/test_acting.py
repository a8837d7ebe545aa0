"""Acts of administration, by the rules of the active policy."""

from typing import Any

import pytest

from schemas.errors import Unavailable
from schemas.policies.compiled import PolicySet
from schemas.policies.facts import AdminFacts, Key, Where
from schemas.policies.read import read_policy
from schemas.policies.rulings import Ruling
from schemas.records.security.pinned import Mode
from services.security.policies.acting import Acting
from services.security.policies.active import Active

BUDGETS = {
    "id": "budgets",
    "at": "admin",
    "when": "act.path.startsWith('/api/v1/budgets') && !('treasurer' in key.roles)",
    "verdict": "deny",
    "reason": "treasurers define budgets",
}
LARGE = {"id": "large", "at": "admin", "when": "act.body.limit_cents > 1000", "verdict": "deny"}


class Activated:
    def __init__(self, *rules: dict[str, Any], mode: Mode = "enforce") -> None:
        policy = read_policy({"name": "admins", "rules": list(rules)})
        self.found: Active | None = Active(policy, 3, mode, policy.hash)
        self.down = False

    async def of(self, org_id: str) -> Active | None:
        if self.down:
            raise Unavailable("postgres", "no answer")
        return self.found


def act(*roles: str, path: str = "/api/v1/budgets", **changes: Any) -> AdminFacts:
    where = Where(org="acme", key=Key(id="k1", permissions=["admin"], roles=roles))
    return AdminFacts(where=where, operation="put_budget", path=path, **changes)


async def ruled(active: Activated, facts: AdminFacts) -> tuple[Ruling, str]:
    found = await Acting(active).ruling(facts)
    assert found is not None
    return found


async def test_nothing_is_asked_without_a_policy_or_without_rules_for_acts() -> None:
    active = Activated({"id": "o", "at": "output", "verdict": "deny"})
    assert await Acting(active).ruling(act()) is None
    active.found = None
    assert await Acting(active).ruling(act()) is None


async def test_a_rule_denies_by_operation_and_role() -> None:
    active = Activated(BUDGETS)
    ruling, policy = await ruled(active, act())
    assert (ruling.verdict, ruling.message, policy) == ("deny", "rule 'budgets': treasurers define budgets", "admins@3")
    assert (await ruled(active, act("treasurer")))[0].verdict == "allow"
    assert (await ruled(active, act(path="/api/v1/keys")))[0].decisions == ()


async def test_in_shadow_mode_it_is_recorded_and_done() -> None:
    ruling, _ = await ruled(Activated(BUDGETS, mode="shadow"), act())
    assert (ruling.verdict, ruling.said) == ("allow", "deny")
    assert [(one.rule, one.enforced, one.point) for one in ruling.decisions] == [("budgets", False, "admin")]


async def test_a_body_can_be_read_and_one_with_secrets_denies() -> None:
    active = Activated(LARGE)
    assert (await ruled(active, act(body={"limit_cents": 2000})))[0].verdict == "deny"
    assert (await ruled(active, act(body={"limit_cents": 10})))[0].verdict == "allow"
    # The body of an act with secrets is not there: what reads it cannot be decided.
    assert (await ruled(active, act()))[0].verdict == "deny"


async def test_a_policy_that_crashes_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: PolicySet, facts: AdminFacts) -> Ruling:
        raise RecursionError("too deep")

    monkeypatch.setattr(PolicySet, "admin", crash)
    ruling, _ = await ruled(Activated(BUDGETS), act())
    assert ruling.verdict == "deny"
    assert "could not decide" in ruling.message


async def test_nobody_acts_while_nobody_knows_the_policy() -> None:
    active = Activated(BUDGETS)
    active.down = True
    with pytest.raises(Unavailable):
        await Acting(active).ruling(act())
