"""Steps 1 and 2 of a chunk: decode, load what it touches, fold it into the overlay. Live and in a restore alike.

Nothing is written or emitted here. What could not be used comes back as data: the live engine makes dead letters of
it, a restore has nothing more to do about it.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.ports.engine import InRecord
from schemas.errors import BadRecord, NewerMajor
from schemas.records.control import KeyReleased
from streams.core.state import Fold
from streams.runtime.table import misplaced
from streams.runtime.table.chunk import ChunkFolder, ChunkResult, Decoded, ToOut
from streams.runtime.table.inbox import Inbox
from streams.runtime.table.misplaced import Place
from streams.runtime.table.overlay import RecordState
from streams.runtime.table.partition import OwnedPartition
from streams.runtime.table.quarantine import ENTITY as QUARANTINE

FOLD_TRIES = 3

Load = Callable[[OwnedPartition, list[str]], Awaitable[bool]]
#: Returns the records at offsets of the partition's input that the log still has, in order.
Read = Callable[[OwnedPartition, list[int]], Awaitable[list[InRecord]]]


@dataclass(slots=True)
class Dead:
    """A record that cannot be used. ``fault`` is what a fold raised on it ``FOLD_TRIES`` times, if that is why."""

    record: InRecord
    reason: str
    message: str
    key: str = ""
    fault: Exception | None = None


@dataclass(slots=True)
class Share:
    """One partition's records on their way. ``pause`` says that the one at ``next_offset`` is too new for this role.

    ``strays`` belong to other partitions.
    """

    owned: OwnedPartition
    next_offset: int
    items: list[Decoded] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    strays: list[InRecord] = field(default_factory=list)
    pause: NewerMajor | None = None


class PreparedChunk:
    """Takes one partition's records through steps 1 and 2.

    ``load`` brings entities into the owner's memory; ``read`` reads again what waited in a quarantine.
    """

    def __init__(
        self, fold: Fold[Any], inbox: Inbox, out: ToOut, load: Load, read: Read, place: Place | None = None
    ) -> None:
        self._fold = fold
        self._inbox = inbox
        self._out = out
        self._load = load
        self._read = read
        self._place = place

    def decode(self, owned: OwnedPartition, records: list[InRecord]) -> Share:
        """Open the records that the partition has not folded yet, up to the first that is too new."""
        share = Share(owned, owned.next_offset)
        for record in records:
            if record.offset < share.next_offset:
                continue
            try:
                if self._place is not None and misplaced.is_stray(record, self._place):
                    share.strays.append(record)
                else:
                    share.items.append(Decoded(record, self._inbox.open(record)))
            except BadRecord as exc:
                share.dead.append(Dead(record, exc.reason, str(exc)))
            except NewerMajor as exc:
                share.pause = exc
                break
            share.next_offset = record.offset + 1
        return share

    async def load(self, share: Share) -> bool:
        """Load what the share touches; answers whether the partition is still ours."""
        items = [item for item in share.items if not isinstance(item.event, KeyReleased)]
        touched = [e for item in items for e in self._fold.touches(item.event)]
        if not await self._load(share.owned, touched):
            return False
        state = RecordState(share.owned.memory)
        follows = [e for item in items for e in self._fold.follows(state, item.event)]
        return await self._load(share.owned, follows)

    async def fold(self, share: Share, *, silent: bool = False) -> ChunkResult:
        """Fold a share's records in order; memory, position and clock of the owner move on, ahead of the table.

        ``silent`` leaves out what must not be emitted again.
        """
        owned = share.owned
        folder = ChunkFolder(self._fold, owned.memory, self._out, self._inbox.timer)
        clock_ms = owned.clock_ms
        for item in share.items:
            try:
                # A coroutine for each record would cost a tenth of the loop, and hardly any record has to wait.
                if not self._folds_at_once(folder, owned, item, clock_ms):
                    await self._fold_with_care(folder, share, item, clock_ms)
            except NewerMajor as exc:
                share.pause, share.next_offset = exc, item.record.offset
                break
            clock_ms = max(clock_ms, item.record.timestamp_ms)
        result = folder.result(owned.epoch, owned.next_offset, share.next_offset, clock_ms, silent=silent)
        puts, drops = owned.quarantine.take_changes()
        if puts:
            result.commit.puts[QUARANTINE] = puts
        if drops:
            result.commit.drops[QUARANTINE] = drops
        owned.next_offset, owned.clock_ms = share.next_offset, clock_ms
        return result

    def _folds_at_once(self, folder: ChunkFolder, owned: OwnedPartition, item: Decoded, clock_ms: int) -> bool:
        """Fold a record that needs no second look; ``False`` leaves it, without a trace, to those who take one."""
        event = item.event
        if isinstance(event, KeyReleased) or (owned.quarantine and self._inbox.key(event) in owned.quarantine):
            return False
        try:
            folder.fold_one(item, clock_ms)
        except Exception:  # noqa: BLE001 - it is folded again, where what it raises is told apart
            return False
        return True

    async def _fold_with_care(self, folder: ChunkFolder, share: Share, item: Decoded, clock_ms: int) -> None:
        """Fold what was not folded at once, or what waited for its key to be released."""
        if not isinstance(item.event, KeyReleased):
            await self._fold_or_set_aside(folder, share, item, clock_ms)
            return
        for one in await self._released(share.owned, item):
            if not self._folds_at_once(folder, share.owned, one, clock_ms):
                await self._fold_or_set_aside(folder, share, one, clock_ms)

    async def _released(self, owned: OwnedPartition, item: Decoded) -> list[Decoded]:
        """Return the records that waited for the key that is released, loaded."""
        offsets = owned.quarantine.release(item.event.key)
        waited = self._open_again(await self._read(owned, offsets)) if offsets else []
        for one in waited:
            await self._load(owned, list(self._fold.touches(one.event)))
            await self._load(owned, list(self._fold.follows(RecordState(owned.memory), one.event)))
        return waited

    def _open_again(self, records: list[InRecord]) -> list[Decoded]:
        opened = []
        for record in records:
            # What could not be used when it came was never set aside with its key.
            with contextlib.suppress(BadRecord):
                opened.append(Decoded(record, self._inbox.open(record)))
        return opened

    async def _fold_or_set_aside(self, folder: ChunkFolder, share: Share, item: Decoded, clock_ms: int) -> None:
        key = self._inbox.key(item.event)
        if key in share.owned.quarantine:
            share.owned.quarantine.add(key, item.record.offset)
            return
        try:
            await self._fold_again(folder, share.owned, item, clock_ms)
        except NewerMajor:
            raise
        except BadRecord as exc:
            share.dead.append(Dead(item.record, exc.reason, str(exc)))
        except Exception as exc:  # noqa: BLE001 - a fault in a fold must cost one key, not the partition
            _set_aside(share, item, key, exc)

    async def _fold_again(self, folder: ChunkFolder, owned: OwnedPartition, item: Decoded, clock_ms: int) -> None:
        """Fold a record that failed once, each time from freshly followed state."""
        for attempt in range(2, FOLD_TRIES + 1):
            await self._load(owned, list(self._fold.touches(item.event)))
            await self._load(owned, list(self._fold.follows(RecordState(owned.memory), item.event)))
            try:
                folder.fold_one(item, clock_ms)
                return
            except (BadRecord, NewerMajor):
                raise
            except Exception:
                if attempt == FOLD_TRIES:
                    raise


def _set_aside(share: Share, item: Decoded, key: str, exc: Exception) -> None:
    reason = f"{type(exc).__name__}: {exc}"
    share.owned.quarantine.add(key, item.record.offset, reason)
    share.dead.append(Dead(item.record, "quarantined", reason, key, exc))
