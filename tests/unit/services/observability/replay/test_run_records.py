"""A run's records are found between those of others, by page, and a beginning that is gone is said to be."""

import pytest

from connectors.memory.engine import ManualClock, MemoryLog
from connectors.ports.engine import OutRecord
from connectors.postgres.history.run_places import RunPlace
from schemas.errors import InvalidInput, NotFound
from services.observability.replay import run_records
from services.observability.replay.run_records import RunRecords
from tests.support.runs import START_MS, World, function, resolved, submitted
from topics.catalogue import RUN_EVENTS
from topics.codec import encode

PARTITIONS, RUN = 1, "run-1"


class Places:
    """Places of runs of one organisation."""

    def __init__(self, **found: RunPlace) -> None:
        self._found = found

    async def find(self, org_id: str, run_id: str) -> RunPlace | None:
        return self._found.get(run_id.replace("-", "_")) if org_id == "acme" else None


async def logged(*, noise: int = 3) -> MemoryLog:
    """A log with the records of a run, and ``noise`` of another one around each."""
    ran = World()
    ran.submit(function("a"), function("b"), edges="a>b")
    ran.succeed("a", {"x": 1})
    ran.succeed("b", {"x": 2})
    clock = ManualClock(START_MS - 100_000)
    log = MemoryLog(PARTITIONS, clock)
    other = encode(submitted(resolved(function("a")), run_id="run-2"))
    for event, _ in ran.events:
        clock.ms = max(clock.ms + 100, START_MS - 50_000)
        await log.append([OutRecord(RUN_EVENTS, b"run-2", other)] * noise)
        await log.append([OutRecord(RUN_EVENTS, RUN.encode(), encode(event))])
    await log.append([OutRecord(RUN_EVENTS, b"run-2", other)] * noise)
    return log


def reader(log: MemoryLog, status: str = "succeeded", version: int = 11) -> RunRecords:
    return RunRecords(log, Places(run_1=RunPlace(START_MS, status, version)), PARTITIONS)  # type: ignore[arg-type]


async def test_a_run_is_read_from_its_submission_to_its_end() -> None:
    page = await reader(await logged()).page("acme", RUN)
    assert [one.offset for one in page.records] == [3, 7, 11]
    assert page.next_cursor is None
    assert page.records[0].text.startswith('{"type":"run.submitted"')
    assert [one.at_ms for one in page.records] == sorted(one.at_ms for one in page.records)


async def test_a_run_that_goes_on_is_read_to_the_end_of_the_log() -> None:
    log = await logged()
    assert len((await reader(log, "running", version=3).page("acme", RUN)).records) == 3
    assert len((await reader(log, "succeeded", version=7).page("acme", RUN)).records) == 2


async def test_pages_go_on_where_the_one_before_ended() -> None:
    records, cursor, found = reader(await logged()), None, []
    for _ in range(10):
        page = await records.page("acme", RUN, cursor, 1)
        found += page.records
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == (await records.page("acme", RUN)).records


async def test_a_page_is_bounded_in_bytes_and_in_what_it_passes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    records = reader(await logged())
    monkeypatch.setattr(run_records, "MAX_BYTES", 1)
    page = await records.page("acme", RUN)
    assert [one.offset for one in page.records] == [3], "one record is given, however large it is"
    monkeypatch.undo()
    monkeypatch.setattr(run_records, "MAX_PASSED", 2)
    page = await records.page("acme", RUN)
    assert (page.records, page.next_cursor is None) == ([], False)
    page = await records.page("acme", RUN, page.next_cursor)
    assert [one.offset for one in page.records] == [3]


async def test_a_beginning_that_retention_removed_is_said_to_be_gone() -> None:
    log = await logged()
    log.truncate(RUN_EVENTS, 0, 5)
    with pytest.raises(NotFound, match="no longer has the beginning of run run-1: run-events keeps records for 30 day"):
        await reader(log).page("acme", RUN)
    log.truncate(RUN_EVENTS, 0, 13)
    with pytest.raises(NotFound, match="no longer has the beginning"):
        await reader(log).page("acme", RUN)


async def test_what_is_removed_between_two_pages_is_said_to_be_gone() -> None:
    log = await logged()
    records = reader(log)
    page = await records.page("acme", RUN, None, 1)
    log.truncate(RUN_EVENTS, 0, 9)
    with pytest.raises(NotFound, match="no longer has the beginning"):
        await records.page("acme", RUN, page.next_cursor)


async def test_other_organisations_have_no_such_run() -> None:
    with pytest.raises(NotFound, match="run run-1 is not in history"):
        await reader(await logged()).page("other", RUN)


@pytest.mark.parametrize("cursor", ["", "x", "1.2", "1.2.3", "-1.0.0", f"{10**20}.0.0"])
async def test_a_cursor_of_no_page_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="next_cursor of the page before"):
        await reader(await logged()).page("acme", RUN, cursor)
