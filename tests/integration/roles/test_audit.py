"""The audit sink on a real PostgreSQL: one log for each organisation, whatever comes twice and from any writer."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from connectors.ports.engine import OutRecord
from connectors.postgres.audit.writing import AuditWrites
from connectors.postgres.database import Database
from schemas.audit.notes import Checkpoint
from schemas.audit.tree import root_of
from schemas.audit.verifying import EXPIRED
from schemas.errors import Unavailable
from schemas.records.definitions import AuditEvent
from schemas.records.security.audit import AuditCheckpoint
from streams.core.audit.fold import KEEP_MS
from streams.roles.audit import AuditSink
from tests.support.api import unique
from tests.support.audit import AT_MS, KEY, audit_event, audit_record
from topics.codec import decode


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    found = Database(dsn, timeout_s=10)
    yield found
    await found.close()


class Bus:
    """What was sent; the first ``fails`` times nothing can be."""

    def __init__(self, fails: int = 0) -> None:
        self.sent: list[AuditCheckpoint] = []
        self.fails = fails
        self.told = {"chained": 0, "repeated": 0}

    async def send(self, records: Sequence[OutRecord]) -> None:
        if self.fails:
            self.fails -= 1
            raise Unavailable("kafka", "down", 0.1)
        self.sent += [decode(record.topic, record.value) for record in records]

    def count(self, effect: str, count: int) -> None:
        self.told[effect] += count

    def sink(self, database: Database) -> AuditSink:
        return AuditSink(AuditWrites(database, KEY.public.text), KEY, self.send, self.count)


async def write(sink: AuditSink, events: Sequence[AuditEvent], at_ms: int | None = None) -> None:
    await sink.write([audit_record(event, place, at_ms) for place, event in enumerate(events)])


async def stored(database: Database, org_id: str) -> list[tuple[str, bytes | None, bytes]]:
    rows = await database.fetch(
        "read", "SELECT index, event_id, data, leaf FROM audit_entry WHERE org_id = $1 ORDER BY index", org_id
    )
    assert [row["index"] for row in rows] == [*range(len(rows))]
    return [(row["event_id"], row["data"], row["leaf"]) for row in rows]


async def notes(database: Database, org_id: str) -> list[Checkpoint]:
    rows = await database.fetch("read", "SELECT note FROM audit_checkpoint WHERE org_id = $1 ORDER BY size", org_id)
    return [Checkpoint.read(KEY.public.verified(row["note"])) for row in rows]


async def test_events_are_entries_once_and_every_write_ends_with_a_checkpoint(database: Database) -> None:
    org, other, bus = unique("org"), unique("org"), Bus()
    sink = bus.sink(database)
    await write(sink, [audit_event(n, org_id=org if n % 3 else other, run_id="r\0") for n in range(600)])
    await write(sink, [audit_event(n, org_id=org) for n in range(1, 640) if n % 3], AT_MS + KEEP_MS + 600)
    entries = await stored(database, org)
    assert [event_id for event_id, _, _ in entries] == [f"e{n}" for n in range(640) if n % 3]
    assert bus.told == {"chained": 600 + 26, "repeated": 400}
    leaves = [leaf for _, _, leaf in entries]
    vouched = await notes(database, org)
    assert [(one.size, one.root) for one in vouched] == [(400, root_of(leaves[:400])), (len(leaves), root_of(leaves))]
    assert vouched[0].origin == f"example.test/audit/{org}"
    assert sorted(one.data["size"] for one in bus.sent) == [200, 400, 426]
    row = await database.fetchrow("read", "SELECT nodes FROM audit_entry WHERE org_id = $1 AND index = 255", org)
    assert row is not None
    assert row["nodes"] == root_of(leaves[:256])
    keys = await database.fetch("read", "SELECT public_key FROM audit_key")
    assert [row["public_key"] for row in keys] == [KEY.public.text]


async def test_what_could_not_be_sent_is_not_written(database: Database) -> None:
    org, bus = unique("org"), Bus(fails=1)
    sink = bus.sink(database)
    events = [audit_event(n, org_id=org) for n in range(5)]
    with pytest.raises(Unavailable):
        await write(sink, events)
    assert await stored(database, org) == []
    await write(sink, events)
    assert len(await stored(database, org)) == 5


async def test_two_writers_make_one_log(database: Database) -> None:
    org, bus = unique("org"), Bus()
    events = [audit_event(n, org_id=org) for n in range(120)]

    async def writer(seed: int) -> None:
        at, choose, sink = 0, random.Random(seed), bus.sink(database)
        while at < len(events):
            size = choose.randint(1, 20)
            await write(sink, events[at : at + size])
            at += size

    await asyncio.gather(writer(1), writer(2))
    entries = await stored(database, org)
    assert [event_id for event_id, _, _ in entries] == [f"e{n}" for n in range(120)]
    leaves = [leaf for _, _, leaf in entries]
    for one in await notes(database, org):
        assert one.root == root_of(leaves[: one.size])
    assert (await notes(database, org))[-1].size == 120


async def test_without_a_key_nothing_is_signed(database: Database) -> None:
    org, bus = unique("org"), Bus()
    await write(AuditSink(AuditWrites(database), None, bus.send, bus.count), [audit_event(1, org_id=org)])
    assert len(await stored(database, org)) == 1
    assert await notes(database, org) == []
    await write(bus.sink(database), [audit_event(2, org_id=org)])
    assert [one.size for one in await notes(database, org)] == [2]


async def test_what_is_over_loses_its_bytes_but_for_legal_holds(database: Database) -> None:
    org, bus = unique("org"), Bus()
    sink = bus.sink(database)
    uses = [audit_event(n, org_id=org, kind="key_use", run_id="held" if n == 4 else "") for n in range(10)]
    await write(sink, [*uses, audit_event(10, org_id=org)])
    await database.fetch(
        "hold",
        "INSERT INTO audit_hold (org_id, name, run_id, reason, created_by) VALUES ($1, 'case', 'held', 'a case', 'me')",
        org,
    )
    over = {"kind": "key_use", "before_ms": str(AT_MS + 7)}
    await write(sink, [audit_event(11, org_id=org, action=EXPIRED, details=over)])
    entries = await stored(database, org)
    assert [n for n, (_, data, _) in enumerate(entries) if data is None] == [0, 1, 2, 3, 5, 6]
    assert (await notes(database, org))[-1].root == root_of([leaf for _, _, leaf in entries])
