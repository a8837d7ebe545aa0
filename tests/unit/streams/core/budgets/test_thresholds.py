"""Thresholds: each is reported once per window by all owners, and again when the limit changed."""

from typing import Any

import pytest

from schemas.records.budgets import BudgetDefined, BudgetOpened, BudgetRemoved, BudgetThreshold
from schemas.records.money import CostEvent
from streams.core.budgets.fold import BudgetsFold, MoneyEvent
from streams.core.commands import Command, Emit
from streams.core.memory import MemoryState
from streams.runtime.routing import to_out
from topics.codec import decode

NOW = 1_795_305_600_000  # 2026-11-22T00:00:00Z
HOUR = 3_600_000
DAY = 24 * HOUR
ORG = "acme"


class Table:
    """A table, and how many calls were settled."""

    def __init__(self) -> None:
        self.state, self.calls = MemoryState(), 0

    def fold(self, event: MoneyEvent, now_ms: int = NOW) -> list[BudgetThreshold]:
        return reports(BudgetsFold().fold(self.state, event, now_ms, 0))

    def spend(self, amount: int, at_ms: int = NOW, kind: Any = "actual") -> list[int]:
        self.calls += 1
        return [one.data["threshold"] for one in self.fold(settled(f"c{self.calls}", amount, at_ms, kind), at_ms)]


def reports(commands: list[Command]) -> list[BudgetThreshold]:
    return [c.record for c in commands if isinstance(c, Emit) and isinstance(c.record, BudgetThreshold)]


def defined(version: int = 1, **fields: Any) -> BudgetDefined:
    plain: dict[str, Any] = {"budget_id": "b", "name": "cap", "scope": "org", "period": "day", "limit_nano": 1_000}
    return BudgetDefined(**({"org_id": ORG, "version": version, "thresholds": [50, 75, 90, 100]} | plain | fields))


def settled(call: str, amount: int, at_ms: int, kind: Any) -> CostEvent:
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
    )


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.mark.parametrize("own", [False, True])
def test_each_threshold_is_reported_once_per_window(table: Table, own: bool) -> None:
    table.fold(defined(timezone="Asia/Kathmandu" if own else "UTC"))
    assert table.spend(499) == []
    assert table.spend(1) == [50]
    assert table.spend(1) == []
    assert table.spend(400) == [75, 90]
    assert table.spend(500) == [100]
    assert table.spend(5_000) == []
    assert table.spend(900, NOW + DAY) == [50, 75, 90]
    assert table.spend(5_000, NOW + DAY - 7 * HOUR) == [], "a window that has passed"


def test_a_report_says_what_and_how_much_as_a_cloudevent(table: Table) -> None:
    table.fold(defined(period="hour", scope="workflow", target="flow"))
    [report] = table.fold(settled("c1", 600, NOW + 5, "actual"), NOW + 7)
    out = to_out(report)
    assert (out.topic, out.key) == ("workflow-events.acme", b"b")
    assert decode(out.topic, out.value) == report
    assert report.id == f"b/{NOW}/50/1000"
    assert (report.type, report.specversion, report.source) == ("budget.threshold", "1.0", "/agentflow/budgets")
    assert report.time == "2026-11-22T00:00:00.007Z"
    assert report.data == {
        "budget_id": "b",
        "budget": "cap",
        "scope": "workflow",
        "target": "flow",
        "period": "hour",
        "window_start": "2026-11-22T00:00:00.000Z",
        "threshold": 50,
        "limit_usd": "0.000001",
        "spent_usd": "0.0000006",
    }


def test_a_budget_reports_its_own_list_and_its_soft_limit(table: Table) -> None:
    table.fold(defined(thresholds=[10, 200], soft_limit_nano=800))
    assert table.spend(100) == [10]
    [soft] = table.fold(settled("s", 700, NOW, "actual"))
    assert (soft.data["soft"], soft.data["threshold"], soft.id) == (True, 80, f"b/{NOW}/soft/1000")
    assert table.spend(1_200) == [200]


def test_a_paused_budget_and_one_without_thresholds_report_nothing(table: Table) -> None:
    table.fold(defined(paused=True))
    table.fold(defined(budget_id="silent", thresholds=[]))
    assert table.spend(2_000) == []


def test_an_estimate_reports_and_its_correction_takes_nothing_back(table: Table) -> None:
    table.fold(defined())
    assert table.spend(600, kind="presumed") == [50]
    table.fold(settled("c1", 0, NOW, "actual"))
    assert table.spend(600) == []


def test_a_changed_limit_reports_what_it_has_not_reached_again(table: Table) -> None:
    table.fold(defined())
    assert table.spend(950) == [50, 75, 90]
    table.fold(defined(2, limit_nano=1_500))
    assert table.spend(200) == [75]
    assert table.spend(400) == [90, 100]
    table.fold(defined(3, limit_nano=1_500, name="other"))
    assert table.spend(1) == []


def test_a_sliding_window_is_reported_once_per_its_length(table: Table) -> None:
    table.fold(defined(period="hour", sliding=True, thresholds=[50]))
    assert table.spend(600, NOW + HOUR // 2) == [50]
    assert table.spend(600, NOW + HOUR - 1) == []
    assert table.spend(1, NOW + HOUR) == [50]


def test_the_ledgers_amounts_may_reach_a_threshold(table: Table) -> None:
    table.fold(defined(period="hour", limit_nano=10))
    opened = BudgetOpened(org_id=ORG, budget_id="b", as_of_offset=0, amounts={str(NOW): 9}, counted_since_ms=NOW - HOUR)
    assert [one.data["threshold"] for one in table.fold(opened)] == [50, 75, 90]


def test_reports_that_may_be_lost_are_outstanding_for_two_windows(table: Table) -> None:
    table.fold(defined())
    for day in range(3):
        table.spend(600, NOW + day * DAY)
    found = reports(BudgetsFold().outstanding(table.state, ORG, NOW))
    assert [one.id for one in found] == [f"b/{NOW + day * DAY}/50/1000" for day in (1, 2)]
    assert found[1].time == "2026-11-24T00:00:00.000Z"
    table.fold(BudgetRemoved(org_id=ORG, budget_id="b"))
    assert BudgetsFold().outstanding(table.state, ORG, NOW) == []
