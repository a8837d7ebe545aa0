"""Keys of organisations and subjects: made on first use, unwrapped, and kept in memory for some seconds.

The master key (``Kms``) wraps the versions of an organisation's key, and the organisation's key wraps the keys of its
subjects. A new version of an organisation's key opens at once and seals only ``SETTLE_S`` later: by then each process
has read it, so no process meets data under a version that it does not know.
"""

import time
from collections.abc import Callable, Collection

from connectors.aio.batching import SingleFlight
from connectors.kms.sealing import UnreadableError
from connectors.ports.kms import Kms
from connectors.ports.vault import KeyStore, OrgKeyRow, SubjectKeyRow
from services.privacy.vault.cache import Expiring
from services.privacy.vault.data_key import DataKey, new_material
from services.privacy.vault.ports import CACHE_S, Erased, KeyState

#: From when a new version of an organisation's key is stored until it seals. Caches are at most half as old.
SETTLE_S = 2 * CACHE_S
MOST_ORGANISATIONS = 1_000
MOST_SUBJECTS = 20_000
MAX_SUBJECT = 128
#: How long a version of an organisation's key is used without another request to the master key's place.
UNWRAPPED_S = 300.0
_WRAPPING = b"subject-key"


class VaultKeys:
    """``Keys`` over a store of wrapped keys. One for a process."""

    def __init__(
        self,
        store: KeyStore,
        kms: Kms,
        *,
        cache_s: float = CACHE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._kms = kms
        self._orgs: Expiring[str, DataKey] = Expiring(MOST_ORGANISATIONS, cache_s, monotonic)
        self._subjects: Expiring[tuple[str, str], DataKey] = Expiring(MOST_SUBJECTS, cache_s, monotonic)
        self._materials: Expiring[tuple[str, int, str], bytes] = Expiring(MOST_ORGANISATIONS, UNWRAPPED_S, monotonic)
        self._reading: SingleFlight[str, DataKey] = SingleFlight()
        self._making: SingleFlight[tuple[str, str], DataKey] = SingleFlight()

    async def org_key(self, org_id: str) -> DataKey:
        found = self._orgs.get(org_id)
        return found if found is not None else await self._reading.do(org_id, lambda: self._read_org(org_id))

    async def subject_key(self, org_id: str, subject: str) -> DataKey:
        found = self._subjects.get((org_id, subject))
        if found is not None:
            return found
        check_subject(subject)
        return await self._making.do((org_id, subject), lambda: self._made(org_id, subject))

    async def known_subject_keys(self, org_id: str, subjects: Collection[str]) -> dict[str, DataKey]:
        known = {one: key for one in subjects if (key := self._subjects.get((org_id, one)))}
        missing = [one for one in subjects if one not in known]
        if missing:
            read_at = self._subjects.now()
            rows = await self._store.subject_keys(org_id, missing)
            for row in rows:
                if row.erased_ms is None:
                    known[row.subject] = await self._unwrapped(org_id, row, read_at)
        return known

    async def erased(self, org_id: str, subjects: Collection[str]) -> dict[str, int]:
        rows = await self._store.subject_keys(org_id, subjects) if subjects else []
        return {row.subject: row.erased_ms for row in rows if row.erased_ms is not None}

    async def state_of(self, org_id: str, subject: str) -> KeyState:
        rows = await self._store.subject_keys(org_id, [subject])
        return "none" if not rows else "active" if rows[0].erased_ms is None else "erased"

    async def erase(self, org_id: str, subject: str) -> bool:
        check_subject(subject)
        try:
            return await self._store.erase_subject(org_id, subject)
        finally:
            # Also when the answer was lost: the key may be gone.
            self.forget(org_id, subject)

    def forget(self, org_id: str, subject: str) -> None:
        self._subjects.forget((org_id, subject))

    def forget_org(self, org_id: str) -> None:
        """Read an organisation's key again at its next use: this process has changed it."""
        self._orgs.forget(org_id)

    async def _read_org(self, org_id: str) -> DataKey:
        read_at = self._orgs.now()
        rows = await self._store.org_keys(org_id)
        if not rows:
            # Several processes may come here: the store keeps the first one's.
            await self._store.add_org_key(org_id, 1, await self._kms.wrap(new_material(), org_place(org_id, 1)), 0)
            rows = await self._store.org_keys(org_id)
        materials = {row.version: await self._material(org_id, row) for row in rows}
        key = DataKey.of(org_id, "", materials, sealing_version(rows))
        self._orgs.put(org_id, key, read_at)
        return key

    async def _material(self, org_id: str, row: OrgKeyRow) -> bytes:
        at = (org_id, row.version, row.wrapped.under)
        found = self._materials.get(at)
        if found is None:
            read_at = self._materials.now()
            found = await self._kms.unwrap(row.wrapped, org_place(org_id, row.version))
            self._materials.put(at, found, read_at)
        return found

    async def _made(self, org_id: str, subject: str) -> DataKey:
        read_at = self._subjects.now()
        rows = await self._store.subject_keys(org_id, [subject])
        row = rows[0] if rows else await self._add(org_id, subject)
        if row.erased_ms is not None:
            raise Erased(f"subject {subject} was erased; its data cannot be read or written again")
        return await self._unwrapped(org_id, row, read_at)

    async def _add(self, org_id: str, subject: str) -> SubjectKeyRow:
        parent = await self.org_key(org_id)
        wrapped = parent.seal(new_material(), subject_place(subject))
        return await self._store.add_subject_key(org_id, SubjectKeyRow(subject, wrapped, parent.version))

    async def _unwrapped(self, org_id: str, row: SubjectKeyRow, read_at: float) -> DataKey:
        parent = await self.org_key(org_id)
        material = parent.open(row.wrapped, subject_place(row.subject))
        key = DataKey.of(org_id, row.subject, {1: material}, 1)
        self._subjects.put((org_id, row.subject), key, read_at)
        return key


def sealing_version(rows: Collection[OrgKeyRow]) -> int:
    """Return the newest version whose time has come; the oldest, which everybody knows, if that of none has.

    A reader whose statement began before a key was made may see it all the same, and its time as not yet come. Raises
    ``UnreadableError`` without versions.
    """
    if not rows:
        raise UnreadableError("an organisation's key has no version that may seal; restore the vault's backup")
    return max((row.version for row in rows if row.active), default=min(row.version for row in rows))


def org_place(org_id: str, version: int) -> str:
    """Return what the master key binds a version of an organisation's key to."""
    return f"org-key/{org_id}/{version}"


def subject_place(subject: str) -> bytes:
    """Return what an organisation's key binds a subject's key to."""
    return _WRAPPING + b"/" + subject.encode()


def check_subject(subject: str) -> None:
    """Raise ``ValueError`` unless this may be a subject's pseudonym."""
    if not (0 < len(subject) <= MAX_SUBJECT and subject.isascii() and subject.isprintable()):
        raise ValueError(f"a subject has 1 to {MAX_SUBJECT} printable ASCII characters")
