"""What the ledger says of a new budget's past, as of an offset, on a real ClickHouse."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.ports.engine import InRecord, OutRecord
from schemas.budgets import Budget
from schemas.records.base import Record
from schemas.records.budgets import BudgetDefined, BudgetOpened
from schemas.records.money import CostEvent
from schemas.tables.budgets import DefinedBudget
from services.budgets.opening import Opening
from streams.roles.sinks.analytics import AnalyticsSink
from topics.catalogue import COST_EVENTS
from topics.codec import decode
from topics.partitioner import partition_for

pytestmark = pytest.mark.asyncio

HOUR = 3_600_000
NOW = 1_795_305_600_000 + 10 * HOUR  # 2026-11-22T10:00:00Z
ORG = "acme"
#: When the day of NOW began in Asia/Kathmandu.
KATHMANDU = NOW - 15 * HOUR - HOUR * 3 // 4


def settled(call: str, amount: int, at_ms: int = NOW, kind: Any = "actual", **fields: Any) -> CostEvent:
    event = CostEvent(
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
        node_id="ask",
        prompt_name="asker",
        tags={"team": "blue", "agentflow.user": "ada"},
    )
    return structs.replace(event, **fields)


def placed(records: Sequence[Record]) -> list[tuple[InRecord, Record]]:
    return [(InRecord(COST_EVENTS, 0, at, NOW, b"k", b"{}"), record) for at, record in enumerate(records)]


@pytest.fixture
async def store(store: ClickHouse) -> ClickHouse:
    await AnalyticsSink(store).write(
        placed(
            [
                settled("c1", 5),
                settled("c2", 7, kind="presumed", at_ms=NOW - HOUR),
                settled("c3", 11, node_id="other", prompt_name="other", tags={"team": "red"}),
                settled("c2", 2),
                settled("late", 1_000),
            ]
        )
    )
    return store


@pytest.mark.parametrize(
    ("scope", "target", "spent"),
    [
        ("org", None, {NOW - HOUR: 2, NOW: 16}),
        ("node", "flow/ask", {NOW - HOUR: 2, NOW: 5}),
        ("prompt", "other", {NOW: 11}),
        ("user", "ada", {NOW - HOUR: 2, NOW: 5}),
        ("tag", "team=red", {NOW: 11}),
        ("model", "local-gold", {}),
    ],
)
async def test_each_call_counts_once_where_it_was_booked_first(
    store: ClickHouse, scope: Any, target: str | None, spent: dict[int, int]
) -> None:
    budget = Budget(id="b", org_id=ORG, name="cap", scope=scope, target=target, period="hour", limit_nano=1)
    assert await SpendLedger(store).spent(budget, NOW - 2 * HOUR, HOUR, before_offset=4) == spent


async def test_an_estimate_that_is_corrected_later_is_the_estimate_as_of_before(store: ClickHouse) -> None:
    budget = Budget(id="b", org_id=ORG, name="cap", scope="user", target="ada", period="hour", limit_nano=1)
    assert await SpendLedger(store).spent(budget, 0, HOUR, before_offset=3) == {NOW - HOUR: 7, NOW: 5}
    assert await SpendLedger(store).spent(budget, NOW, HOUR, before_offset=3) == {NOW: 5}


class World:
    """The stores of a new budget: its definition in the table, and how far analytics is."""

    def __init__(self, store: ClickHouse, budget: Budget, *, offset: int, written: int) -> None:
        self.budget, self.marked = budget, []
        self.records: list[OutRecord] = []
        told = BudgetDefined(
            org_id=ORG, budget_id="b", version=1, name="cap", scope=budget.scope, period=budget.period, limit_nano=1
        )
        self.defined_ = DefinedBudget(told, offset, NOW)
        self.written = {partition_for(ORG.encode(), 4): written}
        self.opening = Opening(self, self, SpendLedger(store), self, self, 4)  # type: ignore[arg-type]

    marked: list[str]

    async def unopened(self) -> list[Budget]:
        return [self.budget]

    async def mark_opened(self, budget_id: str) -> None:
        self.marked.append(budget_id)

    async def defined(self, org_id: str) -> tuple[DefinedBudget, ...]:
        return (self.defined_,)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        return self.written

    async def append(self, records: Sequence[OutRecord]) -> None:
        self.records += records


def user_budget(**fields: Any) -> Budget:
    plain: dict[str, Any] = {"id": "b", "org_id": ORG, "name": "cap", "scope": "user", "target": "ada"}
    return Budget(**(plain | {"period": "hour", "limit_nano": 1} | fields))


@pytest.mark.parametrize(
    ("fields", "since", "amounts"),
    [
        ({}, NOW - HOUR, {NOW - HOUR: 2, NOW: 5}),
        ({"period": "total"}, 0, {0: 7}),
        ({"period": "day", "timezone": "Asia/Kathmandu"}, KATHMANDU - 24 * HOUR, {KATHMANDU: 7}),
    ],
)
async def test_a_new_budget_is_told_its_past_once_analytics_has_it(
    store: ClickHouse, fields: dict[str, Any], since: int, amounts: dict[int, int]
) -> None:
    world = World(store, user_budget(**fields), offset=4, written=4)
    await world.opening.open_all()
    assert world.records == []
    world.written = dict.fromkeys(world.written, 5)
    await world.opening.open_all()
    event = decode(COST_EVENTS, world.records[0].value)
    assert event == BudgetOpened(
        org_id=ORG,
        budget_id="b",
        as_of_offset=4,
        amounts={str(start): amount for start, amount in amounts.items()},
        counted_since_ms=since,
    )
    assert world.marked == []
    world.defined_ = structs.replace(world.defined_, opened=True)
    await world.opening.open_all()
    assert (world.marked, len(world.records)) == (["b"], 1)
