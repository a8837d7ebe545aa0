"""Programs of other systems, run as they are: curl, kcat, Node and Java submit, Java reads by the document alone."""

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import uvicorn

from bench.doors.generated import generated
from connectors.ports.engine import InRecord
from deploy.local.engines.kafka import jar_folder
from deploy.local.engines.ports import LOOPBACK
from schemas.records.run_events import RunSubmitted
from streams.roles.cloudevents import read_event
from tests.support.api import INPUTS, MemoryLog, Running, running, settings_for, unique, until_authenticated
from tests.support.polling import until_async
from tests.support.topics import Message, produce, read_topic
from topics.admin import TopicAdmin
from topics.asyncapi import document
from topics.catalogue import RUN_EVENTS, declared, events_topic, submissions_topic, wanted
from topics.partitioner import partition_for

EXAMPLES = Path(__file__).parents[3] / "examples" / "events"
PARTITIONS = 12
KEYS = 40
DATA = {"workflow_name": "greeting", "inputs": INPUTS}
#: A directory in which `npm install kafkajs` was done.
NODE_MODULES = os.environ.get("KAFKAJS", "")

pytestmark = pytest.mark.exhaustive


def run(*command: str, env: dict[str, str] | None = None, given: str | None = None) -> str:
    """Run a program to its end and return what it printed. It must succeed."""
    whole = {**os.environ, **(env or {})}
    done = subprocess.run(command, env=whole, input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"NOT RUN: {program} is not installed")
    return found


def with_kafkajs(folder: Path) -> str:
    """Return the script beside the modules that it needs: they are looked for there."""
    if not Path(NODE_MODULES, "node_modules", "kafkajs").is_dir():
        pytest.skip("NOT RUN: KAFKAJS names no directory in which `npm install kafkajs` was done")
    (folder / "node_modules").symlink_to(Path(NODE_MODULES, "node_modules").resolve())
    return str(shutil.copy(EXAMPLES / "submit.mjs", folder))


def java(name: str, *args: str) -> list[str]:
    found = needed("java")
    listed = subprocess.run([found, "--list-modules"], capture_output=True, text=True, check=False, timeout=60)
    if "jdk.compiler" not in listed.stdout:
        pytest.skip("NOT RUN: no JDK is installed, only a Java that cannot compile")
    return [found, "-Xmx128m", "-cp", f"{jar_folder()}/*", str(EXAMPLES / name), *args]


@pytest.fixture
async def org(kafka_bootstrap: str) -> str:
    """An organisation with topics."""
    org = unique("org")
    topics = wanted((org,))
    async with TopicAdmin(kafka_bootstrap) as admin:
        await admin.create({name: topics[name] for name in (submissions_topic(org), events_topic(org))}, PARTITIONS, 1)
    return org


async def submitted(bootstrap: str, org: str) -> list[InRecord]:
    return await asyncio.to_thread(read_topic, bootstrap, submissions_topic(org))


def is_where_ours_would_be(record: InRecord) -> bool:
    return record.partition == partition_for(record.key or b"", PARTITIONS)


async def test_kcat_submits_and_chooses_our_partitions(kafka_bootstrap: str, org: str) -> None:
    needed("kcat")
    script = str(EXAMPLES / "submit_with_kcat.sh")
    inputs = orjson.dumps(INPUTS).decode()
    for number in range(KEYS):
        run(script, kafka_bootstrap, org, "greeting", inputs, f"order-{number}")
    records = await submitted(kafka_bootstrap, org)
    events = [read_event(record) for record in records]
    assert {(event.source, event.id) for event in events} == {("kcat", f"order-{number}") for number in range(KEYS)}
    assert all(event.data == DATA for event in events)
    assert all(map(is_where_ours_would_be, records))


async def test_default_partitioner_of_kcat_is_another(kafka_bootstrap: str, org: str) -> None:
    kcat, topic = needed("kcat"), submissions_topic(org)
    for number in range(KEYS):
        run(kcat, "-P", "-b", kafka_bootstrap, "-t", topic, "-k", f"order-{number}", given="{}")
    records = await submitted(kafka_bootstrap, org)
    assert len(records) == KEYS
    assert not all(map(is_where_ours_would_be, records))


async def test_node_submits_and_chooses_our_partitions(kafka_bootstrap: str, org: str, tmp_path: Path) -> None:
    node, script = needed("node"), with_kafkajs(tmp_path)
    for id_ in ("a", "bé", "order-7"):
        run(node, script, kafka_bootstrap, org, "greeting", orjson.dumps(INPUTS).decode(), id_)
    records = await submitted(kafka_bootstrap, org)
    events = [read_event(record) for record in records]
    assert {(event.source, event.id) for event in events} == {("node", id_) for id_ in ("a", "bé", "order-7")}
    assert all(event.data == DATA for event in events)
    assert all(map(is_where_ours_would_be, records))


async def test_java_submits_and_chooses_our_partitions(kafka_bootstrap: str, org: str) -> None:
    for id_ in ("a", 'with "quotes"'):
        inputs = orjson.dumps(INPUTS).decode()
        said = run(*java("SubmitEvent.java", kafka_bootstrap, org, "greeting", inputs, id_))
        assert said.startswith(f"{submissions_topic(org)}, partition ")
    records = await submitted(kafka_bootstrap, org)
    events = [read_event(record) for record in records]
    assert {(event.source, event.id) for event in events} == {("java", "a"), ("java", 'with "quotes"')}
    assert all(event.data == DATA for event in events)
    assert all(map(is_where_ours_would_be, records))


async def test_java_reads_events_by_the_document_alone(
    kafka_bootstrap: str, org: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    file, topic = tmp_path / "asyncapi.json", events_topic(org)
    file.write_bytes(orjson.dumps(document()))
    values = list(generated(declared(topic), 120, random.Random(1)))
    await asyncio.to_thread(produce, kafka_bootstrap, [Message(topic, b"run", value) for value in values])
    said = run(*java("ReadEvents.java", str(file), kafka_bootstrap, org, unique("group"), str(len(values))))
    record_property("java_events_valid", said.count(" valid "))
    assert said.startswith(f"topic {topic}, {len(declared(topic).model.__args__)} messages")
    assert said.endswith(f"{len(values)} events, 0 off their schema\n")
    kinds = {orjson.loads(value)["type"] for value in values}
    assert all(f"valid {kind}" in said for kind in kinds)


async def test_java_names_an_event_that_is_off_its_schema(kafka_bootstrap: str, org: str, tmp_path: Path) -> None:
    file, topic = tmp_path / "asyncapi.json", events_topic(org)
    file.write_bytes(orjson.dumps(document()))
    good = orjson.loads(next(generated(declared(topic), 1, random.Random(1))))
    bad = good | {"data": {"run_id": 7}}
    await asyncio.to_thread(produce, kafka_bootstrap, [Message(topic, b"run", orjson.dumps(bad))])
    command = java("ReadEvents.java", str(file), kafka_bootstrap, org, unique("group"), "1")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f"{good['type']} /data" in done.stdout


@asynccontextmanager
async def served(dsn: str, redis_url: str) -> AsyncIterator[tuple[Running, str]]:
    async with running(settings_for(dsn, redis_url), MemoryLog()) as api:
        await until_authenticated(api)
        config = uvicorn.Config(api.app, host=LOOPBACK, port=0, lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until_async(lambda: server.started, 20, "the API is served")
        yield api, f"http://{LOOPBACK}:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        await serving


async def test_curl_submits_once_however_often_it_is_repeated(dsn: str, redis_url: str) -> None:
    needed("curl")
    async with served(dsn, redis_url) as (api, url):
        await api.define_greeting()
        env = {"AGENTFLOW_URL": url, "AGENTFLOW_API_KEY": api.settings.security.api_key.get_secret_value()}
        command = (str(EXAMPLES / "submit_with_curl.sh"), "greeting", orjson.dumps(INPUTS).decode(), "order-7")
        answers = [orjson.loads(await asyncio.to_thread(run, *command, env=env)) for _ in range(2)]
    assert answers[0]["id"] == answers[1]["id"]
    assert [answer["duplicate"] for answer in answers] == [False, True]
    assert len([one for one in api.log.decoded(RUN_EVENTS) if isinstance(one, RunSubmitted)]) == 1
