"""Counters of budgets: what they count, from when on, and that they are the same when folded again."""

import json
from typing import Any

import pytest
from msgspec import structs

from bench.budgets.windows import play
from schemas.records.budgets import BudgetDefined, BudgetOpened, BudgetRemoved, OrganisationArrived
from schemas.records.money import CostEvent
from schemas.tables.budgets import ARRIVED, DEFINED
from streams.core.budgets.counters import counter
from streams.core.budgets.fold import BudgetsFold, MoneyEvent
from streams.core.memory import MemoryState

NOW = 1_795_305_600_000  # 2026-11-22T00:00:00Z
HOUR = 3_600_000
ORG = "acme"


class Table:
    """A table with its log."""

    def __init__(self) -> None:
        self.state, self.offset = MemoryState(), 0

    def fold(self, event: MoneyEvent, now_ms: int = NOW) -> None:
        BudgetsFold().fold(self.state, event, now_ms, self.offset)
        self.offset += 1

    def counter(self, budget_id: str = "b") -> dict[int, int]:
        return dict(counter(self.state, ORG, budget_id))


def defined(version: int = 1, **fields: Any) -> BudgetDefined:
    plain: dict[str, Any] = {"budget_id": "b", "name": "cap", "scope": "user", "target": "ada", "period": "hour"}
    return BudgetDefined(**(plain | {"org_id": ORG, "version": version, "limit_nano": 100} | fields))


def settled(call: str = "c1", amount: int = 10, kind: Any = "actual", at_ms: int = NOW, user: str = "ada") -> CostEvent:
    return CostEvent(
        call_id=call,
        kind=kind,
        org_id=ORG,
        run_id="run",
        step_id="step",
        workflow_name="flow",
        provider="local",
        model="local-silver",
        amount_nano=amount,
        booked_at_ms=at_ms,
        price_version="v",
        tags={"agentflow.user": user},
    )


@pytest.fixture
def table() -> Table:
    return Table()


def opened(table: Table, amounts: dict[str, int], offset: int = 0, budget_id: str = "b") -> BudgetOpened:
    return BudgetOpened(
        org_id=ORG, budget_id=budget_id, as_of_offset=offset, amounts=amounts, counted_since_ms=NOW - HOUR
    )


def test_random_settlements_are_what_a_brute_force_oracle_says_also_after_a_restore() -> None:
    compared, differences = play(600, 11)
    assert compared > 300
    assert differences == []


def test_a_counter_counts_from_its_definition_on_and_only_whom_it_names(table: Table) -> None:
    table.fold(settled("before"))
    table.fold(defined())
    table.fold(settled("c1"))
    table.fold(settled("c2", user="bob"))
    table.fold(settled("c1"))
    assert table.counter() == {NOW: 10}


def test_a_shared_budget_has_no_counter(table: Table) -> None:
    table.fold(defined(scope="org", target=None, period="month"))
    table.fold(settled())
    assert table.counter() == {}
    assert not [field for field in table.state.fields(ORG) if field.startswith("c:")]


def test_a_correction_books_the_difference_into_the_window_of_the_estimate(table: Table) -> None:
    table.fold(defined())
    table.fold(settled(amount=10, kind="presumed"))
    table.fold(settled(amount=4, at_ms=NOW + HOUR))
    assert table.counter() == {NOW: 4}


def test_a_repeated_or_older_definition_changes_nothing(table: Table) -> None:
    table.fold(defined(2, limit_nano=200))
    table.fold(settled())
    for again in (defined(2, limit_nano=300), defined(1)):
        table.fold(again)
        [one] = table.state.get(ORG, DEFINED) or ()
        assert (one.budget.limit_nano, one.since_offset) == (200, 0)
    table.fold(defined(3, limit_nano=400))
    [one] = table.state.get(ORG, DEFINED) or ()
    assert (one.budget.limit_nano, one.since_offset, table.counter()) == (400, 0, {NOW: 10})


def test_a_removed_budget_is_counted_no_more_and_its_estimates_are_corrected_nowhere(table: Table) -> None:
    table.fold(defined())
    table.fold(settled(kind="presumed"))
    table.fold(BudgetRemoved(org_id=ORG, budget_id="b"))
    table.fold(settled(amount=4))
    assert [field for field in table.state.fields(ORG) if field.startswith(("c:", "r:"))] == []


def test_a_definition_that_comes_after_its_removal_is_ignored(table: Table) -> None:
    for event in (defined(), BudgetRemoved(org_id=ORG, budget_id="b"), defined(2), settled()):
        table.fold(event)
    assert (table.state.get(ORG, DEFINED), table.counter()) == ((), {})


def test_a_window_that_has_passed_for_long_leaves_and_what_comes_later_is_not_counted(table: Table) -> None:
    table.fold(defined())
    table.fold(settled("c1"))
    table.fold(settled("c2", at_ms=NOW + 65 * HOUR), NOW + 65 * HOUR)
    table.fold(settled("c3"), NOW + 65 * HOUR)
    assert table.counter() == {NOW + 65 * HOUR: 10}


def test_what_was_spent_before_the_definition_comes_from_the_ledger_once(table: Table) -> None:
    table.fold(settled("before"))
    table.fold(defined())
    table.fold(settled("after"))
    for _ in range(2):
        table.fold(opened(table, {str(NOW): 10, str(NOW - HOUR): 3}, offset=1))
    assert table.counter() == {NOW - HOUR: 3, NOW: 20}
    [one] = table.state.get(ORG, DEFINED) or ()
    assert (one.opened, one.since_ms) == (True, NOW - HOUR)


def test_amounts_as_of_another_definition_are_ignored(table: Table) -> None:
    table.fold(defined())
    table.fold(opened(table, {str(NOW): 10}, offset=5))
    table.fold(opened(table, {str(NOW): 10}, budget_id="other"))
    assert table.counter() == {}


@pytest.mark.parametrize("ledger_first", [False, True])
def test_an_estimate_of_the_ledger_is_corrected_before_or_after_the_ledger_comes(
    table: Table, ledger_first: bool
) -> None:
    table.fold(settled(amount=10, kind="presumed"))
    table.fold(defined())
    rest = [settled(amount=4, at_ms=NOW + HOUR), opened(table, {str(NOW): 10}, offset=1)]
    for event in reversed(rest) if ledger_first else rest:
        table.fold(event)
    assert table.counter() == {NOW: 4}


def test_a_correction_waits_for_the_ledger_and_is_not_counted_before(table: Table) -> None:
    table.fold(settled(amount=10, kind="presumed"))
    table.fold(defined())
    table.fold(settled(amount=4))
    assert table.counter() == {}
    assert structs.asdict((table.state.get(ORG, DEFINED) or ())[0])["late"] == {str(NOW): -6}


def test_everything_of_a_budget_is_stored_and_read_back(table: Table) -> None:
    fold = BudgetsFold()
    table.fold(defined(thresholds=[5, 100], soft_limit_nano=1))
    table.fold(settled(kind="presumed"))
    for entity, fields in table.state.snapshot(fold.encode).items():
        for field, data in fields.items():
            assert fold.encode(entity, field, fold.decode(entity, field, data)) == data
            assert fold.decode(entity, field, data) == table.state.get(entity, field)


def test_what_was_spent_in_another_cell_counts_once_and_goes_on(table: Table) -> None:
    source = Table()
    source.fold(defined())
    source.fold(opened(source, {}))
    source.fold(settled("c1", 40))
    fold = BudgetsFold()
    fields = {name: value.decode() for name, value in source.state.snapshot(fold.encode)[ORG].items()}
    arrived = OrganisationArrived(org_id=ORG, move_id="m", attempt=1, part=0, fields=fields)
    table.fold(arrived)
    table.fold(settled("c2", 2))
    table.fold(arrived)
    assert table.counter() == {NOW: 42}
    source.fold(settled("c2", 2))
    mine = table.state.snapshot(fold.encode)[ORG]
    assert json.loads(mine.pop(ARRIVED)) == ["m/1/0"]
    assert mine == source.state.snapshot(fold.encode)[ORG]
