"""Events for JetStream: their subjects, ids and order."""

import pytest

from connectors.ports.engine import InRecord
from schemas.errors import BadRecord
from streams.roles.bridge.events import TOGETHER, EventMessage, event_message, waves


def record(value: bytes | None, org: str = "acme") -> InRecord:
    return InRecord(f"workflow-events.{org}", 0, 0, 0, b"run", value)


def test_subject_has_organisation_and_type_and_the_bytes_stay() -> None:
    value = b'{"id": "r/failed", "type": "run.failed", "more": 1}'
    expected = EventMessage("agentflow.events.acme.run.failed", "acme/r/failed", b"run", value)
    assert event_message(record(value)) == expected


def test_what_a_type_has_of_wildcards_is_no_wildcard() -> None:
    assert event_message(record(b'{"id": "1", "type": "a *.>"}')).subject == "agentflow.events.acme.a%20%2A.%3E"


@pytest.mark.parametrize("value", [None, b"", b"[]", b'"text"', b'{"type": "run.failed"}', b'{"id": 1, "type": "x"}'])
def test_what_is_no_event_is_refused(value: bytes | None) -> None:
    with pytest.raises(BadRecord):
        event_message(record(value))


def test_events_of_a_key_are_in_different_waves_in_their_order() -> None:
    made = [EventMessage("s", str(n), b"a" if n % 3 else b"b", b"") for n in range(6)]
    found = [[event.id for event in wave] for wave in waves(made)]
    assert found == [["0", "1"], ["3", "2"], ["4"], ["5"]]


def test_wave_is_bounded() -> None:
    sizes = [len(wave) for wave in waves([EventMessage("s", str(n), str(n).encode(), b"") for n in range(450)])]
    assert sizes == [TOGETHER, TOGETHER, 50]
    assert list(waves([])) == []
