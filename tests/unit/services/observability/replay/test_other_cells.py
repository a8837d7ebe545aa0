"""Records of runs that came from another cell are read in that cell's log, and given to nobody else."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from msgspec import structs

from connectors.memory.engine import ManualClock, MemoryLog
from connectors.ports.engine import OutRecord
from connectors.postgres.cells.places import Away
from connectors.postgres.history.run_places import RunPlace
from schemas.cells.moves import Place
from schemas.errors import Conflict, NotFound, Unavailable
from services.observability.replay.other_cells import AskedRecords, OtherLogs
from services.observability.replay.run_records import RecordPage, RunRecords
from tests.support.runs import START_MS, World, function
from topics.catalogue import RUN_EVENTS
from topics.codec import encode

ORG, RUN = "acme", "run-1"
#: What history says of the run, which moved with it: its last view is the last record of the log that it was in.
PLACE = RunPlace(START_MS, "succeeded", 2)


class Stays:
    """Which cell an organisation came from, for runs before a time."""

    def __init__(self, cell: str | None, until_ms: int) -> None:
        self._cell, self._until_ms = cell, until_ms

    async def before_arrival(self, org_id: str, at_ms: int) -> str | None:
        return self._cell if org_id == ORG and at_ms < self._until_ms else None


class Cell:
    """One cell: its log, who is away, and from where the organisation came."""

    def __init__(self, log: MemoryLog, came_from: "Cell | None" = None, place: Place | None = "left") -> None:
        self.place = place
        self.asked: list[Mapping[str, Any]] = []
        stays = Stays(None if came_from is None else "before", START_MS + 1)
        peers: Any = {"before": came_from}
        elsewhere = OtherLogs(stays, peers if came_from is not None else {})  # type: ignore[arg-type]
        self.records = RunRecords(log, self, 1, elsewhere)  # type: ignore[arg-type]

    async def find(self, org_id: str, run_id: str) -> RunPlace | None:
        return PLACE if (org_id, run_id) == (ORG, RUN) else None

    async def away(self, org_id: str) -> Away | None:
        return None if self.place is None else Away(org_id, self.place, "next", "https://next")

    async def send(self, method: str, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer as the cell's API does, by a request that it would take."""
        self.asked.append(params)
        assert (method, path) == ("GET", f"/records/{RUN}")
        place = RunPlace(params["submitted_ms"], params["status"], params["version"])
        given = AskedRecords(self.records, self)  # type: ignore[arg-type]
        try:
            page = await given.page(params["org"], RUN, place, params.get("cursor"), params["limit"])
        except NotFound as exc:
            raise Conflict(f"cell before refused with 404: {exc}") from exc
        answer: dict[str, Any] = orjson.loads(orjson.dumps(page))
        return answer


async def logged(org_id: str = ORG) -> MemoryLog:
    world = World()
    world.submit(function("a"), function("b"), edges="a>b")
    world.succeed("a", {"x": 1})
    world.succeed("b", {"x": 2})
    log = MemoryLog(1, ManualClock(START_MS))
    events = [structs.replace(event, org_id=org_id) for event, _ in world.events]
    await log.append([OutRecord(RUN_EVENTS, RUN.encode(), encode(event)) for event in events])
    return log


def empty() -> MemoryLog:
    return MemoryLog(1, ManualClock(START_MS))


async def pages(cell: Cell, limit: int) -> list[RecordPage]:
    found, cursor = [], None
    while not found or cursor is not None:
        page = await cell.records.page(ORG, RUN, cursor, limit)
        found.append(page)
        cursor = page.next_cursor
    return found


async def test_each_page_is_that_of_the_other_log() -> None:
    east = Cell(await logged())
    here = Cell(empty(), came_from=east)
    for limit in (1, 2, 2_000):
        assert await pages(here, limit) == await pages(east, limit)
    assert len(await pages(here, 1)) == 3


async def test_a_run_that_was_submitted_here_is_read_here() -> None:
    east = Cell(empty())
    here = Cell(await logged(), came_from=east)
    here.records._elsewhere = OtherLogs(Stays("before", START_MS), {"before": east})  # type: ignore[arg-type, dict-item]
    assert len((await here.records.page(ORG, RUN)).records) == 3
    assert east.asked == []


async def test_a_cell_that_had_it_from_a_third_one_asks_that() -> None:
    first = Cell(await logged())
    second = Cell(empty(), came_from=first)
    third = Cell(empty(), came_from=second)
    assert await pages(third, 2) == await pages(first, 2)


@pytest.mark.parametrize("place", [None, "leaving", "frozen", "arriving"])
async def test_nothing_is_given_of_an_organisation_that_did_not_leave(place: Place | None) -> None:
    here = Cell(empty(), came_from=Cell(await logged(), place=place))
    with pytest.raises(NotFound, match="has not moved away from this cell"):
        await here.records.page(ORG, RUN)


async def test_no_run_of_another_organisation_is_given() -> None:
    here = Cell(empty(), came_from=Cell(await logged("other")))
    with pytest.raises(NotFound, match="run run-1 is not of organisation acme"):
        await here.records.page(ORG, RUN)


async def test_what_the_other_log_has_no_more_is_said_to_be_gone() -> None:
    log = await logged()
    log.truncate(RUN_EVENTS, 0, 1)
    with pytest.raises(NotFound, match="no longer has the beginning of run run-1"):
        await Cell(empty(), came_from=Cell(log)).records.page(ORG, RUN)


async def test_a_cell_that_is_not_named_any_more_is_said() -> None:
    here = Cell(empty())
    here.records._elsewhere = OtherLogs(Stays("east", START_MS + 1), {})  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="log of cell east, which CELLS_FILE does not name any more"):
        await here.records.page(ORG, RUN)


async def test_a_cell_that_does_not_answer_is_asked_again_later() -> None:
    class Down(Cell):
        async def send(self, method: str, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
            raise Unavailable("cell", "cell before does not answer: ConnectError")

    with pytest.raises(Unavailable):
        await Cell(empty(), came_from=Down(empty())).records.page(ORG, RUN)
