"""The outbox: batches while an append is under way, one bad record fails alone, a broker that is down is waited for."""

import asyncio
from collections.abc import Sequence

import pytest

from connectors.memory.engine import ManualClock, MemoryLog
from connectors.ports.engine import OutRecord
from schemas.errors import Unavailable
from services.runs.outcome_records import pack, unpack
from streams.roles.worker.producer import Outbox


class Broker(MemoryLog):
    """A log that takes its time, may be down, and refuses records with the value ``bad``."""

    def __init__(self) -> None:
        super().__init__(1, ManualClock())
        self.appends: list[list[bytes | None]] = []
        self.down = 0
        self.open = asyncio.Event()
        self.open.set()

    async def append(self, records: Sequence[OutRecord]) -> None:
        await self.open.wait()
        if self.down:
            self.down -= 1
            raise Unavailable("kafka", "down for the test")
        if any(r.value == b"bad" for r in records):
            raise ValueError("too large")
        self.appends.append([r.value for r in records])
        await super().append(records)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def outbox(broker: Broker) -> Outbox:
    return Outbox(broker, ManualClock())


def record(value: bytes) -> OutRecord:
    return OutRecord("t", b"k", value)


async def test_what_comes_during_an_append_goes_with_the_next(broker: Broker, outbox: Outbox) -> None:
    broker.open.clear()
    first = asyncio.create_task(outbox.send([record(b"1"), record(b"2")]))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(outbox.send([record(b"%d" % i)])) for i in range(3, 9)]
    await asyncio.sleep(0.01)
    assert not first.done()
    broker.open.set()
    await asyncio.gather(first, *rest)
    assert broker.appends == [[b"1", b"2"], [b"3", b"4", b"5", b"6", b"7", b"8"]]


async def test_it_waits_while_the_broker_is_down(broker: Broker, outbox: Outbox) -> None:
    broker.down = 5
    await outbox.send([record(b"1")])
    assert broker.appends == [[b"1"]]


async def test_a_record_that_cannot_be_appended_fails_alone(broker: Broker, outbox: Outbox) -> None:
    sends = [outbox.send([record(v)]) for v in (b"1", b"bad", b"2")]
    results = await asyncio.gather(*sends, return_exceptions=True)
    assert [type(r) for r in results] == [type(None), ValueError, type(None)]
    assert broker.appends == [[b"1"], [b"2"]]


async def test_nothing_is_nothing(broker: Broker, outbox: Outbox) -> None:
    await outbox.send([])
    assert broker.appends == []


async def test_closing_gives_up_what_waits(broker: Broker, outbox: Outbox) -> None:
    broker.open.clear()
    sends = [asyncio.create_task(outbox.send([record(b"1")]))]
    await asyncio.sleep(0.01)
    sends.append(asyncio.create_task(outbox.send([record(b"2")])))
    await asyncio.sleep(0.01)
    await outbox.close()
    results = await asyncio.gather(*sends, return_exceptions=True)
    assert all(isinstance(r, asyncio.CancelledError) for r in results)
    assert broker.appends == []


async def test_a_sender_that_was_canceled_harms_nobody(broker: Broker, outbox: Outbox) -> None:
    broker.open.clear()
    first, second = (asyncio.create_task(outbox.send([record(v)])) for v in (b"1", b"2"))
    await asyncio.sleep(0.01)
    first.cancel()
    broker.open.set()
    await second
    assert broker.appends == [[b"1", b"2"]]


def test_packed_records_come_back_byte_for_byte() -> None:
    records = [
        OutRecord("t", "schlüssel".encode(), b'{"a": "\\u00e9\\n"}', (("traceparent", b"00-ab"),)),
        OutRecord("t", None, None),
        OutRecord("t", b"", '{"b":"é "}'.encode()),
    ]
    assert unpack(pack(records)) == records
