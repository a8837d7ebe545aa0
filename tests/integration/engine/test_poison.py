"""Records that cannot be used cost nothing but themselves: not their neighbours, not a role, not a byte."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import orjson
import pytest

from connectors.ports.engine import InRecord
from deploy.local.system import ORG, PARTITIONS, System
from schemas.ids import HTTP_SOURCE, run_id
from schemas.metrics import PAUSED_PARTITIONS
from schemas.records.run_events import StepSucceeded
from schemas.spec.model import ResolvedSpec
from tests.support import runs as builders
from tests.support.client import define_workflow, get_run, merger, submission, submit, unique, wait_for_run
from tests.support.cloudevents import structured
from tests.support.metrics import scrape_role
from tests.support.poison import (
    REQUEST_CASES,
    RUN_EVENT_CASES,
    SUBMISSION_CASES,
    bad_messages,
    changed,
    run_submitted,
    step_request,
    submission_event,
)
from tests.support.polling import until
from tests.support.topics import Message, Place, at_the_limit, behind, produce, read_decoded, read_topic
from topics import catalogue
from topics.dead_letters import letter as dead_letters
from topics.partitioner import partition_for

DEADLINE_S = 60.0
SUBMISSIONS = catalogue.submissions_topic(ORG)
SILVER = catalogue.lane("silver")
BAD, GOOD = 1_000, 1_000


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("poison"), durable=False) as started:
        yield started


@pytest.fixture(scope="module")
def flow(client: httpx.Client) -> str:
    """A workflow of one pure function; it needs the input ``text``."""
    return define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))


@pytest.fixture(scope="module")
def spec() -> ResolvedSpec:
    return builders.resolved(builders.function("merge", function_name="result_merger"))


def seed() -> int:
    """A new seed for each session, or the one of a session to be repeated."""
    return int(os.environ.get("POISON_SEED", "") or int.from_bytes(os.urandom(4), "big"))


@dataclass(frozen=True)
class Sent:
    """What was sent, and where the bad ones are in their topics."""

    bad: dict[Place, Message]
    good: list[Message]


@pytest.fixture(scope="module")
def sent(system: System, flow: str, spec: ResolvedSpec) -> Sent:
    chosen = seed()
    print(f"POISON_SEED={chosen}")  # noqa: T201 - how to repeat a failure
    random = Random(chosen)
    third = BAD // 3
    bad = [
        *bad_messages(lambda: submission_event(flow, random), SUBMISSION_CASES, third, random),
        *bad_messages(lambda: run_submitted(spec, random), RUN_EVENT_CASES, third, random),
        *bad_messages(lambda: step_request(random), REQUEST_CASES, BAD - 2 * third, random),
    ]
    good = [
        *(submission_event(flow, random, f"hello {n}") for n in range(third)),
        *(run_submitted(spec, random) for _ in range(third)),
        *(step_request(random) for _ in range(GOOD - 2 * third - 2)),
        # Size alone is no fault.
        *(at_the_limit(changed(m, pad="~pad~"), b"~pad~") for m in (run_submitted(spec, random), step_request(random))),
    ]
    mixed = [(m, True) for m in bad] + [(m, False) for m in good]
    random.shuffle(mixed)
    places = produce(system.endpoints.kafka_bootstrap, [m for m, _ in mixed])
    return Sent({p: m for p, (m, is_bad) in zip(places, mixed, strict=True) if is_bad}, good)


def letters_of(system: System, topic: str) -> list[InRecord]:
    return read_topic(system.endpoints.kafka_bootstrap, catalogue.dlq(topic))


def place_of(letter: InRecord) -> Place:
    headers = dict(letter.headers)
    topic, partition, offset = (
        headers[name].decode() for name in (dead_letters.TOPIC, dead_letters.PARTITION, dead_letters.OFFSET)
    )
    return topic, int(partition), int(offset)


def all_read(system: System) -> bool:
    groups = (
        ("agentflow.ingress", SUBMISSIONS),
        ("agentflow.orchestrator", catalogue.RUN_EVENTS),
        ("agentflow.worker", SILVER),
    )
    return all(behind(system.endpoints.kafka_bootstrap, group, topic) == 0 for group, topic in groups)


def runs_of(good: Sequence[Message]) -> set[str]:
    """The runs that good messages start."""
    ids = {run_id(ORG, "urn:test:orders", (m.key or b"").decode()) for m in good if m.topic == SUBMISSIONS}
    return ids | {(m.key or b"").decode() for m in good if m.topic == catalogue.RUN_EVENTS}


def test_a_thousand_bad_records_among_a_thousand_good_ones(system: System, client: httpx.Client, sent: Sent) -> None:
    kafka = system.endpoints.kafka_bootstrap
    pids = {name: role.pid for name, role in system.roles.items()}
    assert len(sent.bad) == BAD
    assert len(sent.good) == GOOD

    # The good ones are all processed …
    wanted = runs_of(sent.good)
    ended = until(lambda: ended_runs(kafka, wanted), DEADLINE_S, "every good run has ended", tick_s=0.5)
    assert Counter(ended.values()) == {"succeeded": len(wanted)}
    until(lambda: all_read(system), DEADLINE_S, "every record has been read", tick_s=0.5)
    requested = [(m.key or b"").decode().partition(":")[0] for m in sent.good if m.topic == SILVER]
    results = Counter(e.run_id for e in read_decoded(kafka, catalogue.RUN_EVENTS) if isinstance(e, StepSucceeded))
    assert {run: results[run] for run in requested} == dict.fromkeys(requested, 1)

    # … the bad ones are dead letters, byte for byte and once …
    letters = [letter for topic in (SUBMISSIONS, catalogue.RUN_EVENTS, SILVER) for letter in letters_of(system, topic)]
    places = Counter(map(place_of, letters))
    assert {place: times for place, times in places.items() if times > 1} == {}
    assert set(sent.bad) - set(places) == set()
    set_aside = {place_of(one): (one.key, one.value) for one in letters}
    assert [place for place, m in sent.bad.items() if set_aside[place] != (m.key, m.value)] == []
    kept = {place_of(one): tuple(h for h in one.headers if not h[0].startswith("af-")) for one in letters}
    assert [place for place, m in sent.bad.items() if kept[place] != m.headers] == []
    # … and nobody else set anything aside: nothing that came of them was unusable further on.
    assert set(places) <= set(sent.bad)
    others = [t for t in catalogue.wanted() if t.endswith(catalogue.DLQ_SUFFIX)]
    assert sum(len(read_topic(kafka, topic)) for topic in others) == BAD

    # … and no role has noticed more of it than that.
    assert {name: role.pid for name, role in system.roles.items()} == pids
    assert None not in pids.values()
    assert client.get("/ready").status_code == 200


def ended_runs(kafka: str, wanted: set[str]) -> dict[str, str] | None:
    """The last status of each run that is wanted, once all of them have ended."""
    views = [v for v in read_decoded(kafka, catalogue.RUN_VIEWS) if v.run_id in wanted]
    ended = {v.run_id: v.status for v in views if v.status in ("succeeded", "failed", "canceled")}
    return ended if ended.keys() == wanted else None


def test_what_a_good_submission_asked_for_is_in_history(client: httpx.Client, system: System, sent: Sent) -> None:
    for message in [m for m in sent.good if m.topic == SUBMISSIONS][:20]:
        asked = orjson.loads(message.value or b"")["data"]["inputs"]["text"]
        found = wait_for_run(client, run_id(ORG, "urn:test:orders", (message.key or b"").decode()), DEADLINE_S)
        assert (found["status"], found["output"]) == ("succeeded", {"merge": asked})


ODD: tuple[Any, ...] = (
    *("", " \n\t ", "\u2028 \ufeff \ufffd \U0001f9ea", "{{text}} {{.text}}", "merge.output", "\\u0000"),
    *(0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, 5e-324, True, None, [], {}),
    {"": {"a.b": [1, {"__proto__": None}]}, "ключ": "значение"},
    orjson.loads("[" * 80 + "]" * 80),
)


def test_an_odd_value_is_no_poison(system: System, client: httpx.Client, flow: str) -> None:
    sent = {unique("odd"): text for text in ODD}
    messages = [structured(ORG, id_, submission(flow, {"text": text})) for id_, text in sent.items()]
    produce(system.endpoints.kafka_bootstrap, messages)
    for id_, text in sent.items():
        found = wait_for_run(client, run_id(ORG, "urn:test:orders", id_))
        assert (found["status"], found["output"]) == ("succeeded", {"merge": text})
        assert found["inputs"] == {"text": text}


def test_a_record_of_a_newer_minor_version_is_read(system: System, client: httpx.Client, spec: ResolvedSpec) -> None:
    kafka, random = system.endpoints.kafka_bootstrap, Random(seed())
    newer = {"v": "1.7", "added_in_1_7": {"anything": [1, 2, 3]}}
    event, request = run_submitted(spec, random), step_request(random)
    produce(kafka, [changed(event, **newer), changed(request, **newer)])
    found = wait_for_run(client, (event.key or b"").decode())
    assert found["status"] == "succeeded"
    run, _, step = (request.key or b"").decode().partition(":")

    def result() -> bool:
        events = read_decoded(kafka, catalogue.RUN_EVENTS)
        return any(isinstance(e, StepSucceeded) and (e.run_id, e.step_id) == (run, step) for e in events)

    until(result, DEADLINE_S, "the request has a result")


# A record of a newer major version: a system of its own, since what is paused stays paused.

PAUSED = 2
"""The partition that gets a record from the future, in each topic."""
BRONZE = catalogue.lane("bronze")


@pytest.fixture
def outdated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("outdated"), durable=False) as started:
        yield started


def from_the_future(topic: str) -> Message:
    # A record on another partition than its key's would be put where it belongs.
    key = next(key for key in (b"k%d" % n for n in range(1000)) if partition_for(key, PARTITIONS) == PAUSED)
    return Message(topic, key, b'{"v": "2.0", "type": "nobody.knows", "what": ["it", "means"]}', partition=PAUSED)


def partition_of(message: Message) -> int:
    return partition_for(message.key or b"", PARTITIONS)


def key_on(partition: int) -> str:
    """A submission id whose run is on a partition of ``run-events``."""
    ids = (unique("key") for _ in range(1000))
    return next(k for k in ids if partition_for(run_id(ORG, HTTP_SOURCE, k).encode(), PARTITIONS) == partition)


def pauses(system: System) -> list[str]:
    """The lines of every log that speak of a pause."""
    logs = [role.log_path.read_text() for role in system.roles.values()]
    return [line for log in logs for line in log.splitlines() if "[action=pause]" in line]


def test_a_record_of_a_newer_major_version_pauses_its_partition(outdated: System) -> None:
    system, random = outdated, Random(seed())
    kafka = system.endpoints.kafka_bootstrap
    topics = {"orchestrator": catalogue.RUN_EVENTS, "worker": BRONZE, "analytics": catalogue.PROVIDER_CALLS}
    processes = {"orchestrator": "streams", "worker": "worker", "analytics": "sinks"}
    pids = {name: role.pid for name, role in system.roles.items()}
    produce(kafka, [from_the_future(topic) for topic in topics.values()])

    def paused() -> dict[str, float]:
        shown = {role: scrape_role(system.roles[processes[role]]) for role in topics}
        return {role: metrics.total(PAUSED_PARTITIONS, role=role) for role, metrics in shown.items()}

    until(lambda: paused() == dict.fromkeys(topics, 1.0), DEADLINE_S, "each role shows one paused partition")

    with system.client() as client:
        flow = define_workflow(client, merger("merge", inputs={"text": "{{text}}"}))
        ids = {p: submit(client, submission(flow, {"text": "x"}), key_on(p)) for p in range(PARTITIONS)}
        others = [id_ for p, id_ in ids.items() if p != PAUSED]
        assert {wait_for_run(client, id_)["status"] for id_ in others} == {"succeeded"}
        # What came after the record from the future waits behind it; it is neither lost nor refused.
        waiting = get_run(client, ids[PAUSED])
        assert waiting is not None
        assert waiting["status"] == "queued"
    requests = [step_request(random, tier="bronze") for _ in range(40)]
    produce(kafka, requests)
    done = {(m.key or b"").decode().partition(":")[0] for m in requests if partition_of(m) != PAUSED}
    assert 0 < len(done) < len(requests)

    def finished() -> set[str]:
        # A result comes under its run's key, maybe on the paused partition, where it is in the log all the same.
        return {e.run_id for e in read_decoded(kafka, catalogue.RUN_EVENTS) if isinstance(e, StepSucceeded)}

    until(lambda: done <= finished(), DEADLINE_S, "requests on other partitions are worked on")
    behind_the_pause = {(m.key or b"").decode().partition(":")[0] for m in requests} - done
    assert not behind_the_pause & finished()

    lines = pauses(system)
    for topic in topics.values():
        (line,) = [line for line in lines if f"{topic}/{PAUSED} " in line]
        assert "version 2.0" in line
        assert "upgrade" in line
    assert len(lines) == len(topics)
    assert sum(len(letters_of(system, topic)) for topic in topics.values()) == 0
    assert paused() == dict.fromkeys(topics, 1.0)
    assert {name: role.pid for name, role in system.roles.items()} == pids
    assert None not in pids.values()
