"""A whole system that can be lost: its secrets are kept apart, and its history and ledger are read as a whole."""

import asyncio
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from connectors.redis.client import connect
from connectors.redis.fenced_table import RedisTable
from deploy.backup.compare import ended_runs
from deploy.backup.site import Site, site_of
from deploy.local.engines.progress import Progress
from deploy.local.system import ORG, System
from schemas.settings import Settings
from topics.catalogue import TABLE_BUDGETS
from topics.partitioner import partition_for

#: What an operator keeps outside of every backup.
SECRETS = ("api-key", "key-pepper", "vault-key", "audit-key")
ENV = {
    "CLAIM_LEASE_MS": "2000",
    "HOLD_TTL_MS": "8000",
    "SESSION_TIMEOUT_MS": "3000",
    "WORKER_DRAIN_S": "5",
    "CHECKPOINT_INTERVAL_MS": "1000",
}
#: What makes tables and history of the log, and one worker. Submissions are appended as the API appends them.
LAYOUT = {
    "streams": ("orchestrator", "budgets", "admission"),
    "sinks": ("history", "analytics"),
    "worker": ("worker",),
}
_SPENT = "org|total"


def system_in(folder: Path, say: Progress, env: Mapping[str, str]) -> System:
    """Return a system, not yet started."""
    return System(folder, durable=False, layout=LAYOUT, env={**ENV, **env}, progress=say, with_api=False)


def site(system: System) -> Site:
    """Return the site that a system's engines are."""
    return site_of(Settings.from_env(system.role_env("backup")))


def lost(system: System, kept: Path) -> None:
    """End a system as a fire does: processes are killed, and every file is gone but the secrets."""
    kept.mkdir(exist_ok=True)
    for name in SECRETS:
        with suppress(FileNotFoundError):
            shutil.copy2(system.data_dir / name, kept / name)
    for process in system.roles.values():
        if process.process is not None:
            process.process.send_signal(signal.SIGKILL)
            process.process.wait()
    system.stop()
    shutil.rmtree(system.data_dir)


def brought(folder: Path, kept: Path) -> None:
    """Make a data directory with the secrets of a lost one."""
    folder.mkdir()
    for name in SECRETS:
        if (kept / name).exists():
            shutil.copy2(kept / name, folder / name)


def ended(system: System) -> dict[str, str]:
    """Return a digest of all that history has of each ended run."""
    return asyncio.run(ended_runs(system.endpoints.postgres_dsn))


def spent_nano(system: System) -> int:
    """Return what the fold of budgets says that the organisation has spent."""
    return asyncio.run(_spent(system))


async def _spent(system: System) -> int:
    redis = connect(system.endpoints.redis_url)
    try:
        table = RedisTable(redis, TABLE_BUDGETS)
        entries = await table.entries(partition_for(ORG.encode(), system.partitions), ORG)
    finally:
        await redis.aclose()
    return int(entries.get(_SPENT, b"0"))
