"""Rows of the vault in memory, for tests and for systems without PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from connectors.ports.kms import Wrapped
from connectors.ports.vault import Counts, OrgKeyRow, Rewrapped, SubjectKeyRow, TokenRow
from schemas import clock
from schemas.errors import Unavailable


class MemoryVaultStore:
    """A ``VaultStore``. While ``down`` is true, every method raises ``Unavailable``."""

    def __init__(self, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._now_ms = now_ms
        self.down = False
        self._orgs: dict[str, dict[int, tuple[Wrapped, int, int]]] = {}
        self._subjects: dict[tuple[str, str], SubjectKeyRow] = {}
        self._tokens: dict[tuple[str, str], TokenRow] = {}

    async def org_keys(self, org_id: str) -> list[OrgKeyRow]:
        self._ask()
        rows = self._orgs.get(org_id, {})
        now = self._now_ms()
        return [OrgKeyRow(number, one, active <= now, made) for number, (one, active, made) in sorted(rows.items())]

    async def organisations(self) -> list[str]:
        self._ask()
        return sorted(self._orgs)

    async def add_org_key(self, org_id: str, version: int, wrapped: Wrapped, active_in_s: float) -> bool:
        self._ask()
        now, rows = self._now_ms(), self._orgs.setdefault(org_id, {})
        if version in rows:
            return False
        rows[version] = (wrapped, now + int(active_in_s * 1000), now)
        return True

    async def rewrap_org_key(self, org_id: str, version: int, before: str, wrapped: Wrapped) -> bool:
        self._ask()
        found = self._orgs.get(org_id, {}).get(version)
        if found is None or found[0].under != before:
            return False
        self._orgs[org_id][version] = (wrapped, *found[1:])
        return True

    async def subject_keys(self, org_id: str, subjects: Collection[str]) -> list[SubjectKeyRow]:
        self._ask()
        return [row for one in subjects if (row := self._subjects.get((org_id, one)))]

    async def add_subject_key(self, org_id: str, row: SubjectKeyRow) -> SubjectKeyRow:
        self._ask()
        return self._subjects.setdefault((org_id, row.subject), row)

    async def erase_subject(self, org_id: str, subject: str) -> bool:
        self._ask()
        found = self._subjects.get((org_id, subject))
        if found is not None and found.erased_ms is not None:
            return False
        self._subjects[org_id, subject] = SubjectKeyRow(subject, b"", 0, self._now_ms())
        for key in [key for key, row in self._tokens.items() if key[0] == org_id and row.subject == subject]:
            del self._tokens[key]
        return True

    async def older_subject_keys(self, org_id: str, version: int, after: str, limit: int) -> list[SubjectKeyRow]:
        self._ask()
        rows = [row for (org, subject), row in sorted(self._subjects.items()) if org == org_id and subject > after]
        return [row for row in rows if row.wrapped and row.org_version < version][:limit]

    async def rewrap_subject_keys(self, org_id: str, rows: Sequence[Rewrapped]) -> int:
        self._ask()
        changed = 0
        for one in rows:
            found = self._subjects.get((org_id, one.subject))
            if found is not None and found.wrapped and found.org_version == one.before:
                self._subjects[org_id, one.subject] = SubjectKeyRow(one.subject, one.wrapped, one.org_version)
                changed += 1
        return changed

    async def counts(self, org_id: str) -> Counts:
        self._ask()
        rows = [row for key, row in self._subjects.items() if key[0] == org_id]
        tokens = [row for key, row in self._tokens.items() if key[0] == org_id]
        alive = Counter(row.org_version for row in rows if row.wrapped)
        own = Counter(row.org_version for row in tokens if not row.subject)
        return Counts(alive.total(), len(rows) - alive.total(), len(tokens), dict(alive), dict(own))

    async def add_tokens(self, org_id: str, rows: Sequence[TokenRow]) -> dict[str, bytes]:
        self._ask()
        return {row.token: self._tokens.setdefault((org_id, row.token), row).name for row in rows}

    async def tokens(self, org_id: str, tokens: Collection[str]) -> list[TokenRow]:
        self._ask()
        return [row for one in tokens if (row := self._tokens.get((org_id, one)))]

    async def older_tokens(self, org_id: str, version: int, after: str, limit: int) -> list[TokenRow]:
        self._ask()
        rows = [row for (org, token), row in sorted(self._tokens.items()) if org == org_id and token > after]
        return [row for row in rows if not row.subject and row.org_version < version][:limit]

    async def reseal_tokens(self, org_id: str, rows: Sequence[TokenRow]) -> int:
        self._ask()
        there = [row for row in rows if (org_id, row.token) in self._tokens]
        self._tokens.update({(org_id, row.token): row for row in there})
        return len(there)

    def _ask(self) -> None:
        if self.down:
            raise Unavailable("vault", "it is down")
