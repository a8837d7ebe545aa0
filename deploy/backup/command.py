"""The command line: ``python -m deploy.backup take|restore|verify|list|prune|settle``.

Exit codes: 0 done, 1 refused or damaged, 2 usage or settings, 3 an engine does not answer.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from connectors.kafka.archive.writing import ArchiveWriter
from connectors.redis.client import connect
from connectors.redis.last_backup import LastBackup, note_backup
from deploy.backup.archive import topics
from deploy.backup.archive.chain import spare
from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.parts import read_key
from deploy.backup.archive.places import Place, place_of
from deploy.backup.archive.store import manifests_in
from deploy.backup.arguments import parser
from deploy.backup.errors import BackupRefused
from deploy.backup.report import Report
from deploy.backup.restoring import cuts, restore
from deploy.backup.restoring.plan import Wanted, plan
from deploy.backup.site import Site, site_of
from deploy.backup.taking import take
from schemas.configuration.running_system import environment
from schemas.errors import AgentFlowError, Rejected
from schemas.settings import Settings
from schemas.timestamps import format_time
from topics.admin import TopicAdmin

EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_UNAVAILABLE = 0, 1, 2, 3
#: Of a data directory of `make run`; see ``deploy.local.system``.
_LOCAL_SECRETS = ("key-pepper", "vault-key")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def main(argv: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    args = parser().parse_args(argv)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_run(args, argv))
    except ValueError as exc:
        return _said(args, exc, EXIT_USAGE)
    except Rejected as exc:
        return _said(args, exc, EXIT_REFUSED)
    except AgentFlowError as exc:
        return _said(args, exc, EXIT_UNAVAILABLE)
    except ExceptionGroup as exc:
        known, other = exc.split(AgentFlowError)
        if known is None or other is not None:
            raise
        return _said(args, known.exceptions[0], EXIT_UNAVAILABLE)


async def _run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    settings = Settings.from_env(environment(os.environ, argv if args.command != "restore" or not args.into else []))
    place = place_of(args.place, settings.objects) if "place" in args else None
    match args.command, place:
        case "settle", _:
            return await _settle(site_of(settings))
        case "take", Place():
            return await _take(args, settings, place)
        case "list", Place():
            return await _list(place)
        case "prune", Place():
            return await _prune(args, place)
        case "restore", Place():
            return await _restore(args, settings, place)
        case _, Place():
            return await _verify(args, settings, place)
    raise ValueError("name the place of the backups")


# Taking


async def _take(args: argparse.Namespace, settings: Settings, place: Place) -> int:
    keys = place_of(args.keys, settings.objects) if args.keys else None
    if keys is not None and str(keys) == str(place):
        raise BackupRefused("keys of persons must be in another place than the data that they open: change --keys")
    every_s = _duration(args.every) if args.every else 0
    count = 0
    while True:
        incremental = args.incremental or (every_s > 0 and count % args.full_every != 0)
        order = take.Order(place, read_key(args.key_file), keys, incremental, _progress)
        try:
            await _take_once(site_of(settings), order, args.keep)
            count += 1
        except AgentFlowError as exc:
            if not every_s:
                raise
            _said(args, exc, EXIT_UNAVAILABLE)
        if not every_s:
            return EXIT_OK
        await asyncio.sleep(every_s)


async def _take_once(site: Site, order: take.Order, keep: int) -> None:
    made = await take.take(site, order)
    redis = connect(site.redis_url)
    try:
        await note_backup(redis, LastBackup(made.cut_at_ms, made.took_s, made.size()))
    finally:
        await redis.aclose()
    _progress(_line(made, _reach(made)))
    if order.keys is None:
        _progress("the keys of persons (vault) are not in this backup: see --keys")
    if keep:
        await _removed(order.place, await manifests_in(order.place), keep)


async def _list(place: Place) -> int:
    known = await manifests_in(place)
    for one in sorted(known.values(), key=lambda one: one.cut_at_ms):
        whole = all(parent in known for parent in [one.parent] if parent)
        sys.stdout.write(_line(one, _reach(one) if whole else "its parent is missing") + "\n")
    sys.stderr.write(f"finished backups: {len(known)}\n")
    return EXIT_OK


async def _prune(args: argparse.Namespace, place: Place) -> int:
    await _removed(place, await manifests_in(place), args.keep)
    return EXIT_OK


async def _removed(place: Place, known: dict[str, Manifest], keep: int) -> None:
    for backup_id in spare(known, keep):
        await place.delete(backup_id)
        _progress(f"deleted {backup_id}")


# Restoring


async def _restore(args: argparse.Namespace, settings: Settings, place: Place) -> int:
    order = _order(args, settings, place)
    if args.into:
        report = await _restored_into(args.into, order)
    else:
        report = await restore.restore(site_of(settings), order)
    _write_report(args.report, report)
    sys.stdout.write("".join(f"{line}\n" for line in report.lines()))
    return EXIT_OK


async def _restored_into(folder: Path, order: restore.Order) -> Report:
    """Restore into an empty data directory of ``make run``, whose engines are started for it."""
    from deploy.local.system import System

    if missing := [name for name in _LOCAL_SECRETS if not (folder / name).is_file()]:
        raise BackupRefused(
            f"{folder} has no {' and no '.join(missing)}: put there the files of the directory that was backed up, "
            "from where you keep secrets; without them stored keys open nothing"
        )
    planned = await plan(order.place, order.key, order.wanted, lambda _: None)
    system = System(folder, with_api=False, partitions=planned.manifest.partitions)
    try:
        _progress(f"starting the engines in {folder}")
        await asyncio.to_thread(system.stack.start)
        system.make_roles()
        return await restore.restore(site_of(Settings.from_env(system.role_env("restore"))), order)
    finally:
        await asyncio.to_thread(system.stop)


async def _verify(args: argparse.Namespace, settings: Settings, place: Place) -> int:
    from deploy.backup.verify import verify

    order = _order(args, settings, place)
    planned = await plan(order.place, order.key, order.wanted, lambda _: None)
    found = await verify(order, settings, planned.manifest.partitions)
    _write_report(args.report, found.report)
    sys.stdout.write("".join(f"{line}\n" for line in found.report.lines()))
    sys.stdout.write(f"{found.ended_runs} ended runs compared byte for byte\n")
    for fault in found.faults:
        sys.stderr.write(f"{fault}\n")
    return EXIT_REFUSED if found.faults else EXIT_OK


async def _settle(site: Site) -> int:
    """Give all topics the configuration of the catalogue again."""
    async with TopicAdmin(site.bootstrap) as admin:
        ours = [name for name in await admin.names() if topics.is_ours(name)]
    async with ArchiveWriter(site.bootstrap) as writer:
        await writer.configure(topics.configs(ours, site.min_isr))
    sys.stdout.write(f"{len(ours)} topics are configured as declared\n")
    return EXIT_OK


def _order(args: argparse.Namespace, settings: Settings, place: Place) -> restore.Order:
    if args.until and args.offsets:
        raise BackupRefused("give --until or --offsets, not both")
    return restore.Order(
        place=place,
        wanted=Wanted(args.id, cuts.read_time(args.until) if args.until else None, args.offsets),
        key=read_key(args.key_file),
        keys=place_of(args.keys, settings.objects) if args.keys else None,
        keys_key=read_key(args.key_file),
        without_keys=args.without_keys,
        erased=args.erased,
        progress=_progress,
    )


def _write_report(path: Path | None, report: Report) -> None:
    target = path or Path(f"restore-{report.backup_id}.json")
    target.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    _progress(f"report with every call whose outcome is unknown: {target}")


# Texts


def _line(one: Manifest, note: str) -> str:
    return (
        f"{one.id}  cut {format_time(one.cut_at_ms)}  {one.records()} records  {one.size() / 2**20:.1f} MiB  "
        f"{one.took_s:.1f} s  {note}"
    )


def _reach(one: Manifest) -> str:
    sealed = f", sealed by {one.key_name}" if one.key_name else ""
    return (f"new since {one.parent}" if one.parent else "full") + sealed


def _duration(text: str) -> int:
    with suppress(ValueError, KeyError):
        seconds = int(text[:-1]) * _UNITS[text[-1:]]
        if seconds > 0:
            return seconds
    raise BackupRefused(f"{text!r} is no interval: write 30m, 6h or 1d")


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _said(args: argparse.Namespace, exc: BaseException, code: int) -> int:
    sys.stderr.write(f"backup {args.command}: {exc}\n")
    return code
