"""Topics of other systems submit runs: each record once, also after a death; poison is put aside byte for byte."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import fastavro
import orjson
import pytest

from connectors.ports.engine import InRecord
from connectors.postgres.database import Database
from connectors.postgres.triggers.positions import TriggerPositions
from schemas.errors import Unavailable
from schemas.records.run_events import RunSubmitted
from schemas.triggers.definition import source_of
from schemas.triggers.framing import framed, place_bytes
from services.triggers.records import TriggerRecords
from streams.roles.triggers import role
from tests.support.api import Running, running, settings_for, unique, until_authenticated
from tests.support.polling import until_async
from tests.support.role_context import role_context
from tests.support.schema_registry import INT32, STRING, Registry, protobuf_file, protobuf_message, schema_registry
from tests.support.topics import PARTITIONS, Message, produce_all, read_topic
from topics.admin import TopicAdmin
from topics.catalogue import RUN_EVENTS, TRIGGERS_DLQ, wanted
from topics.codec import decode

SPEC = {
    "name": "on_order",
    "version": 1,
    "dag": {"nodes": [{"id": "split", "type": "function", "config": {"function_name": "text_splitter"}}], "edges": []},
}
AVRO = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "count", "type": "int"}],
}
FILE = protobuf_file("order.proto", {"Order": {"id": STRING, "count": INT32}})
DEADLINE_S = 60


@dataclass
class World:
    """A topic of another system, a registry, an API to make triggers, and the role's environment."""

    bootstrap: str
    redis_url: str
    api: Running
    registry: Registry
    topic: str
    env: dict[str, str]

    async def trigger(self, **body: Any) -> dict[str, Any]:
        """Make a trigger for the topic."""
        said = {"name": unique("t"), "workflow_name": "on_order", "inputs": {"text": "payload.id"}}
        how = {"name": self.topic, "start": "earliest"} | body.pop("topic", {})
        answer = await self.api.client.post("/api/v1/triggers", json=said | {"topic": how} | body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def shown(self, trigger: dict[str, Any]) -> dict[str, Any]:
        """Return a trigger as it is now."""
        found: dict[str, Any] = (await self.api.client.get(f"/api/v1/triggers/{trigger['id']}")).json()
        return found

    async def change(self, trigger: dict[str, Any], **body: Any) -> None:
        """Change a trigger."""
        (await self.api.client.patch(f"/api/v1/triggers/{trigger['id']}", json=body)).raise_for_status()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[role.TriggersApp]:
        """Run the role."""
        async with role_context(self.bootstrap, self.redis_url, self.env) as ctx:
            app = role.build(ctx)
            assert isinstance(app, role.TriggersApp)
            await app.start()
            try:
                yield app
            finally:
                await app.stop()

    async def until(self, trigger: dict[str, Any], records: int) -> dict[str, int]:
        """Wait until so many records are done; return what became of them."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                positions = (await self.shown(trigger))["topic"]["positions"]
                counts = {name: sum(one[name] for one in positions) for name in ("submitted", "filtered", "refused")}
                if sum(counts.values()) >= records:
                    return counts
                await asyncio.sleep(0.2)

    async def runs(self, trigger: dict[str, Any]) -> list[RunSubmitted]:
        """Return the submissions of a trigger."""
        records = await asyncio.to_thread(read_topic, self.bootstrap, RUN_EVENTS)
        events = [decode(RUN_EVENTS, one.value) for one in records]
        source = source_of(trigger["id"])
        return [one for one in events if isinstance(one, RunSubmitted) and one.source == source]

    async def letters(self, trigger: dict[str, Any]) -> list[InRecord]:
        """Return the dead letters of a trigger."""
        wanted_header = ("af-trigger", trigger["id"].encode())
        records = await asyncio.to_thread(read_topic, self.bootstrap, TRIGGERS_DLQ)
        return [one for one in records if wanted_header in one.headers]


@pytest.fixture
async def world(kafka_bootstrap: str, redis_url: str, dsn: str) -> AsyncIterator[World]:
    topic = unique("orders")
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create(wanted() | {topic: {}}, PARTITIONS, 1)
    settings = settings_for(dsn, redis_url, TRIGGER_TOPICS="*:orders-*", TOPIC_PARTITIONS=str(PARTITIONS))
    env = {"DATABASE_URL": dsn, "TRIGGER_TOPICS": "*:orders-*", "TOPIC_PARTITIONS": str(PARTITIONS)}
    async with schema_registry() as (registry, url), running(settings) as api:
        await until_authenticated(api)
        answer = await api.client.post("/api/v1/workflows", json=SPEC)
        assert answer.is_success, answer.text
        yield World(kafka_bootstrap, redis_url, api, registry, topic, env | {"SCHEMA_REGISTRY_URL": url})
        # The tests share a database, and the role reads the topics of all organisations.
        for one in (await api.client.get("/api/v1/triggers")).json()["triggers"]:
            await api.client.delete(f"/api/v1/triggers/{one['id']}")


def value_of(form: str, schema_id: int, order: dict[str, Any]) -> bytes:
    if form == "json":
        return orjson.dumps(order)
    if form == "protobuf":
        return framed(schema_id, place_bytes((0,)) + protobuf_message(FILE, "Order", **order))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO), order)
    return framed(schema_id, out.getvalue())


@pytest.mark.parametrize("form", ["json", "avro", "protobuf"])
async def test_records_are_runs_and_poison_is_put_aside_byte_for_byte(world: World, form: str) -> None:
    schema_id = 0
    if form == "avro":
        schema_id = world.registry.add("orders-value", "AVRO", orjson.dumps(AVRO).decode())
    elif form == "protobuf":
        schema_id = world.registry.add_file("orders-value", FILE)
    good = [{"id": f"o-{n}", "count": n} for n in range(60)]
    poison = [b"\xff\xfe", framed(77, b"x"), b""]
    messages = [
        Message(world.topic, one["id"].encode(), value_of(form, schema_id, one), (("h", b"1"),)) for one in good
    ]
    messages += [Message(world.topic, b"p", one, (("h", b"\xff"),)) for one in poison]
    await produce_all(world.bootstrap, messages)
    trigger = await world.trigger(topic={"format": form}, filter="payload.count < 50")
    async with world.reading():
        counts = await world.until(trigger, 63)
    assert counts == {"submitted": 50, "filtered": 10, "refused": 3}
    runs = await world.runs(trigger)
    assert sorted(run.inputs["text"] for run in runs) == sorted(f"o-{n}" for n in range(50))
    assert len({run.run_id for run in runs}) == 50
    assert all(str(run.submission_id).startswith(f"{world.topic}:") for run in runs)
    letters = await world.letters(trigger)
    assert sorted((one.value or b"") for one in letters) == sorted(poison)
    assert {(one.key, one.headers[0]) for one in letters} == {(b"p", ("h", b"\xff"))}
    assert all({"af-reason", "af-topic", "af-offset"} <= dict(one.headers).keys() for one in letters)


async def test_pause_keeps_the_place_and_now_begins_with_the_trigger(world: World) -> None:
    await produce_all(world.bootstrap, [Message(world.topic, None, b'{"id": "before"}')])
    trigger = await world.trigger(topic={"start": "now"})
    await produce_all(world.bootstrap, [Message(world.topic, None, b'{"id": "a"}')])
    async with world.reading() as app:
        await world.until(trigger, 1)
        await world.change(trigger, paused=True)
        await until_async(lambda: not app.handler.readers, DEADLINE_S, "it stops reading")  # type: ignore[attr-defined]
        await produce_all(world.bootstrap, [Message(world.topic, None, b'{"id": "b"}')])
        await world.change(trigger, paused=False, inputs={"text": "payload.id + '!'"})
        await world.until(trigger, 2)
    assert sorted(run.inputs["text"] for run in await world.runs(trigger)) == ["a", "b!"]


async def test_death_after_each_step_repeats_and_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [f"o-{n}" for n in range(40)]
    messages = [Message(world.topic, one.encode(), orjson.dumps({"id": one})) for one in orders]
    await produce_all(world.bootstrap, [*messages, Message(world.topic, b"p", b"poison")])
    trigger = await world.trigger()
    take, advance = TriggerRecords.take, TriggerPositions.advance
    left = {"taken": 2, "put aside": 2, "advanced": 2}

    def dies(step: str) -> None:
        if left[step]:
            left[step] -= 1
            raise Unavailable("test", f"died after it was {step}")

    async def taking(self: TriggerRecords, *args: Any) -> Any:
        found = await take(self, *args)
        dies("taken")
        return found

    async def advancing(self: TriggerPositions, *args: Any) -> None:
        dies("put aside")
        await advance(self, *args)
        dies("advanced")

    monkeypatch.setattr(TriggerRecords, "take", taking)
    monkeypatch.setattr(TriggerPositions, "advance", advancing)
    async with world.reading():
        counts = await world.until(trigger, 41)
    assert counts["submitted"] + counts["refused"] == 41
    assert sum(left.values()) == 0
    assert sorted({run.run_id: run.inputs["text"] for run in await world.runs(trigger)}.values()) == sorted(orders)
    letters = await world.letters(trigger)
    assert {one.value for one in letters} == {b"poison"}
    assert len({dict(one.headers)["af-offset"] for one in letters}) == 1


async def test_registry_that_is_down_stops_and_loses_nothing(world: World) -> None:
    schema_id = world.registry.add("orders-value", "AVRO", orjson.dumps(AVRO).decode())
    world.registry.down = True
    await produce_all(
        world.bootstrap, [Message(world.topic, None, value_of("avro", schema_id, {"id": "a", "count": 1}))]
    )
    trigger = await world.trigger(topic={"format": "avro"})
    async with world.reading():
        await until_shown(world, trigger, "problem", "schema registry")
        world.registry.down = False
        assert await world.until(trigger, 1) == {"submitted": 1, "filtered": 0, "refused": 0}
        await until_shown(world, trigger, "problem", None)


async def test_topic_that_is_made_again_pauses_its_trigger(world: World, dsn: str) -> None:
    await produce_all(world.bootstrap, [Message(world.topic, None, b'{"id": "a"}')])
    trigger = await world.trigger()
    async with world.reading():
        await world.until(trigger, 1)
    database = Database(dsn, timeout_s=15)
    await database.fetch("pretend", "UPDATE run_trigger_position SET log = 'another' RETURNING 1")
    await database.close()
    async with world.reading():
        await until_shown(world, trigger, "paused", True)
    assert "made again" in (await world.shown(trigger))["problem"]


async def test_missing_topic_and_one_that_is_no_longer_allowed_are_said(world: World) -> None:
    missing = await world.trigger(topic={"name": unique("orders")})
    async with world.reading():
        await until_shown(world, missing, "problem", "no topic")
    world.env["TRIGGER_TOPICS"] = "*:other"
    allowed = await world.trigger()
    async with world.reading():
        await until_shown(world, allowed, "problem", "TRIGGER_TOPICS")


async def test_idle_role_reads_no_topic(world: World) -> None:
    async with world.reading() as app:
        await until_async(lambda: app.ticks > 0, DEADLINE_S, "it has looked for triggers")
        assert app.lags() == {}
        assert app.handler.readers == {}  # type: ignore[attr-defined]


async def until_shown(world: World, trigger: dict[str, Any], name: str, said: object) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = (await world.shown(trigger))[name]
            if found == said or (isinstance(said, str) and said in str(found)):
                return
            await asyncio.sleep(0.2)
