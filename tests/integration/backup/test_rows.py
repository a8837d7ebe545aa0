"""PostgreSQL and the vault, into a place and into empty databases; erased persons stay erased."""

import asyncpg
import pytest

from connectors.objects.backends import DirectoryBlobs
from connectors.postgres.copying import snapshot
from connectors.postgres.database import Database
from connectors.postgres.vault_store import PostgresVaultStore
from deploy import migrate
from deploy.backup.archive.chain import Held
from deploy.backup.archive.manifest import Rows
from deploy.backup.archive.parts import BackupKey
from deploy.backup.archive.places import DirectoryPlace
from deploy.backup.archive.store import PartReader, PartWriter
from deploy.backup.errors import BackupRefused
from deploy.backup.restoring.erasures import audited, erase_again
from deploy.backup.restoring.rows import refuse_newer_schema, restore_rows, trim_history
from deploy.backup.taking.objects import known_objects, take_objects
from deploy.backup.taking.rows import is_data, take_rows
from deploy.backup.taking.vault_rows import newest_vault, take_vault
from tests.support.api import empty_database, migrated_database
from tests.support.backups import backup_id, manifest
from topics.partitioner import partition_for

ID = backup_id(1)
KEY = BackupKey(b"k" * 40)
ERASED, KEPT, LATER = ("sub_" + digit * 32 for digit in "abc")


@pytest.fixture
def source(postgres_dsn: str) -> str:
    return migrated_database(postgres_dsn)


@pytest.fixture
def target(postgres_dsn: str) -> str:
    return empty_database(postgres_dsn)


@pytest.fixture
def old(postgres_dsn: str) -> str:
    return empty_database(postgres_dsn)


async def _fill(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("INSERT INTO organisation (id, name) VALUES ('acme', 'Acme') ON CONFLICT DO NOTHING")
        await conn.execute("INSERT INTO definition_outbox (topic, key, value) VALUES ('definitions', 'k', '\\x00ff')")
        for number in range(40):
            await conn.execute(
                "INSERT INTO workflow_run (id, org_id, version, workflow_name, workflow_version, status, source, "
                "body_hash, spec_hash, inputs, tags, input_tokens, output_tokens, cost_nano, output_in_steps, "
                "trace_id, created_at) VALUES ($1, 'acme', $2, 'w', 1, 'succeeded', 'api', '', '', $3, "
                "'{\"a\": 1}', 0, 0, 7, '{}', '', now())",
                *(f"run-{number}", number, '{"text":"a\\u0000b"}'),
            )
            await conn.execute(
                "INSERT INTO step_run (workflow_run_id, step_id, org_id, version, node_id, kind, status, attempt, "
                "input_tokens, output_tokens, cost_nano, cached, worker_id) "
                "VALUES ($1, 's', 'acme', 1, 's', 'function', 'succeeded', 1, 0, 0, 0, false, '')",
                f"run-{number}",
            )
    finally:
        await conn.close()


async def _all(dsn: str, table: str) -> list[str]:
    conn = await asyncpg.connect(dsn)
    try:
        return sorted(row[0] for row in await conn.fetch(f"SELECT t::text FROM {table} t"))
    finally:
        await conn.close()


async def _taken(dsn: str, place: DirectoryPlace) -> Rows:
    async with snapshot(dsn) as conn:
        # A snapshot does not see what comes after it.
        late = await asyncpg.connect(dsn)
        await late.execute("INSERT INTO organisation (id, name) VALUES ('late', 'Late')")
        await late.execute("DELETE FROM workflow_run WHERE id = 'run-0'")
        await late.close()
        return await take_rows(conn, PartWriter(place, ID, KEY), is_data)


async def test_rows_come_back_as_of_one_moment(source: str, target: str, tmp_path) -> None:
    await _fill(source)
    before = {table: await _all(source, table) for table in ("organisation", "workflow_run", "definition_outbox")}
    rows = await _taken(source, place := DirectoryPlace(tmp_path))

    count = await restore_rows(target, ID, rows, PartReader(place, KEY), migrate.read_migrations())

    assert count == sum(copy.rows for copy in rows.tables.values())
    assert {table: await _all(target, table) for table in before} == before
    assert await _all(target, "schema_migration")
    conn = await asyncpg.connect(target)
    new = await conn.fetchval("INSERT INTO definition_outbox (topic, key, value) VALUES ('t', 'k', '') RETURNING id")
    await conn.close()
    assert new == 1 + max(int(row.split(",")[0][1:]) for row in before["definition_outbox"])


async def test_older_rows_are_migrated_on(old: str, target: str, tmp_path) -> None:
    known = migrate.read_migrations()
    await migrate.up(old, known[:20])
    place = DirectoryPlace(tmp_path)
    async with snapshot(old) as conn:
        rows = await take_rows(conn, PartWriter(place, ID, None), is_data)

    await refuse_newer_schema(target, rows)
    await restore_rows(target, ID, rows, PartReader(place, None), known)

    assert len(await _all(target, "schema_migration")) == len(known)
    with pytest.raises(BackupRefused, match="and the backup's rows to 20"):
        await refuse_newer_schema(target, rows)


async def test_history_beyond_the_end_is_taken_out(source: str) -> None:
    await _fill(source)
    ends = {0: 10, 1: 40}

    gone = await trim_history(source, ends, 2)

    stay = {f"run-{n}" for n in range(40) if n < ends[partition_for(b"run-%d" % n, 2)]}
    assert gone == 40 - len(stay)
    assert {row.split(",")[0][1:] for row in await _all(source, "workflow_run")} == stay
    assert {row.split(",")[0][1:] for row in await _all(source, "step_run")} == stay


async def test_the_vault_is_apart_and_erased_persons_stay_erased(source: str, target: str, tmp_path) -> None:
    conn = await asyncpg.connect(source)
    for subject in (ERASED, KEPT, LATER):
        await conn.execute(
            "INSERT INTO vault_subject_key (org_id, subject, wrapped, org_version) VALUES ('acme', $1, 'x', 1)", subject
        )
    database = Database(source)
    await PostgresVaultStore(database).erase_subject("acme", ERASED)
    place, keys = DirectoryPlace(tmp_path / "data"), DirectoryPlace(tmp_path / "keys")
    await take_vault(source, keys, backup_id(1), KEY)
    # Erased after the vault was copied and before the data was: its entry of the audit log is in the data.
    await conn.execute(
        "INSERT INTO audit_entry (org_id, index, event_id, kind, at_ms, sha256, leaf) "
        "VALUES ('acme', 0, $1, 'act', 0, '', '')",
        f"erased/{LATER}",
    )
    await conn.close()
    async with snapshot(source) as snapped:
        rows = await take_rows(snapped, PartWriter(place, ID, None), is_data)
    assert not any(name.startswith("vault_") for name in rows.tables)
    assert await audited(database) == {("acme", LATER)}
    await database.close()

    vault, known = await newest_vault(keys), migrate.read_migrations()
    await restore_rows(target, ID, rows, PartReader(place, None), known)
    await restore_rows(target, vault.id, vault.rows, PartReader(keys, KEY), known)
    assert await erase_again(target, {("acme", LATER)}) == 1
    assert await erase_again(target, {("acme", LATER), ("acme", ERASED)}) == 0

    conn = await asyncpg.connect(target)
    left = await conn.fetch("SELECT subject FROM vault_subject_key WHERE wrapped IS NOT NULL")
    await conn.close()
    assert [row["subject"] for row in left] == [KEPT]


async def test_only_new_objects_are_in_an_increment(tmp_path) -> None:
    blobs, place = DirectoryBlobs(tmp_path / "objects"), DirectoryPlace(tmp_path / "backups")
    names = [f"acme/{digit * 2}/{digit * 64}" for digit in "abc"]
    await blobs.write(names[0], b"one")
    await blobs.write(names[1], b"two")
    (tmp_path / "objects" / "acme" / "aa" / ".new-half").write_bytes(b"half")
    first = await take_objects(blobs, PartWriter(place, ID, KEY), set())
    await blobs.write(names[2], b"three")
    known = await known_objects(PartReader(place, KEY), [manifest(1, objects=first)])
    second = await take_objects(blobs, PartWriter(place, backup_id(2), KEY), known)

    assert (known, first.count, first.bytes) == (set(names[:2]), 2, 6)
    assert (second.count, second.bytes) == (1, 5)
    held = Held(backup_id(2), second.parts[0])
    with pytest.raises(Exception, match="--key-file"):
        await PartReader(place, None).read(held, str)
