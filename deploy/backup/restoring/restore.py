"""Restores a site that is empty.

1. every part is checked, and the end of every partition settled: what is damaged is refused before anything is written
2. the site is looked at: what is not empty is refused
3. objects, PostgreSQL, the vault's rows, erasures; then the log, whose topics are new ones: another incarnation
4. claims of what workers may have begun

Redis and ClickHouse are not restored. The roles that start afterwards build their tables from checkpoints and log, and
refuse every hold until they have, and for two leases more; analytics reads its topics from the beginning.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.clickhouse.client import ClickHouse
from connectors.objects.backends import Blobs
from connectors.postgres.database import Database
from connectors.redis.claims.begun import note_begun
from connectors.redis.client import connect
from deploy import migrate
from deploy.backup.archive import topics
from deploy.backup.archive.chain import Held
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.parts import BackupKey, ObjectRow
from deploy.backup.archive.places import Place
from deploy.backup.archive.store import PartReader
from deploy.backup.errors import BackupRefused, DamagedBackup
from deploy.backup.report import Report, open_attempt, unknown_call
from deploy.backup.restoring.emptiness import refuse_unless_empty
from deploy.backup.restoring.erasures import audited, erase_again, read_list
from deploy.backup.restoring.inflight import OpenRequest
from deploy.backup.restoring.log import LogRestore
from deploy.backup.restoring.plan import Plan, Wanted, plan
from deploy.backup.restoring.rows import migrations_of, refuse_newer_schema, restore_rows, trim_history
from deploy.backup.site import Site
from deploy.backup.taking.vault_rows import VaultCopy, newest_vault
from schemas.clock import now_ms
from topics.catalogue import RUN_EVENTS

OBJECTS_AT_ONCE = 8
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Order:
    """What is to be restored and where from. ``keys`` is the place of the vault's rows; ``erased`` a list of erasures.

    ``without_keys``: the vault is where it was, or lost; then what is sealed stays so.
    """

    place: Place
    wanted: Wanted = field(default_factory=Wanted)
    key: BackupKey | None = None
    keys: Place | None = None
    keys_key: BackupKey | None = None
    without_keys: bool = False
    erased: Path | None = None
    progress: Callable[[str], None] = lambda _: None


async def restore(site: Site, order: Order) -> Report:
    """Restore onto an empty site. Raises ``DamagedBackup`` and ``BackupRefused`` before anything is written."""
    began = time.monotonic()
    planned = await plan(order.place, order.key, order.wanted, order.progress)
    vault, known, erased = await _checked(site, order, planned)
    reader = PartReader(order.place, order.key)
    manifest = planned.manifest
    order.progress(f"restoring {manifest.id}: objects and PostgreSQL")
    objects = await _objects(site.blobs, reader, planned.chain)
    rows = await restore_rows(site.dsn, manifest.id, manifest.postgres, reader, known)
    if vault is not None and order.keys is not None:
        own = migrate.vault_migrations() if site.vault_dsn else known
        rows += await restore_rows(site.keys_dsn, vault.id, vault.rows, PartReader(order.keys, order.keys_key), own)
    order.progress("restoring the topics")
    written = await LogRestore(site, reader, planned, order.progress).run()
    runs_ends = {p: end for (topic, p), end in planned.ends.items() if topic == RUN_EVENTS}
    taken_out = await trim_history(site.dsn, runs_ends, planned.manifest.partitions)
    gone = await _erased_again(site, erased | written.erased)
    await _clickhouse(site)
    await _note_begun(site, written.open_requests, manifest)
    return Report(
        backup_id=manifest.id,
        cut_at_ms=manifest.cut_at_ms,
        earlier=planned.earlier,
        ends=_ends(planned),
        records=written.records,
        rows=rows,
        objects=objects,
        runs_taken_out=taken_out,
        subjects_erased=gone,
        vault_of_ms=None if vault is None else vault.taken_at_ms,
        ledger=written.money.ledger(),
        unknown_calls=[unknown_call(one) for one in written.money.open_calls()],
        open_attempts=[open_attempt(one) for one in written.open_requests],
        longer_by_days=written.longer_by_days,
        write_s=round(written.write_s, 3),
        took_s=round(time.monotonic() - began, 3),
    )


async def _checked(
    site: Site, order: Order, planned: Plan
) -> tuple[VaultCopy | None, list[migrate.Migration], set[tuple[str, str]]]:
    """Refuse what cannot be restored here; return the vault's copy, the migrations and the listed erasures."""
    manifest = planned.manifest
    if manifest.partitions != site.partitions:
        raise BackupRefused(
            f"the backup has topics of {manifest.partitions} partitions: set TOPIC_PARTITIONS={manifest.partitions}, "
            f"not {site.partitions}, for every process"
        )
    erased = read_list(order.erased)
    known = migrate.read_migrations()
    migrations_of(manifest.postgres, known)
    await refuse_newer_schema(site.dsn, manifest.postgres)
    vault = await _vault(order, manifest)
    counts = {name: len(copy.partitions) for name, copy in manifest.topics.items()}
    for name, table in topics.CHECKPOINTS.items():
        counts[name] = topics.checkpoint_partitions(table, counts, manifest.partitions)
    await refuse_unless_empty(site, counts, vault=vault is not None)
    return vault, known, erased


async def _vault(order: Order, manifest: Manifest) -> VaultCopy | None:
    if order.keys is None:
        if manifest.vault and not order.without_keys:
            raise BackupRefused(
                "the keys of persons were backed up apart: name that place with --keys, or say --without-keys if the "
                "vault still has them"
            )
        return None
    vault = await newest_vault(order.keys)
    parts = [Held(vault.id, part) for copy in vault.rows.tables.values() for part in copy.parts]
    faults = await PartReader(order.keys, order.keys_key).faults(parts)
    if faults:
        raise DamagedBackup(f"nothing was restored: {faults[0]}")
    return vault


async def _objects(blobs: Blobs, reader: PartReader, chain: Sequence[Manifest]) -> int:
    count = 0
    room = asyncio.Semaphore(OBJECTS_AT_ONCE)

    async def write(row: ObjectRow) -> None:
        async with room:
            await blobs.write(row.name, row.data)

    for manifest in reversed(chain):
        for part in manifest.objects.parts:
            rows = await reader.read(Held(manifest.id, part), ObjectRow)
            await asyncio.gather(*map(write, rows))
            count += len(rows)
    return count


async def _erased_again(site: Site, erased: set[tuple[str, str]]) -> int:
    database = Database(site.dsn, max_connections=1, timeout_s=TIMEOUT_S)
    try:
        wanted = erased | await audited(database)
    finally:
        await database.close()
    return await erase_again(site.keys_dsn, wanted) if wanted else 0


async def _clickhouse(site: Site) -> None:
    clickhouse = ClickHouse(site.clickhouse_url, site.clickhouse_database)
    try:
        await clickhouse.migrate()
    finally:
        await clickhouse.close()


async def _note_begun(site: Site, requests: Sequence[OpenRequest], manifest: Manifest) -> None:
    begun = [(one.request.run_id, one.request.request_id) for one in requests if one.begun]
    redis = connect(site.redis_url)
    try:
        await note_begun(redis, begun, manifest.partitions, now_ms())
    finally:
        await redis.aclose()


def _ends(planned: Plan) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for (topic, partition), end in sorted(planned.ends.items()):
        found.setdefault(topic, {})[partition] = end
    return found
