"""The game: runs end, a backup is taken under load, the site is lost with all its files, and is restored elsewhere.

Judged are the runs that had ended before the cut, byte for byte as history has them; the ledger, by ClickHouse and by
the fold of budgets; and the ends of the runs that were open.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from bench.backups import site as sites
from bench.backups.load import Stream, run_all
from bench.faults.ends import wait_for_quiet
from bench.lines import BenchError
from connectors.kafka.log import KafkaLog
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.parts import BackupKey
from deploy.backup.archive.places import DirectoryPlace
from deploy.backup.compare import ledger_in_clickhouse
from deploy.backup.errors import BackupRefused, DamagedBackup
from deploy.backup.report import Report
from deploy.backup.restoring import restore
from deploy.backup.restoring.plan import Wanted
from deploy.backup.taking import take
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from schemas.run_states import TERMINAL_RUN
from topics.catalogue import RUN_EVENTS, RUN_VIEWS
from topics.codec import decode
from topics.partitioner import partition_for

ENDS_WITHIN_S = 120.0
_LOOK_S = 0.5


@dataclass(frozen=True)
class Sizes:
    """``ended`` runs are over before the backup begins; ``flows_s`` the stream runs on after it.

    ``earlier``: the site is restored once more, up to a time between two backups.
    """

    ended: int = 4_000
    flows_s: float = 2.0
    earlier: bool = False


FULL, QUICK, EARLIER = Sizes(), Sizes(ended=150, flows_s=1.0), Sizes(ended=150, flows_s=1.0, earlier=True)


@dataclass
class Played:
    """What came out. Differences are names of runs; amounts are nano-dollars."""

    manifest: Manifest
    report: Report
    ended: int = 0
    changed: list[str] = field(default_factory=list)
    under_way: int = 0
    ends_not_once: dict[str, int] = field(default_factory=dict)
    ledger_off_nano: int = 0
    ledger_off_calls: int = 0
    fold_off_nano: int = 0
    runs: int = 0
    take_s: float = 0.0
    restore_s: float = 0.0
    ready_s: float = 0.0
    #: Attempts to restore a damaged backup, and onto a site that is not empty, that were not refused.
    not_refused: list[str] = field(default_factory=list)
    earlier: "Played | None" = None


def play(folder: Path, sizes: Sizes, say: Progress) -> Played:
    """Play it. Raises ``BenchError`` where it cannot be played."""
    key = BackupKey(b"a key of this game, and of no other")
    place = DirectoryPlace(folder / "backups")
    system = sites.system_in(folder / "site", say, {"LOCAL_LATENCY_MS": "100", "WORKER_CONCURRENCY": "20"})
    try:
        system.start()
        say(f"backup: {sizes.ended} runs end")
        asyncio.run(run_all(system, sizes.ended))
        asyncio.run(wait_for_quiet(system.endpoints, 1.5))
        with Stream(system) as stream:
            say("backup: taken under load, a full one and what is new since")
            full = asyncio.run(take.take(sites.site(system), take.Order(place, key, progress=say)))
            made = asyncio.run(take.take(sites.site(system), take.Order(place, key, incremental=True, progress=say)))
            time.sleep(sizes.flows_s)
        before = sites.ended(system)
    finally:
        sites.lost(system, folder / "kept")
    order = restore.Order(place, key=key, progress=say)
    known = _Known(before, stream.made)
    played = _restored(folder / "again", made, order, known, say)
    played.take_s = full.took_s
    if sizes.earlier:
        between = Wanted(until_ms=(full.cut_at_ms + made.cut_at_ms) // 2)
        say("backup: restored up to a time between the two")
        played.earlier = _restored(folder / "earlier", made, replace(order, wanted=between), known, say)
    return played


class _Known(NamedTuple):
    """How runs had ended before the site was lost, and the ids of those that were submitted during the backup."""

    before: dict[str, str]
    streamed: list[str]


def _restored(site: Path, made: Manifest, order: restore.Order, known: _Known, say: Progress) -> Played:
    sites.brought(site, site.parent / "kept")
    system = sites.system_in(site, say, {"WORKER_CONCURRENCY": "20"})
    try:
        system.endpoints = system.stack.start()
        system.make_roles()
        not_refused = _damaged_refused(site.parent / "backups", system, order)
        say("backup: restored onto an empty site")
        began = time.monotonic()
        report = asyncio.run(restore.restore(sites.site(system), order))
        restore_s = time.monotonic() - began
        at_cut = asyncio.run(_versions(system))
        not_refused += _refused(system, order, "a site that is not empty", BackupRefused)
        began = time.monotonic()
        system.start_roles()
        played = Played(made, report, restore_s=restore_s, not_refused=not_refused)
        submitted = asyncio.run(_submitted(system, report.ends[RUN_EVENTS]))
        played.runs = len(submitted)
        asyncio.run(_all_ended(system, submitted))
        played.ready_s = time.monotonic() - began
        asyncio.run(wait_for_quiet(system.endpoints))
        _judge(system, played, known.before, {run for run, done in at_cut.items() if done}, submitted)
        played.under_way = len(submitted & set(known.streamed)) - sum(at_cut.get(run, False) for run in known.streamed)
        return played
    finally:
        system.stop()


def _damaged_refused(backups: Path, system: System, order: restore.Order) -> list[str]:
    """Flip a byte of one part, then take one away; each is put back. Returns what was restored all the same."""
    found = []
    for part in (min(backups.rglob("*.part")), max(backups.rglob("*.part"))):
        whole = part.read_bytes()
        part.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
        found += _refused(system, order, "a flipped byte", DamagedBackup)
        part.unlink()
        found += _refused(system, order, "a missing part", DamagedBackup)
        part.write_bytes(whole)
    return found


def _refused(system: System, order: restore.Order, what: str, why: type[Exception]) -> list[str]:
    try:
        asyncio.run(restore.restore(sites.site(system), order))
    except why:
        return []
    return [what]


def _judge(system: System, played: Played, before: dict[str, str], ended: set[str], submitted: set[str]) -> None:
    after = sites.ended(system)
    played.ended = len(ended)
    played.changed = sorted(run for run in ended if before.get(run) != after.get(run))
    ends = asyncio.run(_ends(system))
    played.ends_not_once = {run: ends[run] for run in submitted if ends[run] != 1}
    unknown = [one.call_id for one in played.report.unknown_calls]
    site = sites.site(system)
    # Settlements of after the cut are in ClickHouse, too: its offsets say what the backup has.
    calls, nano = asyncio.run(ledger_in_clickhouse(site, unknown, _cost_ends(played)))
    played.ledger_off_calls = abs(calls - played.report.ledger.calls)
    played.ledger_off_nano = abs(nano - played.report.ledger.nano)
    _, whole = asyncio.run(ledger_in_clickhouse(site, []))
    played.fold_off_nano = abs(whole - sites.spent_nano(system))


def _cost_ends(played: Played) -> dict[int, int]:
    return played.report.ends["cost-events"]


async def _versions(system: System) -> dict[str, bool]:
    """Return the runs that history has before any role starts, and whether each has ended."""
    import asyncpg

    conn = await asyncpg.connect(system.endpoints.postgres_dsn)
    try:
        rows = await conn.fetch("SELECT id, status FROM workflow_run")
    finally:
        await conn.close()
    return {str(row["id"]): row["status"] in TERMINAL_RUN for row in rows}


async def _submitted(system: System, ends: dict[int, int]) -> set[str]:
    """Return the runs that the restored log has up to the cut."""
    found: set[str] = set()
    async with KafkaLog(system.endpoints.kafka_bootstrap) as log:
        for partition, end in ends.items():
            first = (await log.bounds(RUN_EVENTS, partition)).first
            async for batch in log.read(RUN_EVENTS, partition, first, end):
                found.update(r.key.decode() for r in batch if r.key and b'"run.submitted"' in (r.value or b"")[:200])
    return {run for run in found if partition_for(run.encode(), len(ends)) in ends}


async def _all_ended(system: System, runs: set[str]) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while True:
        done = {run for run, over in (await _versions(system)).items() if over}
        if runs <= done:
            return
        if time.monotonic() > deadline:
            left = sorted(runs - done)
            raise BenchError(f"{len(left)} of {len(runs)} runs do not end after the restore, {left[0]} among them")
        await asyncio.sleep(_LOOK_S)


async def _ends(system: System) -> Counter[str]:
    """Return how many views of each run say that it has ended, versions that are repeated counted once."""
    seen: set[tuple[str, int]] = set()
    async with KafkaLog(system.endpoints.kafka_bootstrap) as log:
        for partition in range(await log.partitions(RUN_VIEWS)):
            bounds = await log.bounds(RUN_VIEWS, partition)
            async for batch in log.read(RUN_VIEWS, partition, bounds.first, bounds.end):
                views = [decode(RUN_VIEWS, record.value) for record in batch if record.value is not None]
                seen |= {(view.run_id, view.version) for view in views if view.status in TERMINAL_RUN}
    return Counter(run for run, _ in seen)
