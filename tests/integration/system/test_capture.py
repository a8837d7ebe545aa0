"""With ``CAPTURE=none`` nothing of what models are asked is in any store, while runs and their traces are whole.

A run's inputs and outputs are its data, and are in its records. So the marker is in neither: each half of it is an
input, and only the rendered prompt has both together.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from connectors.clickhouse.client import ClickHouse
from deploy.local.system import System
from schemas.records.spans import TraceSpans
from schemas.settings import Settings
from tests.support.client import define_prompt, define_workflow, llm, submission, submit, wait_for_run
from tests.support.polling import until
from tests.support.topics import read_topic
from topics import catalogue
from topics.codec import decode

LEFT, RIGHT = "fathom-seven-", "under-the-keel"
MARKER = LEFT + RIGHT
WORDS = " Then say something about the weather of the day, of the week and of the whole month of May."


@pytest.fixture(scope="module", params=["none", "full"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp(f"capture-{request.param}")
    with System(folder, durable=False, env={"CAPTURE": request.param}) as started:
        yield started


def test_what_a_model_was_asked_is_in_no_store(system: System, client: httpx.Client) -> None:
    prompt = define_prompt(client, "Read {{left}}{{right}}." + WORDS)
    flow = define_workflow(client, llm("ask", prompt, model="local-echo"))
    run_id = submit(client, submission(flow, {"left": LEFT, "right": RIGHT}))
    found = wait_for_run(client, run_id, outputs=True)
    assert found["status"] == "succeeded", found
    assert MARKER not in str(found["output"])
    until(lambda: _rows(system, "trace_spans") >= 4, 60, "the spans of the run are rows")
    until(lambda: _rows(system, "provider_calls") >= 1, 60, "the call is a row")
    places = [place for place, text in everything(system) if MARKER in text]
    if system.env["CAPTURE"] == "none":
        assert places == []
    else:
        # The search finds what is there: captured requests are in the log and in ClickHouse.
        assert {"kafka provider-calls", "clickhouse provider_calls"} <= set(places)
        assert "kafka trace-spans" not in places
    spans = [span for record in traces(system) if record.run_id == run_id for span in record.spans]
    assert {span.type for span in spans} == {"run", "step", "attempt", "llm_call"}
    assert all(span.input_hash and span.output_hash for span in spans if span.type in ("attempt", "llm_call"))


def traces(system: System) -> list[TraceSpans]:
    records = read_topic(system.endpoints.kafka_bootstrap, catalogue.TRACE_SPANS)
    return [decode(catalogue.TRACE_SPANS, record.value) for record in records]


def everything(system: System) -> Iterator[tuple[str, str]]:
    """Yield all that is stored, as text, with where it is."""
    for topic in catalogue.wanted():
        for record in read_topic(system.endpoints.kafka_bootstrap, topic):
            yield f"kafka {topic}", f"{record.key!r} {record.value!r} {record.headers!r}"
    yield from asyncio.run(_databases(system))
    for path in Path(system.data_dir, "objects").rglob("*"):
        if path.is_file():
            yield "objects", path.read_bytes().decode("utf-8", "replace")


async def _databases(system: System) -> list[tuple[str, str]]:
    found = [("redis", text) for text in await _redis(system.endpoints.redis_url)]
    connection = await asyncpg.connect(system.endpoints.postgres_dsn)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = await connection.fetch(f'SELECT t::text AS row FROM "{table}" AS t')
            found += [(f"postgres {table}", row["row"]) for row in rows]
    finally:
        await connection.close()
    store = ClickHouse(system.endpoints.clickhouse_url, Settings().clickhouse.database)
    try:
        names = await store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
        for (name,) in names:
            found += [(f"clickhouse {name}", str(row)) for row in await store.query(f"SELECT * FROM {name}")]
    finally:
        await store.close()
    return found


async def _redis(url: str) -> list[str]:
    redis: Any = Redis.from_url(url)
    read = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    try:
        return [f"{key!r} {await read[await redis.type(key)](key)!r}" for key in await redis.keys("*")]
    finally:
        await redis.aclose()


def _rows(system: System, table: str) -> int:
    async def count() -> int:
        store = ClickHouse(system.endpoints.clickhouse_url, Settings().clickhouse.database)
        try:
            return int(str((await store.query(f"SELECT count() FROM {table}"))[0][0]))
        finally:
            await store.close()

    return asyncio.run(count())
