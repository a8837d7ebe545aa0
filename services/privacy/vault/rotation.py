"""Rotation of keys. Nobody waits for it, no data is touched, and it may be killed anywhere and continued.

Of an organisation's key, in this order:

1. ``made``       a version is made: another key that seals, the same key that names
2. ``added``      it is stored: every process reads it within ``CACHE_S``, and it opens
3. (settled)      after ``SETTLE_S`` the store says that it is active: from its next read on, each process seals by it
4. ``wrapped``    keys of subjects are wrapped by it, and tokens of the organisation sealed by it, ``BATCH`` at a time
5. (done)         nothing is left under a version before

Each step reads what is stored and does what is missing, so a repeat continues. Versions before stay, and open what was
sealed by them. A subject that is erased meanwhile stays erased: a row changes only from what was read.

The master key: each version of an organisation's key is wrapped again on its own (``rewrapped``), by the same rule.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from connectors.kms.sealing import KEY_BYTES, UnreadableError
from connectors.ports.kms import Kms, Wrapped
from connectors.ports.vault import Counts, OrgKeyRow, Rewrapped, SubjectKeyRow, TokenRow, VaultStore
from services.privacy.vault.data_key import DataKey, new_material
from services.privacy.vault.keys import SETTLE_S, VaultKeys, org_place, subject_place
from services.privacy.vault.tokens import opened, sealed

#: Rows of one statement, and of one call: a call takes about a second.
BATCH = 500
MOST_ROWS = 10_000

State = Literal["none", "settling", "wrapping", "done"]


class Progress(NamedTuple):
    """``left``: rows under a version before. ``damaged``: those of them that do not open, and stay as they are."""

    state: State
    version: int
    left: int
    damaged: int


class Status(NamedTuple):
    """The keys of an organisation. ``master`` is the master key that wraps now."""

    master: str
    versions: tuple[OrgKeyRow, ...]
    counts: Counts

    @property
    def behind(self) -> int:
        """How many versions are wrapped under another master key than the present one."""
        return sum(row.wrapped.under != self.master for row in self.versions)

    @property
    def version(self) -> int:
        """The version that seals; 0 without any."""
        return max((row.version for row in self.versions if row.active), default=0)

    @property
    def left(self) -> int:
        """How many rows are under a version before the one that seals."""
        rows = (*self.counts.by_version.items(), *self.counts.tokens_by_version.items())
        return sum(many for version, many in rows if version < self.version)

    @property
    def state(self) -> State:
        """How far the rotation of the organisation's key is."""
        if not self.versions:
            return "none"
        if self.versions[-1].version > self.version:
            return "settling"
        return "wrapping" if self.left else "done"


def _nothing(_: str) -> None:
    """Do nothing at a step; tests kill the process there."""


class Rotation:
    """Rotates keys. Methods raise ``Unavailable``, and ``UnreadableError`` when an organisation's key does not open."""

    def __init__(
        self,
        store: VaultStore,
        kms: Kms,
        keys: VaultKeys,
        *,
        reached: Callable[[str], None] = _nothing,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._store = store
        self._kms = kms
        self._keys = keys
        self._reached = reached
        self._settle_s = settle_s

    async def status(self, org_id: str) -> Status:
        """Return what an organisation has."""
        rows = await self._store.org_keys(org_id)
        return Status(await self._kms.current(), tuple(rows), await self._store.counts(org_id))

    async def begin(self, org_id: str) -> Progress:
        """Begin a rotation of an organisation's key, unless one is in progress, and continue it."""
        await self._keys.org_key(org_id)
        status = await self.status(org_id)
        if status.state == "done":
            await self._add(org_id, status.versions)
        return await self.advance(org_id)

    async def advance(self, org_id: str) -> Progress:
        """Wrap and seal again what is under a version before, at most ``MOST_ROWS`` of it."""
        damaged = 0
        if (await self._store.org_keys(org_id)) != []:
            key = await self._fresh(org_id)
            damaged = await self._subjects(key) + await self._tokens(key)
        status = await self.status(org_id)
        return Progress(status.state, status.version, status.left, damaged)

    async def rewrap(self, org_id: str) -> int:
        """Wrap an organisation's key by the present master key; return how many versions were changed."""
        current, changed = await self._kms.current(), 0
        for row in await self._store.org_keys(org_id):
            if row.wrapped.under != current:
                material = await self._kms.unwrap(row.wrapped, org_place(org_id, row.version))
                wrapped = await self._kms.wrap(material, org_place(org_id, row.version))
                changed += await self._store.rewrap_org_key(org_id, row.version, row.wrapped.under, wrapped)
                self._reached("rewrapped")
        return changed

    async def rewrap_all(self) -> tuple[int, tuple[str, ...]]:
        """Do it for all organisations: for operators. Also returns those whose key does not open."""
        changed, damaged = 0, list[str]()
        for org_id in await self._store.organisations():
            try:
                changed += await self.rewrap(org_id)
            except UnreadableError:
                damaged.append(org_id)
        return changed, tuple(damaged)

    async def _add(self, org_id: str, rows: Sequence[OrgKeyRow]) -> None:
        newest = rows[-1]
        material = await self._kms.unwrap(newest.wrapped, org_place(org_id, newest.version))
        version = newest.version + 1
        wrapped: Wrapped = await self._kms.wrap(new_material(material[KEY_BYTES:]), org_place(org_id, version))
        self._reached("made")
        # Another one may have added it at this moment; then theirs is the version.
        await self._store.add_org_key(org_id, version, wrapped, self._settle_s)
        self._reached("added")

    async def _fresh(self, org_id: str) -> DataKey:
        self._keys.forget_org(org_id)
        return await self._keys.org_key(org_id)

    async def _subjects(self, key: DataKey) -> int:
        after, damaged = "", 0
        for _ in range(MOST_ROWS // BATCH):
            rows = await self._store.older_subject_keys(key.org_id, key.version, after, BATCH)
            if not rows:
                break
            after = rows[-1].subject
            changes = [change for row in rows if (change := _rewrapped(key, row))]
            damaged += len(rows) - len(changes)
            await self._store.rewrap_subject_keys(key.org_id, changes)
            self._reached("wrapped")
        return damaged

    async def _tokens(self, key: DataKey) -> int:
        after, damaged = "", 0
        for _ in range(MOST_ROWS // BATCH):
            rows = await self._store.older_tokens(key.org_id, key.version, after, BATCH)
            if not rows:
                break
            after = rows[-1].token
            changes = [change for row in rows if (change := _resealed(key, row))]
            damaged += len(rows) - len(changes)
            await self._store.reseal_tokens(key.org_id, changes)
            self._reached("wrapped")
        return damaged


def _rewrapped(key: DataKey, row: SubjectKeyRow) -> Rewrapped | None:
    place = subject_place(row.subject)
    try:
        material = key.open(row.wrapped, place)
    except UnreadableError:
        return None
    return Rewrapped(row.subject, row.org_version, key.seal(material, place), key.version)


def _resealed(key: DataKey, row: TokenRow) -> TokenRow | None:
    try:
        return sealed(key, row, opened(key, row))
    except UnreadableError:
        return None
