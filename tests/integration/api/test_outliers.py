"""Outliers over HTTP, on a real ClickHouse: per workflow, by duration and by cost, and of the caller alone."""

import pytest

from connectors.clickhouse.client import ClickHouse
from schemas.settings import Settings
from tests.integration.api.test_trace_query import a_run
from tests.integration.api.test_traces import write
from tests.support.api import Running, settings_for

OUTLIERS = "/api/v1/traces/outliers"


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str, store: ClickHouse) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url, CLICKHOUSE_DATABASE=store.database)


async def test_the_far_run_of_each_workflow_is_found(api: Running, store: ClickHouse) -> None:
    usual = [a_run(f"u{n}", api.org_id, 10, cost=1_000_000 + n, seconds=2) for n in range(30)]
    dear = a_run("dear", api.org_id, 5, cost=40_000_000, seconds=2)
    slow = a_run("slow", api.org_id, 5, seconds=60)
    other = [a_run(f"o{n}", api.org_id, 10, cost=40_000_000, seconds=60, workflow_name="other") for n in range(30)]
    foreign = a_run("foreign", "somebody", 5, cost=90_000_000, seconds=90)
    await write(store, *usual, dear, slow, *other, foreign)

    found = (await api.client.post(OUTLIERS, json={"measure": "cost"})).json()
    (line,) = found["outliers"]
    assert (found["compared"], line["run_id"], line["workflow"], line["runs"]) == (62, "dear", "greeting", 32)
    assert (line["cost_usd"], line["duration"], line["times"]) == ("0.04", None, pytest.approx(40, rel=0.01))

    found = (await api.client.post(OUTLIERS, json={"workflow": "greeting", "start": "1h"})).json()
    (line,) = found["outliers"]
    assert (line["run_id"], line["duration"], line["median"], line["cost_usd"]) == ("slow", 60.0, "2.000", None)
    assert (await api.client.post(OUTLIERS, json={"workflow": "other"})).json()["outliers"] == []


@pytest.mark.parametrize(
    "body", [{"measure": "tokens"}, {"start": "soon"}, {"limit": 0}, {"end": "1h", "start": "now"}]
)
async def test_a_wrong_body_is_refused(api: Running, body: dict[str, object]) -> None:
    assert (await api.client.post(OUTLIERS, json=body)).status_code == 422
