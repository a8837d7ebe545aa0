"""Persons who were erased stay erased: what is known of erasures is applied to a restored vault before it is used.

Erasures are known by the vault's own tombstones, by what was announced on ``definitions``, by the audit log, and by a
list of an operator. An erased key leaves a tombstone, for which no key is ever made again.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from connectors.postgres.database import Database
from connectors.postgres.vault_store import PostgresVaultStore
from deploy.backup.errors import BackupRefused

TIMEOUT_S = 30.0
_SUBJECT = re.compile(r"sub_[0-9a-f]{32}")
_AUDITED = "SELECT org_id, event_id FROM audit_entry WHERE event_id LIKE 'erased/sub\\_%'"

Erased = tuple[str, str]
"""Organisation and pseudonym."""


def read_list(path: Path | None) -> set[Erased]:
    """Return the erasures of a file, one a line: organisation and pseudonym. Raises ``BackupRefused``."""
    if path is None:
        return set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BackupRefused(f"the list of erasures {path} cannot be read: {exc}") from exc
    found = set()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not _SUBJECT.fullmatch(words[1]):
            raise BackupRefused(
                f"{path}, line {number}: write the organisation and the pseudonym, sub_ and 32 hex digits"
            )
        found.add((words[0], words[1]))
    return found


async def audited(database: Database) -> set[Erased]:
    """Return the erasures in the restored audit logs."""
    rows = await database.fetch("read erasures", _AUDITED)
    named = ((row["org_id"], row["event_id"].removeprefix("erased/")) for row in rows)
    return {(org_id, subject) for org_id, subject in named if _SUBJECT.fullmatch(subject)}


async def erase_again(vault_dsn: str, wanted: Iterable[Erased]) -> int:
    """Destroy the keys of these persons in the vault; return how many had one, or could have got one."""
    database = Database(vault_dsn, max_connections=1, timeout_s=TIMEOUT_S)
    store = PostgresVaultStore(database)
    try:
        return sum([await store.erase_subject(org_id, subject) for org_id, subject in sorted(wanted)])
    finally:
        await database.close()
