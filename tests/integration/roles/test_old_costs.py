"""Old settlements are added up by hour: every sum stays, once, also when the same hour is added up again."""

import asyncio
import time
import uuid
from datetime import UTC, datetime

from connectors.clickhouse.bill_rows import DIMENSIONS, BillRow, BillRows, Period
from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.retention.old_costs import OldCosts
from connectors.clickhouse.spend_ledger import SpendLedger
from schemas.budgets import Budget
from services.retention.costs import CostSweeper
from services.retention.sweeper import KeptDays

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NOW_MS = 1_800_000_000_000
COLUMNS = (
    *("org_id", "run_id", "call_id", "kind", "workflow_name", "provider", "model", "node_id", "amount_nano"),
    *("booked_at", "input_tokens", "output_tokens", "tags", "_partition", "_offset"),
)
WHOLE = Period(0, NOW_MS + DAY_MS)


class Orgs:
    def __init__(self, *orgs: str) -> None:
        self.orgs = list(orgs)

    async def organisations(self) -> list[str]:
        return self.orgs


def row(org: str, number: int, kind: str, days: float, amount: int) -> tuple[object, ...]:
    # Both settlements of a call are booked at the time of its hold.
    at_ms = int(NOW_MS - days * DAY_MS) + number % 3 * 1_000
    return (
        *(org, f"run-{number % 7}", f"call-{number}", kind, f"w{number % 2}", "local", "gold", "n", amount),
        *(at_ms, 10, 5, {"team": "a" if number % 3 else "b"}, 0, 2 * number + (kind == "actual")),
    )


async def filled(store: ClickHouse) -> tuple[str, str]:
    ours, theirs = (f"org-{uuid.uuid4().hex[:8]}" for _ in range(2))
    rows = []
    for org in (ours, theirs):
        for number in range(60):
            days = 120 + number / 24 if number < 40 else 20
            rows.append(row(org, number, "presumed", days, 1_000 + number))
            if number % 4:
                # An actual amount of nothing is that of a call that surely was not made.
                rows.append(row(org, number, "actual", days, 0 if number % 10 == 1 else 700 + number))
    await store.insert("cost_events", COLUMNS, rows)
    return ours, theirs


async def bills(store: ClickHouse, org: str) -> list[list[BillRow]]:
    by = ("hour", "workflow", "node", "model", "settled_as")
    found = [await BillRows(store).rows(org, WHOLE, [DIMENSIONS[name]], 1_000) for name in by]
    return [[await BillRows(store).total(org, WHOLE)], *found]


async def spent(store: ClickHouse, org: str) -> dict[int, int]:
    budget = Budget(id="b", org_id=org, name="b", scope="workflow", target="w1", period="month", limit_nano=1)
    return await SpendLedger(store).spent(budget, 0, HOUR_MS)


async def by_hour(store: ClickHouse, org: str) -> list[tuple[object, ...]]:
    sql = "SELECT * FROM cost_by_hour WHERE org_id = {org:String} AND amount_nano > 0 ORDER BY ALL"
    return await store.query(sql, {"org": org})


async def rows_of(store: ClickHouse, org: str) -> int:
    ((count,),) = await store.query("SELECT count() FROM cost_events WHERE org_id = {org:String}", {"org": org})
    return int(str(count))


async def test_sums_stay_and_single_settlements_leave(store: ClickHouse) -> None:
    ours, theirs = await filled(store)
    before = {
        org: (await bills(store, org), await spent(store, org), await by_hour(store, org)) for org in (ours, theirs)
    }
    old, rows = OldCosts(store), await rows_of(store, theirs)
    cutoff_ms = (NOW_MS - 100 * DAY_MS) // HOUR_MS * HOUR_MS
    hours = await old.hours(ours, cutoff_ms)
    assert len(hours) == 40
    # The answer of an insert was lost, and another process did the same: what it stands for is counted once.
    await old.add_up(ours, hours[0])
    await asyncio.gather(*(old.add_up(ours, hours[1]) for _ in range(3)))
    await old.add_up(ours, hours[1])
    assert (await bills(store, ours), await spent(store, ours)) == before[ours][:2]
    sweeper = CostSweeper(KeptDays(0, {ours: 100}), old, Orgs(ours, theirs))
    assert await sweeper.sweep(NOW_MS) == {ours: 38}
    assert sweeper.cut
    assert await sweeper.sweep(NOW_MS) == {}
    assert not sweeper.cut
    assert await old.hours(ours, cutoff_ms) == []
    deadline = time.monotonic() + 60
    single = (
        "SELECT count() FROM cost_events WHERE org_id = {org:String} AND booked_at < {at:DateTime} AND run_id != ''"
    )
    at = datetime.fromtimestamp(cutoff_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    while (await store.query(single, {"org": ours, "at": at}))[0][0] != 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    for org in (ours, theirs):
        assert (await bills(store, org), await spent(store, org), await by_hour(store, org)) == before[org]
    assert await rows_of(store, theirs) == rows
    assert await sweeper.sweep(NOW_MS) == {}
    assert await bills(store, ours) == before[ours][0]


async def test_insert_of_an_hour_is_seen_as_a_whole(store: ClickHouse) -> None:
    org = f"org-{uuid.uuid4().hex[:8]}"
    rows = [row(org, 3 * number, "actual", 150, 100 + number) for number in range(5_000)]
    await store.insert("cost_events", COLUMNS, rows)
    old = OldCosts(store)
    (hour,) = await old.hours(org, NOW_MS)
    total = (await BillRows(store).total(org, WHOLE)).amount_nano
    adding = asyncio.create_task(old.add_up(org, hour))
    looks = 0
    while not adding.done():
        assert (await BillRows(store).total(org, WHOLE)).amount_nano == total
        looks += 1
    await adding
    assert looks > 0
    assert (await BillRows(store).total(org, WHOLE)).amount_nano == total
