"""Denials and uses of keys: counted by the minute, bounded, and written again when the broker was down."""

from collections.abc import Sequence

import pytest

from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable
from schemas.records.definitions import AuditEvent
from services.security import auditing
from services.security.auditing import MINUTE_MS, OTHERS, SINGLE_DENIALS, Act, Auditing
from topics.codec import decode

ACT = Act("acme", "key:k1", "requests.denied", "/api/v1/keys", {})


class Log:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.down = False

    async def append(self, records: Sequence[OutRecord]) -> None:
        if self.down:
            raise Unavailable("kafka", "down", 0.1)
        self.events += [decode(record.topic, record.value) for record in records]


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ms = 1_800_000_000_000
        patch.setattr(auditing, "now_ms", lambda: self.ms)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_uses_are_one_event_for_each_key_and_minute(clock: Clock) -> None:
    log = Log()
    writer = Auditing(log)
    for _ in range(3):
        writer.used("acme", "key:k1")
    writer.used("acme", "key:k2")
    await writer.flush()
    assert log.events == [], "the minute is not over"
    began = clock.ms
    clock.ms += MINUTE_MS
    writer.used("acme", "key:k1")
    await writer.flush()
    assert [(event.actor, event.count, event.kind) for event in log.events] == [
        ("key:k1", 3, "key_use"),
        ("key:k2", 1, "key_use"),
    ]
    assert log.events[0].at_ms == began // MINUTE_MS * MINUTE_MS
    await writer.flush(all_minutes=True)
    assert [event.count for event in log.events] == [3, 1, 1]
    assert len({event.event_id for event in log.events}) == 3


async def test_two_processes_count_apart(clock: Clock) -> None:
    log = Log()
    for writer in (Auditing(log), Auditing(log)):
        writer.used("acme", "key:k1")
        await writer.flush(all_minutes=True)
    assert len({event.event_id for event in log.events}) == 2


async def test_of_many_denials_the_first_are_written_singly_and_the_rest_counted(clock: Clock) -> None:
    log = Log()
    writer = Auditing(log)
    for _ in range(SINGLE_DENIALS + 30):
        writer.denied(ACT, "no")
    await writer.flush()
    assert len(log.events) == SINGLE_DENIALS
    clock.ms += MINUTE_MS
    await writer.flush()
    assert (log.events[-1].count, log.events[-1].kind, log.events[-1].decision) == (30, "denial", "denied")
    assert sum(event.count for event in log.events) == SINGLE_DENIALS + 30


async def test_actors_beyond_the_bound_are_counted_together(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MOST_ACTORS", 2)
    log = Log()
    writer = Auditing(log)
    for number in range(5):
        writer.used("acme", f"key:{number}")
    await writer.flush(all_minutes=True)
    assert [(event.actor, event.count) for event in log.events] == [("key:0", 1), ("key:1", 1), (OTHERS, 3)]


async def test_what_could_not_be_written_is_written_later_with_the_same_ids(clock: Clock) -> None:
    log = Log()
    writer = Auditing(log)
    log.down = True
    writer.denied(ACT, "no")
    await writer.flush()
    await writer.flush()
    log.down = False
    await writer.flush()
    await writer.flush()
    assert len(log.events) == 1


async def test_waiting_events_are_bounded(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(auditing, "MOST_WAITING", 3)
    log = Log()
    writer = Auditing(log)
    for number in range(5):
        writer.used("acme", f"key:{number}")
    await writer.flush(all_minutes=True)
    assert len(log.events) == 3
    assert "2 audit events" in caplog.text


async def test_an_act_raises_when_it_cannot_be_recorded() -> None:
    log = Log()
    log.down = True
    with pytest.raises(Unavailable):
        await Auditing(log).act(ACT)
