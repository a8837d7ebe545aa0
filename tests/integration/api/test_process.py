"""``python -m api`` as a process of its own, with and without its dependencies."""

import asyncio
import os
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from schemas.records.run_events import RunSubmitted
from tests.support.api import PROMPT, SUBMISSION, WORKFLOW, settings_for, unique
from tests.support.polling import in_less_than
from tests.support.server import DEADLINE_S, served
from topics.admin import TopicAdmin
from topics.catalogue import DEFINITIONS, RUN_EVENTS, wanted
from topics.codec import decode


async def test_it_serves_while_everything_is_down_and_stops_cleanly() -> None:
    env = {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
        "CLICKHOUSE_URL": "http://127.0.0.1:1",
        "API_KEY": "key",
    }
    async with served(env) as (client, process):
        ready = await in_less_than(2, lambda: client.get("/ready"))
        assert ready.status_code == 503
        assert {state["status"] for state in ready.json()["dependencies"].values()} == {"error"}
        answer = await client.get("/api/v1/workflows", headers={"Authorization": "Bearer key"})
        assert (answer.status_code, answer.json()["dependency"]) == (503, "postgres")
    assert process.returncode == 0


async def test_a_submission_is_a_record_on_kafka(
    dsn: str, redis_url: str, kafka_bootstrap: str, clickhouse_url: str
) -> None:
    settings = settings_for(dsn, redis_url)
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(wanted(()), settings.kafka.partitions, 1)
    env = {
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "REDIS_URL": redis_url,
        "DATABASE_URL": dsn,
        "CLICKHOUSE_URL": clickhouse_url,
        "CLICKHOUSE_DATABASE": "default",
        "API_KEY": settings.security.api_key.get_secret_value(),
        "DEFAULT_ORG_ID": settings.api.default_org_id,
        "TOPIC_PARTITIONS": str(settings.kafka.partitions),
    }
    async with served(env) as (client, process):
        client.headers["Authorization"] = f"Bearer {settings.security.api_key.get_secret_value()}"
        async with asyncio.timeout(DEADLINE_S):
            while (await client.get("/ready")).status_code != 200:  # noqa: ASYNC110 - it is polled over HTTP
                await asyncio.sleep(0.05)
            while (await client.get("/api/v1/workflows")).status_code != 200:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.05)
        (await client.post("/api/v1/prompts", json=PROMPT)).raise_for_status()
        (await client.post("/api/v1/workflows", json=WORKFLOW)).raise_for_status()
        accepted = (await client.post("/api/v1/workflows/runs", json=SUBMISSION)).raise_for_status().json()
        assert (await client.get(accepted["links"]["self"])).json()["status"] == "queued"
        org = unique("org")
        made = await client.post("/api/v1/organisations", json={"id": org})
        assert made.status_code == 201, made.text
        async with TopicAdmin(kafka_bootstrap) as admin:
            assert await admin.verify(wanted((org,)), settings.kafka.partitions) == []
        keys = {
            f"workflow:{settings.api.default_org_id}:greeting:1",
            f"prompt:{settings.api.default_org_id}:greeter:3",
            f"organisation:{org}:{org}:1",
        }
        found = await records(kafka_bootstrap, {accepted["id"], *keys})
        submitted = decode(RUN_EVENTS, found[accepted["id"]])
        assert isinstance(submitted, RunSubmitted)
        assert submitted.inputs == SUBMISSION["inputs"]
        assert decode(DEFINITIONS, found[f"workflow:{settings.api.default_org_id}:greeting:1"]).body == WORKFLOW
    assert process.returncode == 0


async def records(bootstrap: str, keys: set[str]) -> dict[str, bytes]:
    """Read the two topics from their start until all keys were seen."""
    consumer = AIOKafkaConsumer(RUN_EVENTS, DEFINITIONS, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[str, bytes] = {}
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not keys <= found.keys():
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found |= {r.key.decode(): r.value for r in batch}
    finally:
        await consumer.stop()
    return found


async def test_setting_that_names_a_wrong_file_ends_the_start_with_one_line(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text("[{}]", encoding="utf-8")
    env = {**os.environ, "API_PORT": "0", "PRICES_FILE": str(prices), "KEY_PEPPER": "pepper"}
    argv = (sys.executable, "-W", "error", "-m", "api")
    process = await asyncio.create_subprocess_exec(*argv, env=env, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert (process.returncode, b"Traceback" in said, str(prices).encode() in said) == (1, False, True), said
