"""Lines of real doors: one pair through all, poison among many, kills of the bridge, tokens, recorded records."""

import asyncio
import random
import socket
import statistics
import tempfile
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.doors import tokens
from bench.doors.poison import SOURCE, Sent, mixed, send
from bench.doors.sends import DLQ, FLOW, TOPIC, Doors, attributes, body, flow, structured, until
from bench.doors.workload import QUEUE, record
from bench.lines import BenchError, Line
from bench.prove.area import Aim, at_least, at_most, between, line_of
from bench.prove.doors.records import MOST_FAULTS, Checked
from deploy.local.engines.ports import LOOPBACK
from deploy.local.engines.progress import Progress
from deploy.local.system import LAYOUT, ORG, System
from schemas.ids import run_id
from streams.roles.bridge.events import STREAM as EVENTS
from topics.catalogue import CATALOGUE, STEP_REQUESTS, Topic, lane
from topics.json_schemas import names_of

AT_ONCE = 104
EVENTS_SENT, QUICK_EVENTS = 10_000, 1_000
POISON_EVERY = 100
KILLED_RUNS, QUICK_KILLED_RUNS = 2_000, 200
KILLS, QUICK_KILLS = 10, 3
STREAMS, QUICK_STREAMS = 40, 10
RECORDED, QUICK_RECORDED = 1_000, 50
#: So many requests of one client are in flight.
TOGETHER = 64

_STRUCTURED = {"Content-Type": "application/cloudevents+json"}
_JSON = {"Content-Type": "application/json"}
_DOORS = (
    *("HTTP structured", "HTTP binary", "webhook structured", "webhook binary"),
    *("Kafka structured", "Kafka binary", "JetStream structured", "JetStream binary"),
)

AIMS = (
    Aim("one_pair_runs", "runs", between(1, 1), between(1, 1)),
    Aim("one_pair_other_answers", "answers", at_most(0), at_most(0)),
    Aim("mixed_runs_missing", "runs", at_most(0), at_most(0)),
    Aim("mixed_letters_missing", "letters", at_most(0), at_most(0)),
    Aim("bridge_killed_lost", "runs", at_most(0), at_most(0)),
    Aim("bridge_killed_doubled", "runs", at_most(0), at_most(0)),
    Aim("bridge_events_lost", "events", at_most(0), at_most(0)),
    Aim("bridge_events_doubled", "events", at_most(0), at_most(0)),
    Aim("token_first_ms", "ms", at_most(50), at_most(10)),
    Aim("token_first_p99_ms", "ms", at_most(100), at_most(25)),
    Aim("token_texts_wrong", "answers", at_most(0), at_most(0)),
    Aim("recorded_off_schema", "records", at_most(0), at_most(0)),
    Aim("recorded_topics", "topics", at_least(18), at_least(18)),
    Aim("recorded_fewest_share", "x", at_least(1), at_least(1)),
)
#: The bridge is a process of its own, so that it can be killed.
_LAYOUT = {name: tuple(role for role in roles if role != "bridge") for name, roles in LAYOUT.items()}


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Start a system with all doors open, and send. Raises ``BenchError``."""
    with tempfile.TemporaryDirectory(prefix="agentflow-doors-") as name:
        # It listens before the system chooses its ports, so that no other program gets this one meanwhile.
        listening = socket.create_server((LOOPBACK, 0))
        env = {
            "BRIDGE_SUBMISSIONS": "true",
            "BRIDGE_EVENTS": "true",
            "OPENAI_API_KEY": "sk-of-a-bench",
            "OPENAI_BASE_URL": f"http://{LOOPBACK}:{listening.getsockname()[1]}/v1",
        }
        layout = _LAYOUT | {"bridge": ("bridge",)}
        with System(Path(name) / "data", durable=False, layout=layout, env=env, progress=progress) as system:
            return asyncio.run(_measured(system, listening, quick, progress))


async def _measured(system: System, listening: socket.socket, quick: bool, progress: Progress) -> list[Line]:
    model = tokens.SlowModel()
    async with Doors(system) as doors, tokens.serving(model, listening):
        await doors.register(flow())
        await doors.register(tokens.flow())
        lines = await _tokens(doors, model, QUICK_STREAMS if quick else STREAMS, progress)
        lines += await _one_pair(doors, progress)
        lines += await _mixed(doors, QUICK_EVENTS if quick else EVENTS_SENT, progress)
        kills = (QUICK_KILLED_RUNS, QUICK_KILLS) if quick else (KILLED_RUNS, KILLS)
        lines += await _killed(doors, *kills, progress)
        return [*lines, *await _recorded(doors, QUICK_RECORDED if quick else RECORDED, progress)]


async def _tokens(doors: Doors, model: tokens.SlowModel, count: int, progress: Progress) -> list[Line]:
    progress(f"doors: {count} answers are read along")
    await tokens.delay_ms(doors, model, -1)  # the first call loads what all calls use
    found = [await tokens.delay_ms(doors, model, number) for number in range(count)]
    whole = "".join(tokens.WORDS)
    wrong = sum(one.text != whole or one.output != whole or not one.ended for _, one in found)
    delays = sorted(delay for delay, _ in found)
    note = f"{count} runs over NATS, from the provider's first piece to the client's"
    return [
        line_of(AIMS, "token_first_ms", statistics.median(delays), note),
        line_of(AIMS, "token_first_p99_ms", delays[int(0.99 * (len(delays) - 1))], f"most {delays[-1]:.1f} ms"),
        line_of(AIMS, "token_texts_wrong", wrong, f"of {count}: all tokens joined, and the whole answer"),
    ]


async def _one_pair(doors: Doors, progress: Progress) -> list[Line]:
    """Send one source and id through all doors at once: HTTP, records, JetStream, each in both modes, and a webhook."""
    progress(f"doors: one source and id {AT_ONCE} times at once")
    (_, address), before = await doors.trigger(), len(await doors.records(DLQ))
    one = _Event("urn:bench:one", "the-same", body("one"))
    answered: list[Awaitable[str]] = []
    others: list[Awaitable[None]] = []
    for number in range(AT_ONCE // len(_DOORS)):
        answered += _answered(doors, one, address)
        others += _not_answered(doors, one, number)
    said = await _at_once(answered, others)
    await doors.taken()
    await until(lambda: _succeeded(doors, one.source, 1, one.id), "the run has succeeded")
    runs = sum((await doors.runs(f"source = '{one.source}' OR submission_id = '{one.id}'")).values())
    letters = len(await doors.records(DLQ)) - before
    other = sum(run != run_id(ORG, one.source, one.id) for run in said)
    note = f"{len(answered) + len(others)} times over {', '.join(_DOORS)}; {letters} dead letters"
    naming = f"of {len(said)} over HTTP and the webhook, that name another run"
    return [
        line_of(AIMS, "one_pair_runs", runs + letters, note),
        line_of(AIMS, "one_pair_other_answers", other, naming),
    ]


@dataclass(frozen=True)
class _Event:
    """A CloudEvent in both modes: ``whole`` is structured, ``plain`` with ``in_headers`` is binary."""

    source: str
    id: str
    data: dict[str, Any]

    @property
    def whole(self) -> bytes:
        return structured(self.source, self.id, self.data)

    @property
    def plain(self) -> bytes:
        return orjson.dumps(self.data)

    @property
    def in_headers(self) -> dict[str, str]:
        return {f"ce-{name}": text for name, text in attributes(self.source, self.id).items()}


def _answered(doors: Doors, one: _Event, address: str) -> list[Awaitable[str]]:
    """Return the sends whose answer names the run: over HTTP and to a webhook at ``address``."""
    inputs = one.data["inputs"]
    return [
        doors.event_over_http(one.whole, _STRUCTURED),
        doors.event_over_http(one.plain, one.in_headers | _JSON),
        doors.event_over_webhook(address, structured(one.source, one.id, inputs), _STRUCTURED),
        doors.event_over_webhook(address, orjson.dumps(inputs), one.in_headers | _JSON),
    ]


def _not_answered(doors: Doors, one: _Event, number: int) -> list[Awaitable[None]]:
    """Return the sends over topics and streams; ``number`` tells their keys from those of others."""
    whole = [(name.lower(), text.encode()) for name, text in _STRUCTURED.items()]
    plain = [(f"ce_{name}", text.encode()) for name, text in attributes(one.source, one.id).items()]
    return [
        doors.over_kafka(one.whole, whole, b"%d" % number),
        doors.over_kafka(one.plain, plain, b"b%d" % number),
        doors.over_jetstream(one.whole, f"structured-{number}"),
        doors.over_jetstream(one.plain, f"binary-{number}", one.in_headers),
    ]


async def _at_once(answered: Sequence[Awaitable[str]], others: Sequence[Awaitable[None]]) -> list[str]:
    """Send all in random order; return the answers."""
    said: list[str] = []

    async def keep(one: Awaitable[str]) -> None:
        said.append(await one)

    sends: list[Awaitable[None]] = [*map(keep, answered), *others]
    random.Random(0).shuffle(sends)  # noqa: S311
    await asyncio.gather(*sends)
    return said


async def _mixed(doors: Doors, count: int, progress: Progress) -> list[Line]:
    progress(f"doors: {count} events, one of {POISON_EVERY} is poison")
    sent = mixed(count, POISON_EVERY)
    await _all(doors, sent)
    await doors.taken()
    good = [event for event in sent if not event.poison]
    await until(lambda: _succeeded(doors, SOURCE, len(good)), f"{len(good)} runs have succeeded")
    succeeded = (await doors.runs(f"source = '{SOURCE}'"))["succeeded"]
    wanted = Counter(event.value for event in sent if event.poison)
    found = Counter(record.value or b"" for record in await doors.records(DLQ))
    missing, more = wanted - found, found - wanted
    note = f"of {len(sent) - len(good)}, byte for byte; {sum(more.values())} others"
    return [
        line_of(AIMS, "mixed_runs_missing", abs(len(good) - succeeded), f"of {len(good)}, by records and JetStream"),
        line_of(AIMS, "mixed_letters_missing", sum((missing + more).values()), note),
    ]


async def _all(doors: Doors, sent: Sequence[Sent]) -> None:
    """Send events, so many at a time as a client's connection takes."""
    places = asyncio.Semaphore(TOGETHER)

    async def one(event: Sent) -> None:
        async with places:
            await send(doors, event)

    await asyncio.gather(*(one(event) for event in sent))


async def _killed(doors: Doors, count: int, kills: int, progress: Progress) -> list[Line]:
    progress(f"doors: {count} submissions over JetStream, {kills} times kill -9 of the bridge")
    before = await doors.runs(f"source = 'killed' AND workflow_name = '{FLOW}'")
    if before:
        raise BenchError(f"runs of another time are there: {before}")
    events = [Sent(f"k{n}", structured("killed", f"k{n}", body(n)), "jetstream", poison=False) for n in range(count)]
    bridge, rng, part = doors.system.roles["bridge"], random.Random(1), -(-count // (kills + 1))  # noqa: S311
    for kill in range(kills + 1):
        sending = asyncio.create_task(_all(doors, events[kill * part : (kill + 1) * part]))
        if kill < kills:
            # While it takes messages: before their append, after it, and after they were acknowledged.
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            bridge.kill()
            bridge.launch()
            await asyncio.to_thread(bridge.wait_ready)
        await sending
    await doors.taken()
    ids = {run_id(ORG, "killed", event.id) for event in events}
    await until(lambda: _succeeded(doors, "killed", count), f"{count} runs have succeeded")
    runs = await doors.runs("source = 'killed'")
    published = await _published(doors, ids)
    note = f"{count} submissions, {kills} kills"
    return [
        line_of(AIMS, "bridge_killed_lost", max(0, count - runs["succeeded"]), note),
        line_of(AIMS, "bridge_killed_doubled", max(0, sum(runs.values()) - count), note),
        line_of(AIMS, "bridge_events_lost", len(ids - published.keys()), "run.succeeded on JetStream"),
        line_of(AIMS, "bridge_events_doubled", sum(number - 1 for number in published.values()), "within ten minutes"),
    ]


async def _published(doors: Doors, ids: set[str]) -> Counter[str]:
    """Return how often each run's end is in the stream of events, once all are there or time is over."""
    context = await doors.jetstream._live()  # noqa: SLF001
    subscription = await context.pull_subscribe(f"agentflow.events.{ORG}.run.succeeded", "bench", stream=EVENTS)
    found: Counter[str] = Counter()
    for _ in range(60):
        try:
            messages = await subscription.fetch(1_000, timeout=1.0)
        except TimeoutError:
            if ids <= found.keys():
                break
            continue
        for message in messages:
            run = orjson.loads(message.data)["subject"]
            found[run] += run in ids
            await message.ack()
    return +found


async def _recorded(doors: Doors, each: int, progress: Progress) -> list[Line]:
    progress(f"doors: {each} records of each topic are recorded")
    await record(doors, each)
    checked = Checked()
    names = {topic.name: _on_broker(topic) for topic in CATALOGUE if names_of(topic.name, topic.model)}
    await until(lambda: _there(doors, list(names.values()), each), f"{each} records are on each topic", 2.0)
    for name in names.values():
        found = [one for one in await doors.records(name) if one.value is not None]
        # Other lines send poison, and binary events, whose value is their data alone.
        own = [one for one in found if name != TOPIC or (one.key or b"").startswith(b"recorded_")]
        checked.check(name, [one.value or b"" for one in own])
    fewest = min(names, key=lambda name: checked.counts[name])
    note = ", ".join(f"{name} {count}" for name, count in sorted(checked.counts.items()))
    faults = "; ".join(checked.faults[:MOST_FAULTS])
    return [
        line_of(AIMS, "recorded_off_schema", len(checked.faults), faults or f"of {sum(checked.counts.values())}"),
        line_of(AIMS, "recorded_topics", len(checked.counts), f"of {len(names)}: {note}"),
        line_of(AIMS, "recorded_fewest_share", checked.counts[fewest] / each, f"of {each} records; {fewest}"),
    ]


async def _there(doors: Doors, names: Sequence[str], each: int) -> bool:
    return all([await doors.count(name) >= each for name in names])


def _on_broker(topic: Topic) -> str:
    """Return the topic of this system that stands for a declared one."""
    if topic.name == STEP_REQUESTS:
        return lane(f"{ORG}.{QUEUE.removeprefix('org/')}")
    return f"{topic.name}.{ORG}" if topic.family else topic.name


async def _succeeded(doors: Doors, source: str, count: int, id_: str = "") -> bool:
    one = f" AND submission_id = '{id_}'" if id_ else ""
    return (await doors.runs(f"source = '{source}'{one}"))["succeeded"] >= count
