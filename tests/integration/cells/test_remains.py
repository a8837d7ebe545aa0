"""What an organisation leaves behind is counted, and removed once the other cell says that it is open there."""

from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from connectors.objects.store import LocalObjects
from connectors.ports.engine import OutRecord
from connectors.postgres.cells import remains
from connectors.postgres.cells.rows import OrganisationRows
from schemas.errors import Conflict, Unavailable
from services.cells.remains import Removal
from services.cells.site import CellSite
from tests.support.api import migrated_database

ORG, OTHER, MOVE = "acme", "rival", "m" * 32
RUNS = 25


class Peer:
    """The other cell."""

    def __init__(self) -> None:
        self.state = "open"
        self.vault = "another database"

    async def send(self, method: str, path: str, params: dict[str, Any]) -> dict[str, Any]:
        assert (method, path, params) == ("GET", f"/arrivals/{MOVE}", {"org": ORG})
        if self.state == "away":
            raise Unavailable("cell", "cell west does not answer")
        return {"state": self.state, "vault": self.vault}


class NoAnalytics:
    """ClickHouse without tables."""

    async def tables(self) -> list[Any]:
        return []


class Log:
    """What is appended."""

    def __init__(self) -> None:
        self.records: list[OutRecord] = []

    async def append(self, records: list[OutRecord]) -> None:
        self.records += records


class Cell:
    """The old cell."""

    def __init__(self, dsn: str, directory: Path) -> None:
        self.dsn = dsn
        self.peer, self.log = Peer(), Log()
        self.rows = OrganisationRows(dsn, "")
        self.objects = LocalObjects(directory)
        anything: Any = None
        site = CellSite(
            rows=self.rows,
            analytics=cast("Any", NoAnalytics()),
            objects=self.objects,
            money=anything,
            work=anything,
            appender=anything,
            letters=anything,
            bootstrap="",
        )
        self.late = False
        self.removal = Removal(site, {"west": cast("Any", self.peer)}, cast("Any", self.log), self._clock)

    def _clock(self) -> float:
        self.now = getattr(self, "now", 0.0) + (100.0 if self.late else 0.0)
        return self.now

    async def execute(self, sql: str, *args: object) -> None:
        conn = await asyncpg.connect(self.dsn)
        await conn.execute(sql, *args)
        await conn.close()

    async def place(self, place: str) -> None:
        await self.execute("UPDATE organisation_place SET place = $1", place)


@pytest.fixture
def source(postgres_dsn: str) -> str:
    return migrated_database(postgres_dsn)


@pytest.fixture
async def cell(source: str, tmp_path: Path) -> Cell:
    cell = Cell(source, tmp_path)
    conn = await asyncpg.connect(cell.dsn)
    for org in (ORG, OTHER):
        await conn.execute("INSERT INTO organisation (id, name) VALUES ($1, 'A name')", org)
        await conn.execute(
            "INSERT INTO api_key (id, org_id, name, hash, permissions, last4) VALUES ($1, $2, 'n', $3, '{}', 'last')",
            *(f"key-{org}", org, org.encode()),
        )
        await conn.execute(
            "INSERT INTO vault_subject_key (org_id, subject, wrapped, org_version) VALUES ($1, 'ada', '\\x01', 1)", org
        )
        await conn.execute("INSERT INTO object_due (org_id, sha256, found_at) VALUES ($1, 'ab', now())", org)
        await conn.executemany(
            "INSERT INTO workflow_run (id, org_id, version, workflow_name, workflow_version, status, source, "
            "body_hash, spec_hash, tags, input_tokens, output_tokens, cost_nano, output_in_steps, trace_id, "
            "created_at) "
            "VALUES ($1, $2, 1, 'w', 1, 'succeeded', 's', 'h', 'h', '{}', 0, 0, 0, '{}', 't', now())",
            [(f"{org}-{number}", org) for number in range(RUNS)],
        )
        await cell.objects.put(org, b"a value of " + org.encode())
    await conn.execute(
        "INSERT INTO organisation_place (org_id, place, cell, url, move_id) VALUES ($1, 'left', 'west', 'u', $2)",
        *(ORG, MOVE),
    )
    await conn.close()
    return cell


async def test_everything_but_what_sends_clients_on_is_removed_and_others_keep_theirs(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remains, "BATCH", 10)
    seen = await cell.removal.look(ORG, keys=False)
    expected = {"workflow_run": RUNS, "vault_subject_key": 1, "object_due": 1}
    assert dict(seen.counts) == {f"postgres {name}": count for name, count in expected.items()} | {"objects": 1}
    cell.late = True
    first = await cell.removal.remove(ORG, keys=False)
    assert sum(first.removed.values()) < sum(seen.counts.values()), (
        "a request ends after its time, and says what is left"
    )
    assert sum(first.removed.values()) + sum(first.counts.values()) == sum(seen.counts.values())
    cell.late = False
    rest = await cell.removal.remove(ORG, keys=False)
    assert rest.counts == {}
    assert (await cell.removal.remove(ORG, keys=False)).removed == {}, "again is harmless"
    views = {(record.topic, record.key, record.value) for record in cell.log.records}
    assert views == {("run-views", f"{ORG}-{number}".encode(), None) for number in range(RUNS)}
    left = await remains.RemainingRows(cell.rows).counts(OTHER)
    assert left == {"organisation": 1, "api_key": 1} | expected
    assert [one.name.partition("/")[0] async for one in cell.objects.blobs.stored()] == [OTHER]  # type: ignore[attr-defined]
    assert set(await remains.RemainingRows(cell.rows).counts(ORG)) == {"organisation", "api_key"}
    assert (await cell.removal.remove(ORG, keys=True)).removed == {"postgres api_key": 1, "postgres organisation": 1}


@pytest.mark.parametrize("state", ["arriving", "discarded", "unknown"])
async def test_nothing_is_removed_before_the_other_cell_is_open(cell: Cell, state: str) -> None:
    cell.peer.state = state
    with pytest.raises(Conflict, match=f"says that acme is {state} there; nothing was removed"):
        await cell.removal.remove(ORG, keys=True)
    cell.peer.state = "away"
    with pytest.raises(Unavailable):
        await cell.removal.remove(ORG, keys=True)
    assert (await remains.RemainingRows(cell.rows).counts(ORG))["workflow_run"] == RUNS
    assert not cell.log.records


@pytest.mark.parametrize("place", ["leaving", "frozen", "arriving"])
async def test_an_organisation_on_its_way_is_refused(cell: Cell, place: str) -> None:
    await cell.place(place)
    with pytest.raises(Conflict, match=f"is {place}"):
        await cell.removal.remove(ORG, keys=False)


async def test_one_that_is_here_or_comes_back_is_refused(cell: Cell) -> None:
    with pytest.raises(Conflict, match="rival is in this cell"):
        await cell.removal.remove(OTHER, keys=False)
    await cell.execute(
        "INSERT INTO cell_arrival (move_id, org_id, from_cell, attempt, state) VALUES ('n', $1, 'west', 0, 'arriving')",
        ORG,
    )
    with pytest.raises(Conflict, match="on its way back"):
        await cell.removal.remove(ORG, keys=False)


async def test_keys_of_a_vault_that_both_cells_read_stay(cell: Cell) -> None:
    cell.peer.vault = await cell.rows.vault_identity()
    done = await cell.removal.remove(ORG, keys=True)
    assert "postgres vault_subject_key" not in done.removed
    assert any("one vault database" in why for why in done.stays)
    assert await remains.RemainingRows(cell.rows).counts(ORG) == {"vault_subject_key": 1}


async def test_a_cell_that_is_not_named_any_more_cannot_confirm(cell: Cell) -> None:
    await cell.execute("UPDATE organisation_place SET cell = 'north'")
    with pytest.raises(Conflict, match="north is not in CELLS_FILE"):
        await cell.removal.look(ORG, keys=False)
