"""Budgets in memory: the newest version wins, deletion withdraws, and nothing is known before the first load."""

import itertools

import pytest

from schemas.budgets import Budget, Scope, Spender, spend_fields
from schemas.errors import BadRecord, Unavailable
from schemas.records.definitions import Definition
from services.budgets.definitions import BudgetDefinitions

NOV_22 = 1_795_305_600_000  # 2026-11-22T00:00:00Z
DAY_MS = 86_400_000
FEB_28_2027 = NOV_22 + 98 * DAY_MS
FEB_28_2028 = FEB_28_2027 + 365 * DAY_MS
TAGS = {"team": "blue", "agentflow.project": "x", "agentflow.user": "u", "agentflow.api_key": "k"}
CALL = Spender("wf", "p", "m", "wf/node", "ask", TAGS)


def budget(limit: int = 100, org: str = "acme", scope: Scope = "org", target: str | None = None) -> Budget:
    return Budget(id="b", org_id=org, name="cap", scope=scope, target=target, limit_nano=limit)


def definition(of: Budget, version: int = 1, deleted: bool = False, changed_at_ms: int = 0) -> Definition:
    return Definition(
        kind="budget",
        org_id=of.org_id,
        id=of.id,
        version=version,
        body=of.model_dump(),
        deleted=deleted,
        changed_at_ms=changed_at_ms,
    )


def loaded(*definitions: Definition) -> BudgetDefinitions:
    cache = BudgetDefinitions()
    for each in definitions:
        cache.apply(each)
    cache.mark_loaded()
    return cache


def test_nothing_applies_before_the_first_load() -> None:
    cache = BudgetDefinitions()
    cache.apply(definition(budget()))
    assert not cache.loaded
    with pytest.raises(Unavailable) as early:
        cache.applying("acme", CALL)
    assert early.value.dependency == "budgets"
    cache.mark_loaded()
    assert cache.applying("acme", CALL) == [budget()]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_version_wins_in_any_order(order: tuple[int, ...]) -> None:
    versions = [definition(budget(limit), version) for version, limit in ((1, 10), (2, 20), (3, 30))]
    assert loaded(*(versions[n] for n in order)).of_org("acme") == [budget(30)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_deletion_withdraws_in_any_order(order: tuple[int, ...]) -> None:
    history = [definition(budget(10)), definition(budget(20), 2), definition(budget(20), 2, True, 5)]
    assert loaded(*(history[n] for n in order)).of_org("acme") == []


@pytest.mark.parametrize(
    ("scope", "target", "applies"),
    [
        ("org", None, True),
        ("workflow", "wf", True),
        ("workflow", "p", False),
        ("provider", "p", True),
        ("provider", "m", False),
        ("model", "m", True),
        ("model", None, False),
        ("node", "wf/node", True),
        ("node", "other/node", False),
        ("prompt", "ask", True),
        ("prompt", "wf", False),
        ("project", "x", True),
        ("project", "u", False),
        ("user", "u", True),
        ("user", "k", False),
        ("api_key", "k", True),
        ("api_key", "x", False),
        ("tag", "team=blue", True),
        ("tag", "team=red", False),
        ("tag", "blue=team", False),
    ],
)
def test_a_budget_applies_to_its_scope_and_organisation(scope: Scope, target: str | None, applies: bool) -> None:
    cache = loaded(definition(budget(scope=scope, target=target)))
    assert bool(cache.applying("acme", CALL)) is applies
    assert cache.applying("umbrella", CALL) == []


def test_other_definitions_are_ignored() -> None:
    prompt = Definition(kind="prompt", org_id="acme", id="b", body={"template": "hi"}, changed_at_ms=0)
    assert loaded(definition(budget()), prompt).of_org("acme") == [budget()]


@pytest.mark.parametrize(
    "body",
    [
        {},
        budget().model_dump() | {"limit_nano": -1},
        budget().model_dump() | {"limit_nano": 2**63},
        budget().model_dump() | {"org_id": "umbrella"},
        budget().model_dump() | {"id": "another"},
    ],
)
def test_a_body_that_is_not_this_budget_changes_nothing(body: dict[str, object]) -> None:
    cache = loaded(definition(budget()))
    with pytest.raises(BadRecord) as bad:
        cache.apply(Definition(kind="budget", org_id="acme", id="b", version=2, body=body, changed_at_ms=0))
    assert bad.value.reason == "budget"
    assert cache.of_org("acme") == [budget()]


@pytest.mark.parametrize("at_ms", [NOV_22 + 9 * DAY_MS - 1, NOV_22 + 40 * DAY_MS - 1, FEB_28_2027, FEB_28_2028])
def test_a_window_opens_exactly_where_its_field_changes(at_ms: int) -> None:
    for period in ("day", "month"):
        limit = Budget(id="b", org_id="acme", name="cap", period=period, limit_nano=1)
        opens = limit.windows.next_start(at_ms)
        assert opens is not None
        assert limit.field(opens - 1) == limit.field(at_ms) != limit.field(opens)


def test_a_leap_day_belongs_to_february() -> None:
    windows = budget().windows
    assert windows.next_start(FEB_28_2027) == FEB_28_2027 + DAY_MS
    assert windows.next_start(FEB_28_2028) == FEB_28_2028 + 2 * DAY_MS


@pytest.mark.parametrize("scope", ["org", "workflow", "provider", "model"])
def test_every_budget_limits_a_field_that_calls_book_into(scope: Scope) -> None:
    targets = {"org": None, "workflow": "wf", "provider": "p", "model": "m"}
    for period in ("day", "month", "total"):
        limit = budget(scope=scope, target=targets[scope]).model_copy(update={"period": period})
        assert limit.field(NOV_22) in spend_fields("wf", "p", "m", NOV_22)


def test_a_paused_budget_is_spent_of_and_listed() -> None:
    paused = budget().model_copy(update={"paused": True})
    cache = loaded(definition(paused))
    assert cache.applying("acme", CALL) == cache.of_org("acme") == [paused]


def test_the_body_of_a_budget_has_paused_only_where_it_is() -> None:
    assert "paused" not in budget().body()
    assert budget().model_copy(update={"paused": True}).body()["paused"] is True


def test_the_body_of_a_budget_has_what_older_readers_do_not_know_only_where_it_is_set() -> None:
    assert set(budget().body()) == {"id", "org_id", "name", "scope", "target", "period", "limit_nano"}
    changes = {"timezone": "Europe/Berlin", "sliding": True, "thresholds": (80,), "soft_limit_nano": 5}
    changed = budget().model_copy(update=changes)
    assert Budget.model_validate(changed.body()) == changed
