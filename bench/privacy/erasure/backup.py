"""The product's own backup of the game's system, and a site that is restored from it.

1. Before anybody is erased the log, the stores and, to a place of its own, the vault are backed up, as
   ``make backup TO=… KEYS=…`` does.
2. After the erasures the same is done once more: the vault's newest copy is never older than the erasures.
3. A new site gets the data of the **first** backup with the newest vault, as ``make restore FROM=… KEYS=…`` gives it.
"""

import asyncio
import shutil
from pathlib import Path

from deploy.backup.archive.manifest import Manifest
from deploy.backup.archive.places import DirectoryPlace
from deploy.backup.report import Report
from deploy.backup.restoring import restore
from deploy.backup.restoring.plan import Wanted
from deploy.backup.site import Site, site_of
from deploy.backup.taking import take
from deploy.local.engines.progress import Progress
from deploy.local.system import System
from schemas.settings import Settings

#: What an operator keeps outside of every backup.
SECRETS = ("api-key", "key-pepper", "vault-key", "audit-key", "secret")


class Backups:
    """The backups of one game, in a folder: data and keys apart."""

    def __init__(self, folder: Path, say: Progress) -> None:
        self._data, self._keys = DirectoryPlace(folder / "data"), DirectoryPlace(folder / "keys")
        self._secrets, self._say = folder / "secrets", say

    def take(self, system: System) -> Manifest:
        """Back a running system up; the second time only what is new since."""
        self._secrets.mkdir(parents=True, exist_ok=True)
        for name in SECRETS:
            if (system.data_dir / name).exists():
                shutil.copy2(system.data_dir / name, self._secrets / name)
        known = asyncio.run(self._data.backups())
        order = take.Order(self._data, None, self._keys, incremental=bool(known), progress=self._say)
        return asyncio.run(take.take(_site(system), order))

    def bring(self, data_dir: Path) -> None:
        """Make a data directory with the secrets alone."""
        data_dir.mkdir(parents=True)
        for name in self._secrets.iterdir():
            shutil.copy2(name, data_dir / name.name)

    def restore(self, system: System, backup_id: str) -> Report:
        """Restore one backup into an empty site whose engines run, with the newest copy of the vault."""
        wanted = Wanted(backup_id=backup_id)
        order = restore.Order(self._data, wanted=wanted, keys=self._keys, progress=self._say)
        return asyncio.run(restore.restore(_site(system), order))


def _site(system: System) -> Site:
    return site_of(Settings.from_env(system.role_env("backup")))
