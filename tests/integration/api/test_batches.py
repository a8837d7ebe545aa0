"""Batches over HTTP: state, calls by state and cost, of the own organisation; and their cancel."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from connectors.ports.batches import Done, Gathered
from connectors.postgres.batches import PostgresBatches
from connectors.postgres.database import Database
from schemas.batches import BatchItem, ItemResult, ProviderBatch, Question, Wake
from schemas.payload import inline
from schemas.records.money import CallStarted
from schemas.settings import Settings
from tests.support.api import Running

BATCHES = "/api/v1/batches"
NOW = 1_795_305_600_000


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[PostgresBatches]:
    database = Database(settings.postgres.dsn.get_secret_value())
    yield PostgresBatches(database)
    await database.close()


def item(org_id: str, call_id: str) -> BatchItem:
    started = CallStarted(
        call_id=call_id,
        org_id=org_id,
        run_id="run",
        step_id="ask",
        workflow_name="flow",
        provider="openai",
        model="gpt-4o-mini",
        amount_nano=5,
        booked_at_ms=NOW,
        expires_at_ms=NOW,
        price_version="v",
    )
    return BatchItem(
        call_id=call_id,
        mode="auto",
        key_name="",
        started=started,
        wake=Wake(run_id="run", step_id="ask", attempt=1, deferral=0),
        question=Question(path="p", body=inline({}), size=2, input_tokens=1, max_tokens=1),
        created_ms=NOW,
    )


async def formed(store: PostgresBatches, org_id: str, *call_ids: str) -> ProviderBatch:
    items = [item(org_id, f"{org_id}/{name}") for name in call_ids]
    for one in items:
        await store.add(one)
        await store.make_ready(one.call_id, one.started, 1, NOW)
    batch = await store.form(items[0].group, NOW, Gathered(10, 1_000, 0))
    assert batch is not None
    return batch


async def test_a_batch_shows_its_state_its_calls_and_what_they_cost(api: Running, store: PostgresBatches) -> None:
    batch = await formed(store, api.org_id, "a", "b", "c")
    await formed(store, "another", "a")
    first = f"{api.org_id}/a"
    await store.finish([Done(first, "answered", ItemResult(cost_nano=1_250_000))], NOW)
    (shown,) = (await api.client.get(BATCHES)).json()["batches"]
    assert shown == {
        "id": batch.id,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "state": "formed",
        "requests": 3,
        "counts": {"open": 2, "answered": 1, "failed": 0, "expired": 0, "canceled": 0},
        "cost_usd": "0.00125",
        "cancel_requested": False,
        "formed_at": "2026-11-22T00:00:00.000Z",
        "submitted_at": None,
        "ended_at": None,
        "provider_id": None,
        "problem": None,
    }
    assert (await api.client.get(f"{BATCHES}/{batch.id}")).json() == shown


async def test_a_cancel_is_stored_for_the_role_and_an_ended_batch_stays(api: Running, store: PostgresBatches) -> None:
    batch = await formed(store, api.org_id, "d")
    answer = await api.client.post(f"{BATCHES}/{batch.id}/cancel")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    leased = await store.lease(NOW, NOW + 1, "me")
    assert leased is not None
    while leased.id != batch.id:
        leased = await store.lease(NOW, NOW + 1, "me")
        assert leased is not None
    assert leased.cancel
    await store.change(structs.replace(leased, state="ended", ended_ms=NOW, leased_until_ms=0))
    assert (await api.client.post(f"{BATCHES}/{batch.id}/cancel")).json()["state"] == "ended"


async def test_batches_of_others_and_ids_that_are_none_are_refused(api: Running, store: PostgresBatches) -> None:
    batch = await formed(store, "another", "z")
    assert (await api.client.get(f"{BATCHES}/{batch.id}")).status_code == 404
    assert (await api.client.post(f"{BATCHES}/{batch.id}/cancel")).status_code == 404
    assert (await api.client.get(f"{BATCHES}/nonsense")).status_code == 422


async def test_the_calls_of_a_batch_name_their_runs_and_steps_page_by_page(
    api: Running, store: PostgresBatches
) -> None:
    batch = await formed(store, api.org_id, "p", "q", "r")
    await store.finish([Done(f"{api.org_id}/q", "answered", ItemResult(cost_nano=1_000))], NOW)
    path = f"{BATCHES}/{batch.id}/calls"
    first = (await api.client.get(path, params={"limit": 2})).json()
    assert [(one["run_id"], one["step_id"], one["attempt"], one["state"]) for one in first["calls"]] == [
        ("run", "ask", 1, "open"),
        ("run", "ask", 1, "answered"),
    ]
    assert (first["calls"][1]["cost_usd"], first["calls"][1]["ended_at"]) == ("0.000001", "2026-11-22T00:00:00.000Z")
    second = (await api.client.get(path, params={"cursor": first["next_cursor"]})).json()
    assert ([one["call_id"] for one in second["calls"]], second["next_cursor"]) == ([f"{api.org_id}/r"], None)
    other = await formed(store, "another", "s")
    assert (await api.client.get(f"{BATCHES}/{other.id}/calls")).status_code == 404
