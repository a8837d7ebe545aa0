"""Records of runs that an organisation had in another cell: its log has them, and each page is requested there.

A cell that is asked may have taken the organisation in from a third one; then it asks that one. Each gives only
runs of before the organisation left it, so there is no circle.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from connectors.http.cell_client import CellClient, path_of
from connectors.postgres.cells.places import Places
from connectors.postgres.cells.stays import Stays
from connectors.postgres.history.run_places import RunPlace
from schemas.errors import Conflict, NotFound
from services.observability.replay.run_records import RecordPage, RunRecord, RunRecords


class OtherLogs:
    """Reads records of runs in the logs of other cells. Implements ``run_records.Elsewhere``."""

    def __init__(self, stays: Stays, peers: Mapping[str, CellClient]) -> None:
        self._stays = stays
        self._peers = peers

    async def page(
        self, org_id: str, run_id: str, place: RunPlace, cursor: str | None, limit: int
    ) -> RecordPage | None:
        """See ``Elsewhere``."""
        cell = await self._stays.before_arrival(org_id, place.submitted_ms)
        if cell is None:
            return None
        peer = self._peers.get(cell)
        if peer is None:
            raise NotFound(
                f"the records of run {run_id} are in the log of cell {cell}, which CELLS_FILE does not name any more"
            )
        asked: dict[str, str | int] = {"org": org_id, "limit": limit, **place._asdict()}
        if cursor is not None:
            asked["cursor"] = cursor
        try:
            return page_of(await peer.send("GET", path_of("records", run_id), asked))
        except Conflict as exc:
            raise NotFound(str(exc)) from exc


class AskedRecords:
    """Gives another cell the records of runs of organisations that left this one."""

    def __init__(self, records: RunRecords, places: Places) -> None:
        self._records = records
        self._places = places

    async def page(self, org_id: str, run_id: str, place: RunPlace, cursor: str | None, limit: int) -> dict[str, Any]:
        """Return a page as it travels.

        Raises ``Conflict`` for an organisation that did not leave, ``NotFound`` for a run that is not its own or of
        which the log has no beginning any more, ``InvalidInput`` for a cursor of no page, ``Unavailable``.
        """
        away = await self._places.away(org_id)
        if away is None or away.place != "left":
            raise Conflict(f"organisation {org_id} has not moved away from this cell")
        page = await self._records.page_at(org_id, run_id, place, cursor, limit)
        if any(orjson.loads(one.text).get("org_id") != org_id for one in page.records):
            raise NotFound(f"run {run_id} is not of organisation {org_id}")
        return {
            "partition": page.partition,
            "records": [list(one) for one in page.records],
            "next_cursor": page.next_cursor,
        }


def page_of(answer: Mapping[str, Any]) -> RecordPage:
    """Return a page that another cell gave."""
    records = [RunRecord(*one) for one in answer["records"]]
    return RecordPage(answer["partition"], records, answer["next_cursor"])
