"""Price lists over HTTP: versions, their times, what they would change, and what a run's budget is compared with."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from connectors.prices.book import PriceBook
from schemas.clock import now_ms
from schemas.records.base import Record, Usage
from schemas.records.definitions import Definition
from schemas.records.money import CostEvent
from schemas.settings import Settings
from services.prices.lists import PriceLists
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import DEADLINE_S, Running, settings_for
from topics.catalogue import COST_EVENTS, DEFINITIONS

LISTS, PRICES, BILLS = "/api/v1/prices/overrides", "/api/v1/prices", "/api/v1/bills"
USAGE = Usage(input_tokens=1_000, output_tokens=100)


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


def entry(input_usd: str, output_usd: str = "0", model: str = "local-silver") -> dict[str, Any]:
    return {
        "provider": "local",
        "model": model,
        "input_usd_per_mtok": input_usd,
        "output_usd_per_mtok": output_usd,
    }


def in_hours(hours: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="milliseconds")


async def registered(api: Running, status: int = 201, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(LISTS, json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def price(api: Running, model: str = "local-silver", **query: str) -> dict[str, Any]:
    answer = await api.client.get(PRICES, params={"provider": "local", "model": model, **query})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["prices"]
    return dict(found)


async def on_the_topic(api: Running, count: int) -> PriceLists:
    """Wait until so many versions are on the topic, and return them as a worker knows them."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = [d for d in api.log.decoded(DEFINITIONS) if isinstance(d, Definition) and d.kind == "price_list"]
            if len({one.version for one in found}) >= count:
                break
            await asyncio.sleep(0.02)
    lists = PriceLists(PriceBook.load())
    for one in found:
        lists.apply(one)
    lists.mark_loaded()
    return lists


async def test_provider_that_only_an_organisations_list_names_is_known_to_bills(api: Running) -> None:
    prices = [entry("1", model="House-1") | {"provider": "house"}]
    await registered(api, prices=prices)
    listed = (await api.client.get(PRICES, params={"provider": "house"})).json()["prices"]
    assert [one["model"] for one in listed] == ["House-1"]
    refused = await api.client.post(f"{BILLS}/reconcile", params={"provider": "hause"}, content="date,amount\n")
    assert (refused.status_code, "house" in refused.text) == (422, True)
    answer = await api.client.post(
        f"{BILLS}/reconcile", params={"provider": "house"}, content="date,amount\n2026-11-20,1\n"
    )
    assert (answer.status_code, answer.json()["charges"]) == (200, 1), answer.text


async def test_versions_hold_from_their_time_on_and_reach_workers(api: Running) -> None:
    first = await registered(api, prices=[entry("1", "2")])
    later = await registered(api, prices=[entry("3", "4")], effective_from=in_hours(2))
    assert (first["version"], first["state"], later["version"], later["state"]) == (1, "effective", 2, "pending")
    assert (await registered(api, 200, prices=[entry("1.00", "2")]))["version"] == 1
    page = (await api.client.get(LISTS)).json()
    assert (page["effective"], [one["version"] for one in page["lists"]]) == (1, [2, 1])
    assert [(one["state"], one["prices"], one["priced_as"]) for one in page["lists"]] == [
        ("pending", 1, 0),
        ("effective", 1, 0),
    ]
    assert (await api.client.get(f"{LISTS}/2")).json() == later
    assert (await api.client.get(f"{LISTS}/3")).status_code == 404

    now, then = await price(api), await price(api, at=in_hours(3))
    assert [one["bands"][0]["usd_per_mtok"]["input_tokens"] for one in (now, then)] == ["1", "3"]
    assert (now["version"].partition("+")[0], then["version"].partition("+")[0]) == ("list@1", "list@2")
    lists = await on_the_topic(api, 2)
    for at_ms, found in ((now_ms(), now), (now_ms() + 3 * 3_600_000, then)):
        assert lists.of(api.org_id, at_ms).version("local", "local-silver") == found["version"]
    assert lists.of("another", now_ms()).version("local", "local-silver") == "local-1"


async def test_a_model_without_a_price_is_priced_as_another(api: Running) -> None:
    rule = {"provider": "local", "model": "mystery", "as_provider": "local", "as_model": "local-gold"}
    assert (await api.client.get(PRICES, params={"provider": "local", "model": "mystery"})).status_code == 404
    await registered(api, priced_as=[rule], cost_source={"local": "provider"})
    found = await price(api, "mystery")
    assert (found["priced_as"], found["cost_source"]) == ("local/local-gold", "provider")
    assert found["bands"] == (await price(api, "local-gold"))["bands"]
    assert (await price(api, "local-gold"))["priced_as"] is None


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"effective_from": "2020-01-01T00:00:00Z"}, "effective_from", "is over"),
        ({"effective_from": "2020-01-01T00:00:00"}, "effective_from", ""),
        ({"prices": [entry("-1")]}, "prices[0].input_usd_per_mtok", ""),
        ({"prices": [entry("1"), entry("2")]}, "", "twice"),
        ({"cost_source": {"local": "theirs"}}, "cost_source", ""),
        (
            {"priced_as": [{"provider": "local", "model": "x", "as_provider": "local", "as_model": "none"}]},
            "priced_as.0.as_model",
            "has no price",
        ),
        (
            {
                "prices": [entry("0", "0", "free")],
                "priced_as": [{"provider": "local", "model": "x", "as_provider": "local", "as_model": "free"}],
            },
            "priced_as.0.as_model",
            "costs nothing",
        ),
    ],
)
async def test_a_wrong_list_is_refused_with_its_field(
    api: Running, body: dict[str, Any], field: str, says: str
) -> None:
    refused = await api.client.post(LISTS, json=body)
    assert refused.status_code == 422, refused.text
    assert field in refused.text, refused.text
    assert says in refused.text


async def test_a_dry_run_says_what_would_change_for_the_models_in_use(api: Running, store: ClickHouse) -> None:
    await settled(store, api.org_id, "local-silver", "local-gold", "gone")
    await settled(store, "another", "local-bronze")
    before = await registered(api, prices=[entry("1", "1", "gone")])
    body = {"prices": [entry("1", "2")], "effective_from": in_hours(1)}
    answer = (await api.client.post(LISTS, json=body, params={"dry_run": "true"})).json()
    found = {one["model"]: one for one in answer["changes"]}
    assert sorted(found) == ["gone", "local-silver"]
    silver = found["local-silver"]
    assert (silver["calls"], silver["booked_usd"], silver["repriced_usd"]) == (2, "0.0000002", "0.0024")
    assert [silver[when]["bands"][0]["usd_per_mtok"]["input_tokens"] for when in ("before", "after")] == ["0.8", "1"]
    assert (found["gone"]["after"]["bands"], found["gone"]["repriced_usd"]) == (None, None)
    page = (await api.client.get(LISTS)).json()
    assert [one["version"] for one in page["lists"]] == [before["version"]]


async def settled(store: ClickHouse, org_id: str, *models: str) -> None:
    """Store two settlements of 100 nano-dollars for each model."""
    events: list[Record] = [
        CostEvent(
            call_id=f"{model}-{number}",
            org_id=org_id,
            run_id="run",
            step_id="step",
            workflow_name="flow",
            provider="local",
            model=model,
            amount_nano=100,
            booked_at_ms=now_ms() - 1_000,
            usage=USAGE,
            price_version="v",
        )
        for model in models
        for number in range(2)
    ]
    placed = [(InRecord(COST_EVENTS, 0, at, 0, b"k", b"{}"), event) for at, event in enumerate(events)]
    await AnalyticsSink(store).write(placed)


async def test_a_runs_budget_is_compared_with_the_organisations_prices(api: Running) -> None:
    await api.define_greeting()
    body = {"workflow_name": "greeting", "inputs": {"name": "Ada", "language": "French"}, "budget_cents": 50}
    accepted = await api.client.post("/api/v1/workflows/runs", json=body)
    assert accepted.status_code == 202, accepted.text
    models = [f"local-{tier}" for tier in ("gold", "silver", "bronze")]
    await registered(api, prices=[entry("90000", "90000", model) | {"context_tokens": 8_192} for model in models])
    refused = await api.client.post("/api/v1/workflows/runs", json=body)
    assert refused.status_code == 422, refused.text
    assert "cheapest path" in refused.text


async def test_models_of_a_list_are_known_to_registration_and_to_budgets(api: Running) -> None:
    rule = {"provider": "local", "model": "stand-in", "as_provider": "local", "as_model": "local-gold"}
    nodes = [
        {"id": name, "type": "llm", "config": {"prompt": "Say hello", "model": name, "max_tokens": 10}}
        for name in ("ours", "stand-in", "nobodys")
    ]
    document = {"name": "priced", "version": 1, "dag": {"nodes": nodes}}
    budget = {"scope": "model", "target": "ours", "period": "day", "limit_usd": 1}
    assert (await api.client.post("/api/v1/budgets", json=budget)).status_code == 422
    await registered(api, prices=[entry("1", "1", "ours")], priced_as=[rule])
    checked = await api.client.post("/api/v1/workflows", json=document, params={"dry_run": "true"})
    assert checked.status_code == 200, checked.text
    unpriced = [one["message"] for one in checked.json()["warnings"] if "no price is known" in one["message"]]
    assert len(unpriced) == 1
    assert "nobodys" in unpriced[0]
    assert (await api.client.post("/api/v1/budgets", json=budget)).status_code == 201
