"""Runs of data subjects by JetStream, by topics and by triggers: sealed before a topic has them, or refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from connectors.memory.engine import ManualClock
from connectors.objects.store import LocalObjects
from connectors.ports.engine import InRecord, OutRecord
from connectors.postgres.triggers.stored import StoredTrigger
from connectors.schema_registry.decoding import RecordReader
from schemas.cloudevents.submission import EVENT_TYPE, SEALED_TYPE
from schemas.privacy.sealed import is_sealed
from schemas.spec.check.workflow import parse_workflow
from schemas.triggers.definition import Definition, TopicSource
from services.privacy.subjects.personal import looks_personal
from services.privacy.subjects.sealed_events import SealedEvents
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.subjects.submission import SubjectRuns
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.memory import memory_vault
from services.runs.large_inputs import LargeInputs
from services.runs.submit import SubmissionPorts, Submissions
from services.triggers.records import Taken as TakenRecords
from services.triggers.records import TriggerRecords
from services.workflows.resolver import make_plan
from streams.roles.bridge.messages import taken
from streams.roles.bridge.submissions import SubmissionsIn
from streams.roles.ingress import Ingress
from tests.support.values_doors import WORKFLOW, Log, Parts

PERSON, NAME = "customer-17", "Ada Lovelace"
ORG = "acme"
TOPIC = f"workflow-submissions.{ORG}"
BODY: dict[str, Any] = {"workflow_name": "w", "inputs": {"v": NAME}}
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "7", "source": "shop", "type": EVENT_TYPE, "data": BODY}


class Message(NamedTuple):
    """A message of JetStream."""

    data: bytes
    headers: Mapping[str, str] = {}
    subject: str = f"agentflow.submit.{ORG}"
    stream: str = "S"
    sequence: int = 3
    at_ms: int = 5


class Needing(Parts):
    """A workflow with ``subject: required``, or as it is."""

    def __init__(self, *, required: bool = False) -> None:
        super().__init__()
        if required:
            self._plan = make_plan(parse_workflow({**WORKFLOW, "subject": "required"}), {})


@dataclass
class World:
    """The doors behind one vault."""

    directory: Path
    required: bool = False
    log: Log = field(default_factory=Log)
    letters: list[tuple[InRecord, str, str]] = field(default_factory=list)
    keys: VaultKeys = field(default_factory=lambda: memory_vault().keys)

    def __post_init__(self) -> None:
        self.objects = SubjectObjects(LocalObjects(self.directory), self.keys)
        self.events: SealedEvents | None = SealedEvents(self.objects, self.keys, looks_personal)

    @property
    def submissions(self) -> Submissions:
        anything: Any = Needing(required=self.required)
        ports = SubmissionPorts(
            plans=anything,
            markers=anything,
            history=anything,
            appender=self.log,
            large_inputs=LargeInputs(self.objects),
            subjects=SubjectRuns(self.objects, self.keys, looks_personal),
        )
        return Submissions(ports)

    async def exists(self, topic: str) -> bool:
        return topic == TOPIC

    async def bridged(self, *messages: Message) -> list[OutRecord]:
        """Return what the bridge appends for messages."""
        anything: Any = self
        bridge = SubmissionsIn(anything, anything, anything, ManualClock(), lambda *_: None, events=self.events)
        found = await bridge._checked([taken(one) for one in messages])
        return [bridge._out(one) for one in found]

    async def ingested(self, *records: OutRecord) -> list[Any]:
        """Return the submissions that the ingress makes of a topic's records."""

        async def letter(record: InRecord, reason: str, message: str) -> None:
            self.letters.append((record, reason, message))

        anything: Any = NoSignals()
        ingress = Ingress(self.submissions, anything, letter, self.events)
        await ingress.write([InRecord(one.topic, 0, n, 0, *one[1:4]) for n, one in enumerate(records)])
        return self.log.taken()

    async def triggered(self, value: bytes, subject: str) -> TakenRecords:
        """Return what a trigger of a topic does with a record."""
        definition = Definition(
            workflow_name="w", inputs={"v": "payload.name"}, subject=subject, topic=TopicSource(name="orders")
        )
        trigger = StoredTrigger("tr_1", ORG, "orders", "topic", definition, False, None, "k", 0, 0, None)
        record = InRecord("orders", 0, 9, 0, PERSON.encode(), value, (("who", PERSON.encode()),))
        return await TriggerRecords(self.submissions, RecordReader(None)).take(trigger, [record])

    async def erase(self, subject: str) -> None:
        await self.keys.erase(ORG, subject)
        self.keys.forget(ORG, subject)


class NoSignals:
    """Sends nothing."""

    async def send(self, records: Any) -> None:
        assert not records


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def shown(*records: Any) -> str:
    return repr(records)


def named(**more: Any) -> Message:
    return Message(orjson.dumps(EVENT | {"datasubject": PERSON} | more))


@pytest.mark.parametrize(
    "message",
    [
        named(),
        Message(orjson.dumps(BODY | {"subject": PERSON}), {"Nats-Msg-Id": "7"}),
        Message(orjson.dumps(EVENT | {"data": BODY | {"subject": PERSON}})),
    ],
)
async def test_the_bridge_seals_a_person_s_submission_and_the_ingress_starts_a_sealed_run(
    world: World, message: Message
) -> None:
    (record,) = await world.bridged(message)
    assert record.topic == TOPIC
    assert dict(record.headers)["ce_type"] == SEALED_TYPE.encode()
    assert not [text for text in (PERSON, "Ada") if text in shown(record)]
    (run,) = await world.ingested(record)
    assert run.subject.startswith("sub_")
    assert run.submission_id == "7"
    assert is_sealed(run.stored_inputs["v"])
    assert await world.objects.resolve(ORG, run.stored_inputs["v"]) == NAME
    assert not [text for text in (PERSON, "Ada") if text in shown(run)]


async def test_without_a_vault_the_bridge_refuses_and_its_dead_letter_has_no_content(world: World) -> None:
    world.events = None
    (letter,) = await world.bridged(named())
    assert letter.topic == "workflow-submissions.dlq"
    assert (letter.key, letter.value) == (None, None)
    assert dict(letter.headers)["af-reason"] == b"no_vault"
    assert not [text for text in (PERSON, "Ada") if text in shown(letter)]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (named(id="of-customer-17"), b"invalid_input"),
        (named(data=BODY | {"subject": "another"}), b"invalid_input"),
        (Message(named().data, subject="agentflow.submit.nobody"), b"organisation"),
    ],
)
async def test_what_the_bridge_refuses_of_a_person_has_no_content(
    world: World, message: Message, reason: bytes
) -> None:
    (letter,) = await world.bridged(message)
    assert dict(letter.headers)["af-reason"] == reason
    assert (letter.key, letter.value) == (None, None)
    assert not [text for text in (PERSON, "Ada") if text in shown(letter)]


async def test_an_erasure_between_bridge_and_ingress_is_a_typed_dead_letter(world: World) -> None:
    (record,) = await world.bridged(named())
    await world.erase(dict(record.headers)["ce_datasubject"].decode())  # type: ignore[union-attr]
    assert await world.ingested(record) == []
    ((put_aside, reason, _),) = world.letters
    assert reason == "subject_erased"
    assert not [text for text in (PERSON, "Ada") if text in shown(put_aside)]
    (letter,) = await world.bridged(named())
    assert dict(letter.headers)["af-reason"] == b"subject_erased"


async def test_sealed_data_that_are_wrong_are_not_quoted(world: World) -> None:
    (record,) = await world.bridged(named(data={"workflow_name": "w", "inputs": {NAME: NAME}}))
    assert await world.ingested(record) == []
    assert [reason for _, reason, _ in world.letters] == ["invalid_input"]
    assert "Ada" not in shown(world.letters)


@pytest.mark.parametrize("event", [EVENT | {"datasubject": PERSON}, EVENT | {"data": BODY | {"subject": PERSON}}])
async def test_a_topic_takes_no_person_in_clear(world: World, event: dict[str, Any]) -> None:
    assert await world.ingested(OutRecord(TOPIC, PERSON.encode(), orjson.dumps(event))) == []
    ((put_aside, reason, message),) = world.letters
    assert (put_aside.key, put_aside.value, put_aside.headers, reason) == (None, None, (), "invalid_input")
    assert "JetStream" in message


async def test_a_workflow_that_requires_a_subject_refuses_without_one_and_keeps_no_content(tmp_path: Path) -> None:
    world = World(tmp_path, required=True)
    assert await world.ingested(*(await world.bridged(Message(orjson.dumps(EVENT))))) == []
    ((put_aside, reason, _),) = world.letters
    assert (put_aside.value, reason) == (None, "subject_required")
    found = await world.triggered(orjson.dumps({"name": NAME}), "")
    assert [(one.reason, one.record.value) for one in found.refused] == [("subject_required", None)]


async def test_a_trigger_names_the_person_by_an_expression(world: World) -> None:
    found = await world.triggered(orjson.dumps({"name": NAME, "customer": PERSON}), "payload.customer")
    assert (found.submitted, found.refused) == (1, [])
    (run,) = world.log.taken()
    assert run.subject.startswith("sub_")
    assert is_sealed(run.stored_inputs["v"])
    assert not [text for text in (PERSON, "Ada") if text in shown(run)]


@pytest.mark.parametrize("value", [{"name": NAME}, {"name": NAME, "customer": ""}, {"name": NAME, "customer": True}])
async def test_a_trigger_whose_expression_gives_nobody_refuses_without_content(
    world: World, value: dict[str, Any]
) -> None:
    found = await world.triggered(orjson.dumps(value), "payload.customer")
    assert found.submitted == 0
    assert [(one.record.key, one.record.value, one.record.headers) for one in found.refused] == [(None, None, ())]
    assert "Ada" not in shown(found.refused)


async def test_a_trigger_of_an_erased_person_refuses_typed(world: World) -> None:
    value = orjson.dumps({"name": NAME, "customer": PERSON})
    await world.triggered(value, "payload.customer")
    (run,) = world.log.taken()
    await world.erase(run.subject)
    found = await world.triggered(value, "payload.customer")
    assert [one.reason for one in found.refused] == ["subject_erased"]
