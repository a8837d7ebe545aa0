"""Health, readiness, metrics, limits and the OpenAPI document."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from connectors.redis.keys import Slot
from schemas.metrics import (
    CACHE_HITS_TOTAL,
    PROVIDER_REQUESTS_TOTAL,
    STEP_RETRIES_TOTAL,
    WORKERS_COUNTERS_KEY,
    WORKFLOW_COST_CENTS,
    WORKFLOW_DURATION_SECONDS,
    WORKFLOW_RUNS_TOTAL,
)
from schemas.metrics.fields import counter_field, histogram_fields
from schemas.settings import Settings
from tests.support.api import MemoryLog, Running, running, settings_for, unique
from tests.support.polling import in_less_than

PROMPTS = "/api/v1/prompts"


@pytest.fixture
def settings(dsn: str, redis_url: str, clickhouse_url: str) -> Settings:
    return settings_for(dsn, redis_url, clickhouse_url)


async def test_health_and_readiness_need_no_key(api: Running) -> None:
    async with api.as_key(None) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        ready = await client.get("/ready")
    assert ready.status_code == 200, ready.text
    body = ready.json()
    assert body["status"] == "ready"
    assert {name: state["status"] for name, state in body["dependencies"].items()} == {
        "kafka": "ok",
        "redis": "ok",
        "postgres": "ok",
        "clickhouse": "ok",
    }


async def test_readiness_names_what_is_down_in_two_seconds() -> None:
    nothing = settings_for("postgresql://x@127.0.0.1:1/x", "redis://127.0.0.1:1/0", "http://127.0.0.1:1")
    async with running(nothing, MemoryLog(down=True)) as api:
        answer = await in_less_than(2, lambda: api.client.get("/ready"))
        assert answer.status_code == 503
        states = answer.json()["dependencies"]
        assert set(states) == {"kafka", "redis", "postgres", "clickhouse"}
        assert all(state["status"] == "error" and state["error"] for state in states.values())
        assert (await api.client.get("/health")).status_code == 200
        assert "agentflow_api_role_counters_up 0.0" in (await api.client.get("/metrics")).text


async def test_the_page_of_metrics_needs_its_key_if_there_is_one(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url, METRICS_KEY="a-key-of-prometheus")) as api:
        for key, status in ((None, 401), (api.api_key, 401), ("a-key-of-prometheu", 401), ("a-key-of-prometheus", 200)):
            async with api.as_key(key) as client:
                answer = await client.get("/metrics")
                assert answer.status_code == status, (key, answer.text)
                assert ("agentflow_" in answer.text) is (status == 200)
                assert (await client.get("/health")).status_code == 200


async def test_readiness_without_clickhouse_is_degraded(dsn: str, redis_url: str) -> None:
    async with running(settings_for(dsn, redis_url, "http://127.0.0.1:1")) as api:
        answer = await api.client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["dependencies"]["clickhouse"]["status"] == "error"


async def test_metrics_show_what_the_roles_counted(api: Running, redis_url: str) -> None:
    workflow = unique('odd|name=%"\n')
    one, two = (("workflow", workflow),), (("provider", workflow), ("model", "m"))
    async with Redis.from_url(redis_url) as redis:
        for partition in (0, 3):
            key = Slot("runs", partition).counters
            await redis.hincrbyfloat(key, counter_field(WORKFLOW_RUNS_TOTAL, (*one, ("status", "succeeded"))), 2)
            await redis.hincrbyfloat(key, counter_field(STEP_RETRIES_TOTAL, (*one, ("node", "n"))), 1)
            for seconds in (0.04, 0.3, 9999.0):
                for field, amount in histogram_fields(WORKFLOW_DURATION_SECONDS, one, seconds).items():
                    await redis.hincrbyfloat(key, field, amount)
            for field, amount in histogram_fields(WORKFLOW_COST_CENTS, one, 0.5).items():
                await redis.hincrbyfloat(key, field, amount)
        fields = [
            counter_field(PROVIDER_REQUESTS_TOTAL, (*two, ("outcome", "ok"))),
            counter_field(CACHE_HITS_TOTAL, two),
        ]
        for field in fields:
            await redis.hincrbyfloat(WORKERS_COUNTERS_KEY, field, 3)
        await redis.hincrbyfloat(WORKERS_COUNTERS_KEY, "unheard_of_total|x=y", 1)
    async with api.as_key(None) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = Counter[tuple[str, str]]()
    for family in text_string_to_metric_families(answer.text):
        for s in family.samples:
            if workflow in s.labels.values():
                samples[s.name, s.labels.get("le", "")] += s.value  # type: ignore[assignment]
    assert samples[("workflow_runs_total", "")] == 4
    assert samples[("step_retries_total", "")] == 2
    assert samples[("provider_requests_total", "")] == 3
    assert samples[("cache_hits_total", "")] == 3
    assert samples[("workflow_cost_cents_sum", "")] == 1.0
    assert samples[("workflow_duration_seconds_count", "")] == 6
    assert samples[("workflow_duration_seconds_bucket", "0.025")] == 0
    assert samples[("workflow_duration_seconds_bucket", "0.05")] == 2
    assert samples[("workflow_duration_seconds_bucket", "7200.0")] == 4
    assert samples[("workflow_duration_seconds_bucket", "+Inf")] == 6
    assert "unheard_of" not in answer.text
    assert 'agentflow_api_requests_total{method="GET",route="/api/v1/workflows",status="200"}' in answer.text


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413(api: Running, chunked: bool) -> None:
    body = b'{"name": "p", "template": "' + b"x" * (1024 * 1024) + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = await api.client.post(
        PROMPTS, content=chunks() if chunked else body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:agentflow:problem:too-large"


async def test_a_chunked_body_under_the_limit_is_taken(api: Running) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"name": "p", '
        yield b'"template": "x"}'

    answer = await api.client.post(PROMPTS, content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/prompts", 405)],
)
async def test_unknown_paths_and_methods_are_problems(api: Running, method: str, path: str, status: int) -> None:
    answer = await api.client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["instance"] == path


async def test_a_json_body_without_its_content_type_says_so(api: Running) -> None:
    answer = await api.client.post(PROMPTS, content=b'{"name": "p", "template": "x"}')
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


async def test_the_openapi_document_says_what_can_go_wrong(api: Running) -> None:
    document = (await api.client.get("/openapi.json")).json()
    submit = document["paths"]["/api/v1/workflows/runs"]["post"]
    assert {"202", "401", "403", "404", "413", "422", "429", "503"} <= set(submit["responses"])
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["tags"], path
            for status, response in operation["responses"].items():
                if status[0] in "45" and path != "/ready":
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
    assert submit["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/SubmitRun")
    assert document["components"]["schemas"]["SubmitRun"]["examples"]


async def test_topics_and_records_are_described_without_a_key(api: Running) -> None:
    client = api.client
    answer = await client.get("/asyncapi.json", headers={"Authorization": ""})
    assert answer.headers["content-type"] == "application/vnd.aai.asyncapi+json;version=3.0.0"
    assert answer.json()["asyncapi"] == "3.0.0"
    paths = (await client.get("/schemas/v1", headers={"Authorization": ""})).json()["schemas"]
    assert "/schemas/v1/RunSubmitted.json" in paths
    for path in paths:
        schema = (await client.get(path)).json()
        assert schema["$id"] == path
    unknown = await client.get("/schemas/v1/Nothing.json")
    assert unknown.status_code == 404
    assert "GET /schemas/v1 lists them" in unknown.json()["detail"]
