"""Events of data subjects as topics keep them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.objects.store import LocalObjects
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.submission import EVENT_TYPE, SEALED_TYPE, SUBJECT_ATTRIBUTE
from schemas.errors import BadRecord, InvalidInput, SubjectErased
from schemas.privacy.sealed import inline_uri
from services.privacy.subjects.personal import looks_personal
from services.privacy.subjects.sealed_events import SealedEvents
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.memory import memory_vault
from tests.support.runs import ORG

PERSON = "customer-17"
DATA = {"workflow_name": "greeting", "inputs": {"name": "Ada Lovelace"}}
NAMES = {"specversion": "1.0", "source": "shop", "type": EVENT_TYPE}


def event(id_: str = "order-7", **more: str) -> CloudEvent:
    attributes = NAMES | {"id": id_, SUBJECT_ATTRIBUTE: PERSON, **more}
    return CloudEvent(id_, attributes["source"], EVENT_TYPE, DATA, attributes)


@pytest.fixture
def keys() -> VaultKeys:
    return memory_vault().keys


@pytest.fixture
def events(tmp_path: Path, keys: VaultKeys) -> SealedEvents:
    return SealedEvents(SubjectObjects(LocalObjects(tmp_path), keys), keys, looks_personal)


async def test_an_event_is_as_before_when_it_is_opened_and_has_nothing_in_clear(events: SealedEvents) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    sealed = await events.sealed(ORG, event(traceparent=trace, comment="of Ada"), PERSON)
    shown = orjson.dumps([sealed.data, dict(sealed.attributes)]).decode()
    assert not [word for word in ("Ada", PERSON, "greeting", "comment") if word in shown]
    assert (sealed.id, sealed.source, sealed.type) == ("order-7", "shop", SEALED_TYPE)
    opened = await events.opened(ORG, sealed)
    assert (opened.id, opened.source, opened.type, opened.data) == ("order-7", "shop", EVENT_TYPE, DATA)
    assert opened.attributes[SUBJECT_ATTRIBUTE] == PERSON
    assert opened.attributes["traceparent"] == trace


@pytest.mark.parametrize(
    ("given", "path"),
    [(event("customer-17/4"), "id"), (event(source="urn:CUSTOMER-17"), "source"), (event("ada@example.org"), "id")],
)
async def test_names_that_stay_in_clear_say_nothing_of_a_person(
    events: SealedEvents, given: CloudEvent, path: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await events.sealed(ORG, given, PERSON)
    assert [problem.path for problem in caught.value.problems] == [path]


async def test_an_erased_person_is_refused_at_both_ends(events: SealedEvents, keys: VaultKeys) -> None:
    sealed = await events.sealed(ORG, event(), PERSON)
    subject = sealed.attributes[SUBJECT_ATTRIBUTE]
    await keys.erase(ORG, subject)
    keys.forget(ORG, subject)
    with pytest.raises(SubjectErased):
        await events.sealed(ORG, event(), PERSON)
    with pytest.raises(SubjectErased):
        await events.opened(ORG, sealed)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"sealed": {"uri": "objects:///a", "sha256": "0", "size": 1}},
        {"sealed": "text"},
    ],
)
async def test_what_is_not_sealed_is_no_sealed_event(events: SealedEvents, data: Any) -> None:
    with pytest.raises(BadRecord):
        await events.opened(ORG, CloudEvent("1", "shop", SEALED_TYPE, data, NAMES | {"type": SEALED_TYPE}))


async def test_another_sealed_value_is_no_event(tmp_path: Path, keys: VaultKeys) -> None:
    objects = SubjectObjects(LocalObjects(tmp_path), keys)
    events = SealedEvents(objects, keys)
    sealed = await events.sealed(ORG, event(), PERSON)
    nested = await events.sealed(ORG, CloudEvent("1", "shop", SEALED_TYPE, {}, {}), PERSON)
    with pytest.raises(BadRecord, match="no event"):
        await events.opened(ORG, nested)
    moved = {"sealed": sealed.data["sealed"] | {"uri": inline_uri("sub_" + "0" * 32, b"other")}}
    with pytest.raises(Exception, match="hash"):
        await events.opened(ORG, CloudEvent("1", "shop", SEALED_TYPE, moved, {}))
