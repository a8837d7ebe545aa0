"""Restores a backup into a temporary stack of embedded engines on this machine, and compares it with the backup.

Roles that fold and write history and analytics run there; none that calls anything: no worker, no webhooks, no events.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from connectors.kafka.progress import LogProgress
from connectors.redis.client import connect
from connectors.redis.fenced_table import RedisTable
from deploy.backup.archive import topics
from deploy.backup.archive.store import PartReader
from deploy.backup.compare import different_partitions, ended_runs, ledger_in_clickhouse
from deploy.backup.report import Report
from deploy.backup.restoring.plan import plan
from deploy.backup.restoring.restore import Order, restore
from deploy.backup.site import Site, site_of
from schemas.errors import Unavailable
from schemas.settings import Settings
from topics.catalogue import COST_EVENTS, RUN_VIEWS
from topics.groups import group_of

if TYPE_CHECKING:
    from deploy.local.system import System

SETTLE_S = 600.0
LOOK_S = 0.5
#: Roles that make tables of the log, and none that talks to anything outside.
ROLES = ("orchestrator", "budgets", "admission", "routes", "deployments", "quality")
SINKS = ("history", "analytics")
#: Reads topics that are restored, so that what it has read can be waited for.
_READERS = {group_of("history"): RUN_VIEWS, group_of("analytics"): COST_EVENTS}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Verified:
    """What was compared. ``faults`` is empty for a backup that can be relied on."""

    report: Report
    ended_runs: int
    faults: tuple[str, ...]


async def verify(order: Order, settings: Settings, partitions: int) -> Verified:
    """Restore into a new directory, fold, compare. Raises what a restore raises."""
    from deploy.local.system import System

    with tempfile.TemporaryDirectory(prefix="agentflow-verify-") as folder:
        layout = {"streams": ROLES, "sinks": SINKS}
        system = System(
            Path(folder), durable=False, layout=layout, env=_secrets(settings), with_api=False, partitions=partitions
        )
        try:
            order.progress("starting a temporary stack")
            await asyncio.to_thread(system.stack.start)
            system.make_roles()
            return await _verify(order, system)
        finally:
            await asyncio.to_thread(system.stop)


async def _verify(order: Order, system: "System") -> Verified:
    site = site_of(Settings.from_env(system.role_env("verify")))
    report = await restore(site, replace(order, without_keys=order.keys is None))
    planned = await plan(order.place, order.key, order.wanted, lambda _: None)
    different = await different_partitions(site, planned, PartReader(order.place, order.key))
    faults = [f"records of {where} differ" for where in different]
    before = await ended_runs(site.dsn)
    order.progress(f"{len(before)} ended runs; folding the log")
    for process in system.roles.values():
        process.launch()
    await _settled(site, report)
    after = await ended_runs(site.dsn)
    changed = [run for run, digest in before.items() if after.get(run) != digest]
    if changed:
        faults.append(f"{len(changed)} ended runs differ, such as {changed[0]}")
    calls, nano = await ledger_in_clickhouse(site, [one.call_id for one in report.unknown_calls])
    if (calls, nano) != (report.ledger.calls, report.ledger.nano):
        faults.append(
            f"the ledger has {nano} nano-dollars in {calls} calls, the backup {report.ledger.nano} in "
            f"{report.ledger.calls}"
        )
    return Verified(report, len(before), tuple(faults))


async def _settled(site: Site, report: Report) -> None:
    """Wait until all tables are at the end of their inputs, and sinks have read theirs."""
    redis = connect(site.redis_url)
    try:
        async with asyncio.timeout(SETTLE_S):
            while True:
                if await _folded(redis, report) and await _read(site):
                    return
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise Unavailable("verify", f"the roles have not folded the log in {SETTLE_S:g} s") from None
    finally:
        await redis.aclose()


async def _folded(redis: Redis, report: Report) -> bool:
    for table in topics.CHECKPOINTS.values():
        stored = RedisTable(redis, table)
        for partition, end in report.ends.get(topics.input_of(table), {}).items():
            if (await stored.offset(partition) or 0) < end:
                return False
    return True


async def _read(site: Site) -> bool:
    progress = LogProgress(site.bootstrap)
    for group, topic in _READERS.items():
        ends = await progress.ends(topic)
        read = await progress.committed(group, topic)
        if any(read.get(partition, 0) < end for partition, end in ends.items()):
            return False
    return True


def _secrets(settings: Settings) -> dict[str, str]:
    """Return the master keys that the site has, without which sealed rows do not open."""
    found = {"VAULT_KEY": settings.security.vault_key, "KEY_PEPPER": settings.security.key_pepper}
    return {name: one.get_secret_value() for name, one in found.items() if one.get_secret_value()}
