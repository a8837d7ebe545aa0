"""Policies over calls in ClickHouse: settlements as the ledger counts them, free and cached calls, over HTTP."""

from typing import Any

import pytest

from connectors.clickhouse.client import ClickHouse
from connectors.ports.engine import InRecord
from schemas.clock import now_ms
from schemas.payload import inline
from schemas.records.base import Record, Usage
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.security.pinned import CallLabels
from schemas.settings import Settings
from streams.roles.sinks.analytics import AnalyticsSink
from tests.support.api import Running, settings_for
from topics.catalogue import COST_EVENTS, PROVIDER_CALLS

PATH = "/api/v1/traces/policy"
CALLS = 40
USAGE = Usage(input_tokens=1_000, output_tokens=100)
#: Of the built-in golden model: $3 and $15 a million tokens.
COST_NANO = 4_500_000


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


@pytest.fixture
async def api(api: Running, store: ClickHouse) -> Running:
    """An API with calls that are settled, some first as an estimate; one is cached, one another organisation's."""
    at_ms, records = now_ms() - 3_600_000, list[tuple[str, Record]]()
    for number in range(CALLS):
        ids = _ids(api.org_id, number)
        if number % 4 == 0:
            records.append((COST_EVENTS, _settled(ids, at_ms + number, kind="presumed", amount_nano=9_000_000)))
        records.append((COST_EVENTS, _settled(ids, at_ms + number)))
        labels = CallLabels(args={"$": ["user", "class:pii"] if number == 0 else ["user"]}, control=["trusted"])
        records.append((PROVIDER_CALLS, _made(ids, at_ms + number, labels=labels)))
    cached = {"cached": True, "cost_nano": 0, "saved_nano": COST_NANO, "cache_kind": "exact"}
    records.append((PROVIDER_CALLS, _made(_ids(api.org_id, CALLS), at_ms + CALLS, **cached)))
    records.append((COST_EVENTS, _settled(_ids("another", 1), at_ms)))
    placed = [(InRecord(topic, 0, n, 0, b"k", b"{}"), record) for n, (topic, record) in enumerate(records)]
    await AnalyticsSink(store).write(placed)
    return api


def _ids(org_id: str, number: int) -> dict[str, Any]:
    run_id = f"{org_id}-{number // 2}"
    return {"org_id": org_id, "run_id": run_id, "step_id": "ask", "call_id": f"{run_id}:ask:1#{number}"}


def _settled(ids: dict[str, Any], at_ms: int, **more: Any) -> CostEvent:
    fields: dict[str, Any] = {
        "workflow_name": "report",
        "node_id": "ask",
        "provider": "local",
        "model": "local-gold",
        "amount_nano": COST_NANO,
        "booked_at_ms": at_ms,
        "usage": USAGE,
        "price_version": "local-1",
    }
    return CostEvent(**(ids | fields | more))


def _made(ids: dict[str, Any], at_ms: int, **more: Any) -> ProviderCall:
    fields: dict[str, Any] = {
        "request_id": ids["call_id"].partition("#")[0],
        "attempt": 1,
        "workflow_name": "report",
        "provider": "local",
        "model": "local-gold",
        "outcome": "ok",
        "usage": USAGE,
        "cost_nano": COST_NANO,
        "price_version": "local-1",
        "started_at_ms": at_ms,
        "latency_ms": 100.0,
        "idempotency_key": "k",
        "request": inline({"prompt": "the same"}),
    }
    return ProviderCall(**(ids | fields | more))


async def replayed(api: Running, policy: dict[str, Any], **window: Any) -> dict[str, Any]:
    answer = await api.client.post(PATH, json={"policy": policy, "since": "24h", **window})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_same_policy_is_the_ledger_and_another_is_compared(api: Running) -> None:
    found = await replayed(api, {})
    assert found["recorded_nano"] == CALLS * COST_NANO
    assert (found["baseline_off_nano"], found["cost_difference_nano"]) == (0, 0)
    assert (found["baseline"]["calls"], found["baseline"]["cached"], found["coverage"]["runs"]) == (CALLS + 1, 1, 21)
    assert found["baseline"]["latency_ms"]["value"] == 100

    doubled = await replayed(api, {"prices": {"factor": "2"}})
    assert doubled["candidate"]["cost_nano"] == 2 * CALLS * COST_NANO
    silver = await replayed(api, {"routes": [{"match": {"workflow": "report"}, "to": "local/local-silver"}]})
    assert silver["cost_difference_nano"] < 0
    assert silver["coverage"]["unknown"] == 1
    cached = await replayed(api, {"cache": {"mode": "exact"}})
    assert (cached["candidate"]["cached"], cached["candidate"]["cost_nano"]) == (CALLS, COST_NANO)
    off = await replayed(api, {"cache": {"mode": "off"}})
    assert off["candidate"]["cost_nano"] == (CALLS + 1) * COST_NANO


async def test_a_pack_refuses_calls_by_their_labels(api: Running) -> None:
    rule = {"id": "pii", "at": "model_call", "when": "'pii' in context.classes", "verdict": "deny"}
    found = await replayed(api, {"guard": {"pack": {"name": "p", "rules": [rule]}}})
    assert found["candidate"]["refused_by"] == {"rule pii": 1}
    assert (found["candidate"]["not_made"], found["coverage"]["unlabelled"]) == (1, 1)
    stated = {"providers": [{"route": "local", "regions": ["eu"]}]}
    assert (await api.client.put("/api/v1/providers/facts", json=stated)).status_code < 300
    by_region = {**rule, "when": "model.region == 'eu'"}
    found = await replayed(api, {"guard": {"pack": {"name": "p", "rules": [by_region]}}})
    assert found["candidate"]["calls"] == 0, "each run ends with its first call"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"policy": {"route": []}}, "policy.route"),
        ({"policy": {"routes": [{"to": "gold"}]}}, "policy.routes[0].to"),
        ({"policy": {"quotas": [{"provider": "p"}]}}, "policy.quotas[0]"),
        ({"policy": {"guard": {"pack": {"rules": []}}}}, "policy.guard.pack.name"),
        ({"policy": {}, "since": "yesterday"}, "since"),
        ({"policy": {}, "workflow": "none"}, "since"),
        ({"policy": {}, "since": "1h", "until": "2h"}, "until"),
    ],
)
async def test_what_cannot_be_replayed_is_refused(api: Running, body: dict[str, Any], path: str) -> None:
    answer = await api.client.post(PATH, json=body)
    assert answer.status_code == 422, answer.text
    assert [one["path"] for one in answer.json()["problems"]] == [path]
