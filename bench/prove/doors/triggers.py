"""Lines of triggers through kill -9: records of topics in three formats, and records that steps write."""

import asyncio
import random
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.doors.arriving import FORMATS, PREFIX, Arriving, mixed, registered, topic_of
from bench.doors.schema_registry import schema_registry
from bench.doors.sends import FLOW, Doors, flow, until
from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_most, line_of
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.progress import Progress
from deploy.local.system import LAYOUT, System
from topics.admin import TopicAdmin
from topics.catalogue import TRIGGERS_DLQ

RECORDS, QUICK_RECORDS = 10_000, 600
POISON_EVERY = 100
KILLS, QUICK_KILLS = 10, 3
STEPS, QUICK_STEPS = 1_000, 100
STEP_KILLS, QUICK_STEP_KILLS = 8, 2
DONE = "bench-done"
PRODUCING = "producing"
#: So many requests of one client are in flight.
TOGETHER = 32

AIMS = (
    Aim("trigger_runs_missing", "runs", at_most(0), at_most(0)),
    Aim("trigger_runs_doubled", "runs", at_most(0), at_most(0)),
    Aim("trigger_letters_missing", "letters", at_most(0), at_most(0)),
    Aim("trigger_records_per_s", "records/s"),
    Aim("produce_keys_missing", "keys", at_most(0), at_most(0)),
    Aim("produce_keys_foreign", "keys", at_most(0), at_most(0)),
    Aim("produce_repeats", "records"),
)
#: The triggers are a process of their own, so that it can be killed.
_LAYOUT = {name: tuple(role for role in roles if role != "triggers") for name, roles in LAYOUT.items()}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start a system, and kill the triggers, then the worker, at work. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory(prefix="agentflow-triggers-") as name:
        # It listens before the system chooses its ports, so that no other program gets this one meanwhile.
        listening = socket.create_server((LOOPBACK, 0))
        env = {
            "TRIGGER_TOPICS": f"*:{PREFIX}-*",
            "SCHEMA_REGISTRY_URL": f"http://{LOOPBACK}:{listening.getsockname()[1]}",
            "KAFKA_PRODUCE_TOPICS": f"*:{DONE}",
            "CLAIM_LEASE_MS": "2000",
        }
        layout = _LAYOUT | {"triggers": ("triggers",)}
        with System(Path(name) / "data", durable=False, layout=layout, env=env, progress=progress) as system:
            return asyncio.run(_measured(system, listening, quick, progress))


async def _measured(system: System, listening: socket.socket, quick: bool, progress: Progress) -> list[Line]:
    async with Doors(system) as doors, schema_registry(listening=listening) as (registry, _):
        await doors.register(flow())
        await doors.register(producing())
        async with TopicAdmin(system.endpoints.kafka_bootstrap) as admin:
            names = [*map(topic_of, FORMATS), DONE]
            await admin.create({name: {} for name in names}, system.partitions, 1)
        sent = mixed(QUICK_RECORDS if quick else RECORDS, POISON_EVERY, registered(registry))
        lines = await _arrived(doors, sent, QUICK_KILLS if quick else KILLS, progress)
        steps, kills = (QUICK_STEPS, QUICK_STEP_KILLS) if quick else (STEPS, STEP_KILLS)
        return [*lines, *await _produced(doors, steps, kills, progress)]


def producing() -> dict[str, Any]:
    """Return a workflow of one step that writes a record."""
    node = {"id": "send", "type": "tool", "config": {"tool_name": "kafka.produce", "tool_args": {"topic": DONE}}}
    return {"name": PRODUCING, "version": 1, "dag": {"nodes": [node], "edges": []}}


async def _arrived(doors: Doors, sent: Sequence[Arriving], kills: int, progress: Progress) -> list[Line]:
    progress(f"doors: {len(sent)} records of topics, one of {POISON_EVERY} is poison, {kills} times kill -9")
    for one in sent:
        await doors.producer.send(one.topic, one.value, key=one.key)
    await doors.producer.flush()
    began = time.monotonic()
    made = [await _trigger(doors, form) for form in FORMATS]
    killed = await _killed_while(doors, made, len(sent), kills)
    await until(lambda: _done(doors, made, len(sent)), f"{len(sent)} records are submitted or put aside")
    took_s = time.monotonic() - began
    good = [one for one in sent if one.text]
    where = "source LIKE 'trigger:%'"
    await until(lambda: _ended(doors, where, len(good)), f"{len(good)} runs have ended")
    runs = await doors.runs(where)
    note = f"{len(good)} runs of {len(sent)} records in JSON, Avro and Protobuf, {killed} kills"
    missing, more, letters = await _letters(doors, sent)
    said = f"of {len(sent) - len(good)}, byte for byte; {more} others, {letters} records with repeats"
    return [
        line_of(AIMS, "trigger_runs_missing", max(0, len(good) - runs["succeeded"]), note),
        line_of(AIMS, "trigger_runs_doubled", max(0, sum(runs.values()) - len(good)), note),
        line_of(AIMS, "trigger_letters_missing", missing + more, said),
        line_of(AIMS, "trigger_records_per_s", len(sent) / took_s, f"in {took_s:.1f} s, kills and restarts included"),
    ]


async def _trigger(doors: Doors, form: str) -> str:
    how = {"name": f"{PREFIX}-{form}", "format": form, "start": "earliest"}
    body = {"name": form, "workflow_name": FLOW, "inputs": {"text": "payload.text"}, "topic": how}
    answer = await doors.http.post("/api/v1/triggers", json=body)
    if answer.status_code != 201:
        raise BenchError(f"the trigger was refused: {answer.text}")
    return str(answer.json()["id"])


async def _killed_while(doors: Doors, made: Sequence[str], count: int, kills: int) -> int:
    """Kill the role at random moments while it has work; return how often."""
    process, rng = doors.system.roles["triggers"], random.Random(2)  # noqa: S311
    for kill in range(kills):
        # Each time after a further share of the records, so that the work lasts for all kills.
        share = count * kill // (kills + 1)
        await until(partial(_done, doors, made, share), "a share is done", 0.02)
        await asyncio.sleep(rng.uniform(0.0, 0.2))
        process.kill()
        process.launch()
        await asyncio.to_thread(process.wait_ready)
    return kills


async def _done(doors: Doors, made: Sequence[str], count: int) -> bool:
    found = 0
    for trigger in made:
        topic = (await doors.http.get(f"/api/v1/triggers/{trigger}")).json()["topic"]
        found += sum(one["submitted"] + one["filtered"] + one["refused"] for one in topic["positions"])
    return found >= count


async def _ended(doors: Doors, where: str, count: int) -> bool:
    return (await doors.runs(where))["succeeded"] >= count


async def _letters(doors: Doors, sent: Sequence[Arriving]) -> tuple[int, int, int]:
    """Return how many dead letters are missing and too many, and how many records there are with repeats."""
    records = await doors.records(TRIGGERS_DLQ)
    each = {}
    for record in records:
        headers = dict(record.headers)
        each[headers["af-topic"], headers["af-partition"], headers["af-offset"]] = (record.key, record.value)
    wanted = Counter((one.key, one.value) for one in sent if not one.text)
    found = Counter((key or b"", value or b"") for key, value in each.values())
    return sum((wanted - found).values()), sum((found - wanted).values()), len(records)


async def _produced(doors: Doors, count: int, kills: int, progress: Progress) -> list[Line]:
    progress(f"doors: {count} steps of kafka.produce, {kills} times kill -9 of the worker")
    places = asyncio.Semaphore(TOGETHER)

    async def one(number: int) -> str:
        body = {"workflow_name": PRODUCING, "inputs": {"value": {"number": number}, "key": f"k{number}"}}
        async with places:
            answer = await doors.http.post("/api/v1/workflows/runs", json=body)
        if answer.status_code != 202:
            raise BenchError(f"a submission was refused: {answer.text}")
        return str(answer.json()["id"])

    submitting = asyncio.gather(*map(one, range(count)))
    worker, rng = doors.system.roles["worker"], random.Random(3)  # noqa: S311
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        worker.kill()
        worker.launch()
        await asyncio.to_thread(worker.wait_ready)
    runs = await submitting
    where = f"workflow_name = '{PRODUCING}'"
    await until(lambda: _ended(doors, where, count), f"{count} runs have succeeded")
    records = await doors.records(DONE)
    wanted = {f"{run}:send" for run in runs}
    bodies: dict[str, set[bytes]] = {}
    for record in records:
        step = (dict(record.headers).get("idempotency-key") or b"").decode()
        bodies.setdefault(step, set()).add(record.value or b"")
    foreign = sum(step not in wanted or len(found) > 1 for step, found in bodies.items())
    note = f"of {count} steps, {kills} kills of the worker; by the header idempotency-key"
    return [
        line_of(AIMS, "produce_keys_missing", len(wanted - bodies.keys()), note),
        line_of(AIMS, "produce_keys_foreign", foreign, "keys of no step, or with two values"),
        line_of(AIMS, "produce_repeats", len(records) - len(bodies), "which consumers drop by the header"),
    ]
