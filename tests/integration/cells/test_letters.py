"""Dead letters of an organisation's events on a real broker: what leaves one cell is put into another one, once."""

import pytest

from connectors.kafka.log import KafkaLog
from connectors.ports.engine import Headers, InRecord, OutRecord
from schemas.errors import Conflict
from services.cells.letters import Letters, row_of
from services.cells.parts import Row, parts_of, rows_in
from streams.runtime.dead_letters import dead_letter
from tests.support.client import unique
from tests.support.topics import PARTITIONS
from topics.admin import TopicAdmin
from topics.catalogue import submissions_topic, wanted
from topics.dead_letters.letter import DeadLetter, source_of
from topics.dead_letters.log import DeadLetterLog

HEADERS: Headers = (("x-trace", b"\xfe\x00"), ("twice", b"1"), ("twice", None))
OFFSET = 7


class Cell:
    """An organisation in a cell whose broker has letters."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap, self.org_id = bootstrap, unique("org")
        self.topic = submissions_topic(self.org_id)

    async def create_topics(self) -> None:
        topics = wanted((self.org_id,))
        names = (self.topic, source_of(self.topic).dlq)
        async with TopicAdmin(self.bootstrap) as admin:
            await admin.create({name: topics[name] for name in names}, PARTITIONS, 1)

    def letter(self, key: bytes | None, value: bytes | None, message: str = "no good") -> OutRecord:
        record = InRecord(
            topic=self.topic, partition=0, offset=OFFSET, timestamp_ms=1, key=key, value=value, headers=HEADERS
        )
        return dead_letter(record, "schema", message, 1)

    async def put_aside(self, *letters: OutRecord) -> None:
        async with KafkaLog(self.bootstrap) as log:
            await log.append(letters)

    async def put(self, part: bytes) -> None:
        async with KafkaLog(self.bootstrap) as log:
            await Letters(self.bootstrap, log).put(self.org_id, part)

    async def out(self) -> list[Row]:
        async with KafkaLog(self.bootstrap) as log:
            return [row async for part in Letters(self.bootstrap, log).out(self.org_id) for row in rows_in(part)]

    async def letters(self) -> list[DeadLetter]:
        async with DeadLetterLog(self.bootstrap) as log:
            return [one async for one in log.scan(source_of(self.topic))]


@pytest.fixture
async def cell(kafka_bootstrap: str) -> Cell:
    found = Cell(kafka_bootstrap)
    await found.create_topics()
    return found


async def test_each_record_leaves_once_with_its_newest_reason(cell: Cell, kafka_bootstrap: str) -> None:
    other = Cell(kafka_bootstrap)
    await other.create_topics()
    await other.put_aside(other.letter(b"k", b"of another organisation"))
    await cell.put_aside(cell.letter(b"k", b"\xff no JSON"), cell.letter(b"null", None), cell.letter(None, b"{}"))
    await cell.put_aside(cell.letter(b"k", b"\xff no JSON", "still no good"))
    found = {(row.key, row.value): row for row in await cell.out()}
    assert found.keys() == {(b"k", b"\xff no JSON"), (b"null", None), (None, b"{}")}
    assert len(await cell.out()) == 3
    row = found[b"k", b"\xff no JSON"]
    assert row.headers == cell.letter(row.key, row.value, "still no good").headers


async def test_what_arrives_twice_is_one_letter_with_the_same_bytes(cell: Cell) -> None:
    sent = [cell.letter(b"k", b"\xff no JSON"), cell.letter(b"null", None)]
    (part,) = parts_of([Row(one.key, one.value, one.headers) for one in sent])
    await cell.put(part)
    await cell.put(part)
    letters = sorted(await cell.letters(), key=lambda one: one.key or b"")
    assert [row_of(one) for one in letters] == [Row(one.key, one.value, one.headers) for one in sent]
    assert [one.reason for one in letters] == ["schema", "schema"]


async def test_letters_of_another_organisation_are_refused_with_all_of_their_part(cell: Cell) -> None:
    other = Cell(cell.bootstrap)
    sent = [cell.letter(b"k", b"1"), other.letter(b"k", b"2")]
    (part,) = parts_of([Row(one.key, one.value, one.headers) for one in sent])
    with pytest.raises(Conflict, match="nothing of it was taken"):
        await cell.put(part)
    assert await cell.letters() == []


async def test_a_record_without_an_origin_is_no_letter(cell: Cell) -> None:
    (part,) = parts_of([Row(b"k", b"1", HEADERS)])
    with pytest.raises(Conflict, match="another topic"):
        await cell.put(part)
