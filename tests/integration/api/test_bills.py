"""Bills over HTTP, from settlements in a real ClickHouse: exact, deduplicated, equal to the ledger, and reconciled."""

import csv
import io
import json
import random
from collections import defaultdict
from typing import Any

import pytest
from msgspec import structs

from connectors.clickhouse.client import ClickHouse
from connectors.clickhouse.spend_ledger import SpendLedger
from connectors.ports.engine import InRecord
from schemas.budgets import Budget
from schemas.money import usd
from schemas.records.base import Record, Usage
from schemas.records.money import CostEvent
from schemas.settings import Settings
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import Running, settings_for
from topics.catalogue import COST_EVENTS

BILLS, RECONCILE = "/api/v1/bills", "/api/v1/bills/reconcile"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
#: 2026-11-20T00:00:00Z.
FIRST_MS = 1_795_132_800_000
TIME = {"from": "2026-11-20", "to": "2026-11-25T00:00:00Z"}
CALLS = 400


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


def settled(org_id: str, number: int, **fields: Any) -> CostEvent:
    chance = random.Random(number)
    event = CostEvent(
        call_id=f"call-{number}",
        org_id=org_id,
        run_id=f"run-{number % 7}",
        step_id="step",
        workflow_name=chance.choice(("flow", "other")),
        provider="openai",
        model=chance.choice(("gpt-5", "gpt-4o-2024-08-06")),
        amount_nano=chance.randint(0, 900_000_000),
        booked_at_ms=FIRST_MS + chance.randrange(5 * DAY_MS),
        usage=Usage(input_tokens=chance.randint(0, 9_000), output_tokens=chance.randint(0, 900)),
        price_version="v",
        tags={"team": chance.choice(("blue", "red")), "agentflow.project": chance.choice(("", "apollo"))},
    )
    return structs.replace(event, **fields)


@pytest.fixture
async def events(api: Running, store: ClickHouse) -> list[CostEvent]:
    """Settlements as they count: some were written twice, some presumed and corrected, some still presumed."""
    counted = [settled(api.org_id, number) for number in range(CALLS)]
    counted += [settled(api.org_id, number, kind="presumed") for number in range(CALLS, CALLS + 20)]
    presumed = [structs.replace(event, kind="presumed", amount_nano=10**9) for event in counted[:50]]
    outside = [
        settled(api.org_id, n + 10_000, booked_at_ms=FIRST_MS - 1 if n % 2 else FIRST_MS + 5 * DAY_MS) for n in range(8)
    ]
    others = [settled("another", number) for number in range(20)]
    await written(store, [*presumed, *counted, *counted[:100], *outside, *others])
    return counted


async def written(store: ClickHouse, records: list[CostEvent]) -> None:
    rows: list[tuple[InRecord, Record]] = [
        (InRecord(COST_EVENTS, 0, at, 0, b"k", b"{}"), record) for at, record in enumerate(records)
    ]
    await AnalyticsSink(store).write(rows)


def groups(events: list[CostEvent], *names: str) -> dict[tuple[str, ...], int]:
    values = {
        "day": lambda event: f"2026-11-{20 + (event.booked_at_ms - FIRST_MS) // DAY_MS}",
        "model": lambda event: event.model,
        "workflow": lambda event: event.workflow_name,
        "project": lambda event: event.tags["agentflow.project"],
        "tag.team": lambda event: event.tags["team"],
    }
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for event in events:
        found[tuple(str(values[name](event)) for name in names)] += event.amount_nano
    return dict(found)


@pytest.mark.parametrize("by", [("day",), ("model", "workflow"), ("day", "model", "project", "tag.team")])
async def test_groups_are_exact_and_add_up_to_the_ledger(
    api: Running, store: ClickHouse, events: list[CostEvent], by: tuple[str, ...]
) -> None:
    answer = await api.client.get(BILLS, params={**TIME, "group_by": ",".join(by)})
    assert answer.status_code == 200, answer.text
    bill = answer.json()
    found = {tuple(group["values"][name] for name in by): group["amount_usd"] for group in bill["groups"]}
    expected = groups(events, *by)
    assert found == {key: usd(nano) for key, nano in expected.items()}
    assert list(found) == sorted(expected)
    budget = Budget(id="b", org_id=api.org_id, name="b", scope="org", period="total", limit_nano=1)
    ledger = await SpendLedger(store).spent(budget, FIRST_MS, HOUR_MS)
    within = sum(nano for at, nano in ledger.items() if at < FIRST_MS + 5 * DAY_MS)
    assert bill["total"]["amount_usd"] == usd(within) == usd(sum(expected.values()))
    assert bill["total"]["presumed_usd"] == usd(sum(event.amount_nano for event in events[CALLS:]))


async def test_csv_and_focus_have_the_same_sums(api: Running, events: list[CostEvent]) -> None:
    total = sum(event.amount_nano for event in events)
    plain = await table(api, "csv", "day,model,run")
    assert plain[0]["day"] == "2026-11-20"
    assert usd(sum(nano_of(row["amount_usd"]) for row in plain)) == usd(total)
    focus = await table(api, "focus", "tag.team")
    assert usd(sum(nano_of(row["BilledCost"]) for row in focus)) == usd(total)
    assert {row["ProviderName"] for row in focus} == {"openai"}
    assert {json.loads(row["Tags"])["team"] for row in focus} == {"blue", "red"}


def nano_of(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 10**9 + int(part.ljust(9, "0"))


async def table(api: Running, kind: str, group_by: str) -> list[dict[str, str]]:
    answer = await api.client.get(BILLS, params={**TIME, "group_by": group_by, "format": kind})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-20", "to": "2026-11-20"}, "to"),
        ({"from": "2020-01-01", "to": "2026-11-20"}, "to"),
        ({**TIME, "group_by": "modell"}, "group_by"),
        ({**TIME, "format": "xml"}, "format"),
        ({"to": "2026-11-20"}, "from"),
    ],
)
async def test_a_wrong_question_is_refused_with_its_field(api: Running, query: dict[str, str], field: str) -> None:
    for kind in ({}, {"format": "csv"}):
        refused = await api.client.get(BILLS, params=kind | query)
        assert refused.status_code == 422, refused.text
        assert field in refused.text


async def test_a_providers_account_is_compared_by_day_and_model(api: Running, events: list[CostEvent]) -> None:
    ours = groups(events, "day", "model")
    rows = ["date,model,amount", *(f"{day},{model},{usd(nano)}" for (day, model), nano in ours.items())]
    # gpt-5 on the first day cost a dollar more; one model is unknown to us; a dated name is that of its model.
    first = rows.index(next(row for row in rows if row.startswith("2026-11-20,gpt-5")))
    rows[first] = f"2026-11-20,gpt-5,{usd(ours['2026-11-20', 'gpt-5'] + 10**9)}"
    rows.append("2026-11-21,gpt-5-pro,0.50")
    answer = await api.client.post(
        RECONCILE, params={"provider": "openai"}, content="\n".join(rows), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    apart = {(line["day"], line["model"]): line for line in found["lines"] if line["status"] != "matched"}
    assert {key: (line["difference_usd"], line["reason"]) for key, line in apart.items()} == {
        ("2026-11-20", "gpt-5"): ("1", "other_calls"),
        ("2026-11-21", "gpt-5-pro"): ("0.5", "other_calls"),
    }
    assert found["total"]["ours_usd"] == usd(sum(ours.values()))
    assert found["total"]["difference_usd"] == "1.5"
    assert (found["offset_hours"], found["charges"]) == (0, len(rows) - 1)
    assert found["by_status"]["matched"]["lines"] == len(ours) - 1


async def test_a_bad_file_is_refused_with_its_lines(api: Running) -> None:
    refused = await api.client.post(
        RECONCILE, params={"provider": "openai"}, content="date,amount\n2026-11-20,1\n2026-11-20,x\n"
    )
    assert refused.status_code == 422
    assert refused.json()["problems"][0]["path"] == "line 3"
    refused = await api.client.post(RECONCILE, params={"provider": "opnai"}, content="date,amount\n2026-11-20,1\n")
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "provider")
