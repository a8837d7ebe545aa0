"""A backup of a system at one moment, without the keys of people, and a system that is restored from it.

1. The directories of Kafka, Redis, ClickHouse and objects are copied; PostgreSQL is dumped without the vault's tables.
2. Later the vault's tables are dumped as they are *then*: keys are backed up apart, and are never older than the
   erasures.
3. A new data directory gets the copies, both dumps and the secrets.
"""

import shutil
import subprocess
from pathlib import Path

from bench.lines import BenchError
from bench.privacy.erasure.extents import copy
from deploy.local.engines import EngineStack
from deploy.local.engines.postgres import binary
from deploy.local.system import System

SECRETS = ("api-key", "key-pepper", "vault-key", "audit-key", "secret")
FILES = ("kafka/data", "redis", "clickhouse/data", "objects")
VAULT_TABLES = "public.vault_*"


def take(system: System, into: Path) -> None:
    """Copy a running system that is idle. ClickHouse is stopped for its copy. Raises ``BenchError``."""
    dsn, data_dir, clickhouse = system.endpoints.postgres_dsn, system.data_dir, system.stack.engine("clickhouse")
    clickhouse.stop()
    for folder in FILES:
        if (data_dir / folder).exists():
            shutil.copytree(data_dir / folder, into / folder, copy_function=copy, symlinks=True)
    clickhouse.start()
    _run("pg_dump", "--format=custom", f"--exclude-table={VAULT_TABLES}", f"--file={into / 'history.dump'}", dsn)
    for name in SECRETS:
        shutil.copy2(data_dir / name, into / name)


def take_keys(dsn: str, into: Path) -> None:
    """Dump the vault's tables as they are now."""
    _run("pg_dump", "--format=custom", f"--table={VAULT_TABLES}", f"--file={into / 'vault.dump'}", dsn)


def restore(backup: Path, data_dir: Path) -> None:
    """Make a data directory of a backup: the engines are started and stopped for it. Raises ``BenchError``."""
    data_dir.mkdir(parents=True)
    for folder in FILES:
        if (backup / folder).exists():
            shutil.copytree(backup / folder, data_dir / folder, copy_function=copy, symlinks=True)
    for name in SECRETS:
        shutil.copy2(backup / name, data_dir / name)
    with EngineStack(data_dir, which=["postgres"], durable=False) as endpoints:
        for dump in ("history.dump", "vault.dump"):
            if (backup / dump).exists():
                _run("pg_restore", "--no-owner", f"--dbname={endpoints.postgres_dsn}", str(backup / dump))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(binary(program)), *arguments], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        # Their messages name a connection without its password.
        raise BenchError(f"{program} failed: {done.stderr[-500:]}")
