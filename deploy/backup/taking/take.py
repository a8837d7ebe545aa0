"""Takes a backup of a running site.

1. the checkpoints of the tables, complete
2. where groups are in their topics
3. a snapshot of PostgreSQL is opened, and within milliseconds
4. one offset vector is read: the cut
5. records up to the cut, rows of the snapshot, objects that are there now
6. the vault's rows, as they are now, to a place of their own
7. the manifest: from here on there is a backup

Nothing is stopped, and nothing is written to the site but the time of the last backup.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from connectors.kafka.archive.reading import ArchiveReader
from connectors.postgres.copying import snapshot
from deploy.backup.archive import manifest as manifests
from deploy.backup.archive import topics
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.parts import BackupKey
from deploy.backup.archive.places import Place
from deploy.backup.archive.store import PartReader, PartWriter, manifests_in, trusted_chain
from deploy.backup.errors import BackupRefused
from deploy.backup.site import Site
from deploy.backup.taking.log import LogTaking, groups_of
from deploy.backup.taking.objects import known_objects, take_objects
from deploy.backup.taking.rows import is_data, take_rows
from deploy.backup.taking.vault_rows import take_vault
from schemas.clock import now_ms

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is to be taken, and where to. ``keys`` is the place of the vault's rows; without it they are not taken."""

    place: Place
    key: BackupKey | None = None
    keys: Place | None = None
    incremental: bool = False
    progress: Progress = lambda _: None


async def take(site: Site, order: Order) -> Manifest:
    """Take a backup; return its manifest. Raises ``BackupRefused``, ``DamagedBackup`` and ``Unavailable``."""
    began_ms, began = now_ms(), time.monotonic()
    backup_id = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(began_ms / 1000))}-{secrets.token_hex(4)}"
    chain = await _parents(order)
    parent = chain[0] if chain else None
    writer = PartWriter(order.place, backup_id, order.key)
    taking = LogTaking(site.bootstrap, writer, parent)
    order.progress(f"backup {backup_id}" + (f", what is new since {parent.id}" if parent else ""))
    async with ArchiveReader(site.bootstrap) as reader, ArchiveReader(site.bootstrap, committed=True) as committed:
        cluster_id, _ = await reader.identity(topics.input_of("runs"))
        order.progress("checkpoints")
        checkpoints = await taking.checkpoints(committed)
        order.progress("places of groups")
        groups = groups_of(await reader.groups(topics.archived(await reader.names())))
        async with snapshot(site.dsn) as conn:
            cut = await taking.cut(reader)
            order.progress(f"cut of {len(cut.ends)} partitions within {cut.spread_ms} ms")
            copies = await taking.records(reader, cut)
            postgres = await take_rows(conn, writer, is_data)
    objects = await take_objects(site.blobs, writer, await known_objects(PartReader(order.place, order.key), chain))
    if order.keys is not None:
        await take_vault(site.keys_dsn, order.keys, backup_id, order.key)
    made = Manifest(
        id=backup_id,
        parent="" if parent is None else parent.id,
        began_at_ms=began_ms,
        cut_at_ms=cut.at_ms,
        spread_ms=cut.spread_ms,
        took_s=round(time.monotonic() - began, 3),
        cluster_id=cluster_id,
        partitions=site.partitions,
        topics=copies,
        checkpoints=checkpoints,
        groups=groups,
        postgres=postgres,
        objects=objects,
        ledger=taking.money.ledger(),
        vault=order.keys is not None,
        key_name="" if order.key is None else order.key.name,
    )
    await order.place.write(f"{backup_id}/{manifests.NAME}", manifests.write(made, order.key))
    return made


async def _parents(order: Order) -> list[Manifest]:
    """Return the chain that an increment continues: none for a full backup, or when there is no backup yet."""
    if not order.incremental:
        return []
    known = await manifests_in(order.place)
    if not known:
        return []
    newest = max(known.values(), key=lambda one: one.cut_at_ms)
    if bool(newest.key_name) != (order.key is not None):
        raise BackupRefused(f"{newest.id} is {'' if newest.key_name else 'not '}sealed: an increment must be as it is")
    return await trusted_chain(order.place, order.key, newest.id, known)
