"""Rows of an organisation between two databases, the place of an organisation, and a move's two sides in PostgreSQL."""

from datetime import UTC, datetime

import asyncpg
import pytest

from connectors.postgres.cells.arrivals import Arrivals
from connectors.postgres.cells.moves import Moves, NewMove
from connectors.postgres.cells.open_work import OpenWork
from connectors.postgres.cells.places import Places
from connectors.postgres.cells.rows import OrganisationRows
from connectors.postgres.cells.stays import Stays
from connectors.postgres.database import Database
from connectors.postgres.keys import CONFIGURED
from schemas.errors import Conflict, OrganisationLeft, OrganisationMoving
from tests.support.api import migrated_database

ORG, OTHER, MOVE, HOLDER = "acme", "rival", "m" * 32, "process"


@pytest.fixture
def source(postgres_dsn: str) -> str:
    return migrated_database(postgres_dsn)


@pytest.fixture
def target(postgres_dsn: str) -> str:
    return migrated_database(postgres_dsn)


async def _fill(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        for org in (ORG, OTHER):
            await conn.execute("INSERT INTO organisation (id, name) VALUES ($1, 'A name')", org)
            await conn.execute(
                "INSERT INTO webhook (id, org_id, url, events, sealed, sealed_under, created_by) "
                "VALUES ($1, $2, 'https://x', '{}', '\\x00', 'k', 'key')",
                *(f"wh-{org}", org),
            )
            for number in (3, 1, 2):
                await conn.execute(
                    "INSERT INTO webhook_delivery (webhook_id, org_id, event_id, event_type, subject, body) "
                    "VALUES ($1, $2, $3, 't', 's', '\\xff00')",
                    *(f"wh-{org}", org, f"event-{number}"),
                )
            await conn.execute(
                "INSERT INTO vault_subject_key (org_id, subject, wrapped, org_version, erased_at) "
                "VALUES ($1, 'kept', '\\x01', 1, NULL), ($1, 'erased', NULL, 1, now())",
                org,
            )
    finally:
        await conn.close()


async def _copied(here: OrganisationRows, there: OrganisationRows, org_id: str = ORG) -> None:
    for table in await here.tables():
        async for part in here.out(table, org_id):
            await there.into(table, ORG, part)


async def test_a_copy_is_equal_twice_and_keeps_order_and_erasures(source: str, target: str) -> None:
    await _fill(source)
    here, there = OrganisationRows(source, ""), OrganisationRows(target, "")
    tables = await here.tables()
    await _copied(here, there)
    await _copied(here, there)
    assert await there.digests(tables, ORG) == await here.digests(tables, ORG)
    assert all(found.startswith("0 rows") for found in (await there.digests(tables, OTHER)).values())
    conn = await asyncpg.connect(target)
    events = await conn.fetch("SELECT event_id FROM webhook_delivery ORDER BY seq")
    erased = await conn.fetch("SELECT subject FROM vault_subject_key WHERE erased_at IS NOT NULL AND wrapped IS NULL")
    await conn.execute("UPDATE webhook SET url = 'https://y'")
    await conn.close()
    assert [row["event_id"] for row in events] == ["event-3", "event-1", "event-2"]
    assert [row["subject"] for row in erased] == ["erased"]
    assert (await there.digests(tables, ORG))["webhook"] != (await here.digests(tables, ORG))["webhook"]
    await there.delete(tables, ORG)
    assert all(found.startswith("0 rows") for found in (await there.digests(tables, ORG)).values())


async def test_rows_of_another_organisation_are_refused_whole(source: str, target: str) -> None:
    await _fill(source)
    here, there = OrganisationRows(source, ""), OrganisationRows(target, "")
    with pytest.raises(Conflict, match="another organisation"):
        await _copied(here, there, OTHER)
    assert all(one.startswith("0 rows") for one in (await there.digests(await there.tables(), OTHER)).values())


async def test_a_table_that_nobody_decided_about_ends_a_move(source: str) -> None:
    conn = await asyncpg.connect(source)
    await conn.execute("CREATE TABLE surprise (org_id text)")
    await conn.close()
    with pytest.raises(LookupError, match="surprise"):
        await OrganisationRows(source, "").tables()


async def test_what_is_open_is_counted_and_what_stands_against_a_move_is_named(source: str) -> None:
    await _fill(source)
    database = Database(source)
    try:
        work = OpenWork(database)
        assert (await work.of(ORG), await work.against(ORG)) == ({}, [])
        for number, status in enumerate(("running", "succeeded")):
            await database.fetch(
                "add a run",
                "INSERT INTO workflow_run (id, org_id, version, workflow_name, workflow_version, status, source, "
                "body_hash, spec_hash, tags, input_tokens, output_tokens, cost_nano, output_in_steps, trace_id, "
                "created_at) VALUES ($1, $2, 1, 'w', 1, $3, 's', 'h', 'h', '{}', 0, 0, 0, '{}', 't', now())",
                *(f"run-{number}", ORG, status),
            )
        for key in ("first", f"{CONFIGURED}second"):
            await database.fetch(
                "add a key",
                "INSERT INTO api_key (id, org_id, name, hash, permissions, last4, bootstrap) "
                "VALUES ($1, $2, 'n', $3, '{}', 'last', $4)",
                *(key, ORG, key.encode(), key == "first"),
            )
        assert await work.of(ORG) == {"runs": 1}
        assert ["bootstrap key" in one or "API_KEYS" in one for one in await work.against(ORG)] == [True, True]
        assert (await work.of(OTHER), await work.against(OTHER)) == ({}, [])
    finally:
        await database.close()


async def test_places_follow_the_states_and_an_arrival_opens_once(source: str, target: str) -> None:
    await _fill(source)
    here, there = Database(source), Database(target)
    moves, arrivals = Moves(here), Arrivals(there)
    try:
        await moves.create(NewMove(MOVE, ORG, "west", "https://west.example", "key:1", 60))
        with pytest.raises(Conflict, match="already"):
            await moves.create(NewMove("n" * 32, ORG, "west", "https://west.example", "key:1", 60))
        move = await moves.lease(HOLDER, 20)
        assert move is not None
        assert await moves.lease("another", 20) is None
        await arrivals.announce(MOVE, ORG, "east")
        for state in ("draining", "drained", "copying"):
            move = await moves.advance(move, HOLDER, state)  # type: ignore[arg-type]
            assert move is not None
        assert await moves.advance(move, "another", "compared") is None
        with pytest.raises(OrganisationMoving):
            await Places(here).check(ORG)
        await arrivals.begin(MOVE, ORG, move.attempt)
        with pytest.raises(Conflict, match="comes after"):
            await arrivals.begin(MOVE, ORG, move.attempt)
        with pytest.raises(OrganisationMoving):
            await Places(there).check(ORG)
        for state in ("compared", "switching"):
            move = await moves.advance(move, HOLDER, state)  # type: ignore[arg-type]
            assert move is not None
        async with arrivals.opening(MOVE, ORG, 1):
            pass
        async with arrivals.opening(MOVE, ORG, 1):
            pass
        with pytest.raises(Conflict, match="is open"):
            await arrivals.discard(MOVE, ORG, "east")
        await Places(there).check(ORG)
        assert await moves.advance(move, HOLDER, "switched") is not None
        with pytest.raises(OrganisationLeft):
            await Places(here).check(ORG)
        with pytest.raises(Conflict, match="exists in this cell"):
            await Arrivals(here).announce("n" * 32, OTHER, "west")
    finally:
        await here.close()
        await there.close()


async def test_a_run_is_in_the_log_of_the_cell_that_had_the_organisation_then(source: str) -> None:
    here, conn = Database(source), await asyncpg.connect(source)
    stays = Stays(here)
    came = (
        "INSERT INTO cell_arrival (move_id, org_id, from_cell, attempt, state, state_at) VALUES ($1, $2, $3, 1, $4, $5)"
    )
    left = (
        "INSERT INTO cell_move (id, org_id, to_cell, to_url, state, started_by, wait_until, ended_at) "
        "VALUES ($1, $2, 'north', 'https://north', $3, 'key:1', now(), $4)"
    )
    try:
        assert await stays.before_arrival(ORG, at(50)) is None, "it was never moved"
        await conn.execute(came, "1" * 32, ORG, "west", "open", time_at(100))
        await conn.execute(left, "2" * 32, ORG, "switched", time_at(200))
        await conn.execute(came, "3" * 32, ORG, "north", "open", time_at(300))
        # What was called off changed nothing, and others are others.
        await conn.execute(came, "4" * 32, ORG, "south", "discarded", time_at(90))
        await conn.execute(left, "5" * 32, ORG, "aborted", time_at(95))
        await conn.execute(came, "6" * 32, OTHER, "south", "open", time_at(90))
        found = [await stays.before_arrival(ORG, at(seconds)) for seconds in (50, 150, 250, 350)]
        assert found == ["west", None, "north", None]
    finally:
        await conn.close()
        await here.close()


def at(seconds: int) -> int:
    """Return a time in milliseconds."""
    return 1_800_000_000_000 + 1_000 * seconds


def time_at(seconds: int) -> datetime:
    return datetime.fromtimestamp(at(seconds) / 1e3, UTC)
