"""The engine of one fenced table: chunks in, fenced commits out.

One poll, all its partitions, is the unit. The order within a chunk, each step a place where a crash is tested:

1. decode; load the entries it touches, checking the position            -> ``crash.LOADED``
2. fold the records in order into the overlay                            -> ``crash.FOLDED``
3. append every command and dead letter, and await the acknowledgements  -> ``crash.EMITTED``
4. commit: one fenced call, which writes the offset last                 -> ``crash.COMMITTED``
5. move the watermark                                                    -> ``crash.WATERMARK``

``prepare`` is steps 1 and 2, ``finish`` 3 to 5, so that the next poll is folded while one is finished. Whatever
fails in between leaves the table at the old offset, and the records are read again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.ports import Answer, Clock, InRecord, Log, OutRecord, Table, hold_timer
from schemas.errors import BadRecord, NewerMajor, Ownership, PositionLost, Unavailable
from streams.core.state import Fold
from streams.runtime import crash
from streams.runtime.chunk import ChunkFolder, ChunkResult, Decoded, ToOut
from streams.runtime.dead_letters import dead_letter
from streams.runtime.inbox import Inbox
from streams.runtime.overlay import RecordState
from streams.runtime.owned import Owned, Status
from streams.runtime.quarantine import ENTITY as QUARANTINE
from streams.runtime.routing import to_out

log = logging.getLogger(__name__)

FOLD_TRIES = 3
RETRY_FIRST_S = 0.05
RETRY_MOST_S = 2.0

OwnedHandler = Callable[[Owned], None]


@dataclass(slots=True)
class Part:
    """One partition's share of a poll, folded and not yet committed."""

    owned: Owned
    result: ChunkResult
    next_offset: int
    pause: NewerMajor | None = None


@dataclass(slots=True)
class Prepared:
    """A poll after steps 1 and 2."""

    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class _Share:
    """One partition's records on their way through step 1 and 2."""

    owned: Owned
    items: list[Decoded] = field(default_factory=list)
    dead: list[OutRecord] = field(default_factory=list)
    next_offset: int = 0
    pause: NewerMajor | None = None


class Engine:
    """Folds one table's input. It owns no task of its own; ``TableAgent`` drives it.

    ``on_lost`` is called once for an ownership that a commit or load found to be no longer ours, ``on_gap`` when
    the records of a poll do not join the ones before.
    """

    def __init__(
        self,
        *,
        topic: str,
        fold: Fold,
        inbox: Inbox,
        table: Table,
        log_: Log,
        clock: Clock,
        on_lost: OwnedHandler,
        on_gap: OwnedHandler,
        crash_point: crash.CrashPoint = crash.no_crash,
        out: ToOut = to_out,
    ) -> None:
        self.topic = topic
        self.fold = fold
        self.inbox = inbox
        self.table = table
        self.log = log_
        self.clock = clock
        self.crash_point = crash_point
        self.out = out
        self.dead_letters: Counter[str] = Counter()
        self._on_lost = on_lost
        self._on_gap = on_gap

    async def process(self, polled: list[tuple[Owned, list[InRecord]]]) -> None:
        """Take a poll through all five steps."""
        await self.finish(await self.prepare(polled))

    async def prepare(self, polled: list[tuple[Owned, list[InRecord]]]) -> Prepared:
        """Steps 1 and 2. Raises nothing: a partition that is no longer ours drops out of the poll."""
        for owned, _ in polled:
            owned.let_go()
        shares = [self._decode(owned, records) for owned, records in polled if owned.status is Status.READY]
        loaded = await asyncio.gather(*(self._load(share) for share in shares))
        self.crash_point(crash.LOADED)
        prepared = Prepared()
        for share, ours in zip(shares, loaded, strict=True):
            if ours and share.owned.status is Status.READY:
                prepared.parts.append(await self._fold(share))
        self.crash_point(crash.FOLDED)
        return prepared

    async def finish(self, prepared: Prepared) -> None:
        """Steps 3 to 5. Returns when every part is committed or no longer ours."""
        parts = [part for part in prepared.parts if part.owned.live]
        await self._emit(parts)
        self.crash_point(crash.EMITTED)
        await asyncio.gather(*(self._commit(part) for part in parts if part.owned.live))
        self.crash_point(crash.WATERMARK)

    # Step 1

    def _decode(self, owned: Owned, records: list[InRecord]) -> _Share:
        share = _Share(owned, next_offset=owned.next_offset)
        if self._gap(owned, records):
            return share
        for record in records:
            if record.offset < share.next_offset:
                continue
            try:
                share.items.append(Decoded(record, self.inbox.open(record)))
            except BadRecord as exc:
                share.dead.append(self._dead(record, exc))
            except NewerMajor as exc:
                share.pause = exc
                break
            share.next_offset = record.offset + 1
        return share

    def _dead(self, record: InRecord, exc: BadRecord) -> OutRecord:
        log.warning(
            "%s/%d@%d is in the dead-letter topic: %s",
            record.topic, record.partition, record.offset, exc,
            extra={"action": "dead_letter"},
        )  # fmt: skip
        self.dead_letters[exc.reason] += 1
        return dead_letter(record, exc.reason, str(exc), self.clock.now_ms())

    def _gap(self, owned: Owned, records: list[InRecord]) -> bool:
        """Whether records before these are missing, as after a poll that overlaps a new take: read again.

        The input topics have no holes, so a second poll with the same hole means that retention ate records.
        """
        first = records[0].offset if records else owned.next_offset
        if first <= owned.next_offset:
            return False
        if owned.gap == first:
            log.error(
                "%s/%d: the log has lost offsets %d to %d; raise its retention",
                self.topic, owned.partition, owned.next_offset, first - 1,
                extra={"action": "log_gap"},
            )  # fmt: skip
            return False
        owned.gap = first
        self._on_gap(owned)
        return True

    async def _load(self, share: _Share) -> bool:
        """Load what the share touches; answers whether the partition is still ours."""
        touched = [e for item in share.items for e in self.fold.touches(item.event)]
        if not await self.load_entities(share.owned, touched):
            return False
        state = RecordState(share.owned.memory)
        follows = [e for item in share.items for e in self.fold.follows(state, item.event)]
        return await self.load_entities(share.owned, follows)

    async def load_entities(self, owned: Owned, entities: list[str]) -> bool:
        """Bring entities into the owner's memory; answers whether the partition is still ours."""
        missing = owned.memory.missing(entities)
        if not missing:
            return True
        return await self.waiting(owned, lambda: self._load_missing(owned, missing))

    async def _load_missing(self, owned: Owned, missing: list[str]) -> bool:
        try:
            owned.memory.store(await self.table.load(owned.partition, owned.epoch, missing))
        except Ownership as exc:
            owned.distrusted = isinstance(exc, PositionLost)
            self._lose(owned, str(exc))
            return False
        return True

    async def check(self, owned: Owned) -> None:
        """Find out whether the table still is where this owner left it.

        Without records there is no commit that would tell; and while the table of the budgets is lost no hold
        is given, so no record would ever come.
        """
        committed = owned.committed
        try:
            stored = await self.table.stands(owned.partition, owned.epoch)
        except Unavailable:
            return
        except Ownership as exc:
            owned.distrusted = isinstance(exc, PositionLost)
            self._lose(owned, str(exc))
            return
        if stored < committed:
            owned.distrusted = True
            self._lose(owned, f"the table went back from offset {committed} to {stored}")

    # Step 2

    async def _fold(self, share: _Share) -> Part:
        owned = share.owned
        folder = self.folder(owned)
        clock_ms = owned.clock_ms
        for item in share.items:
            key = self.inbox.key(item.event)
            if key in owned.quarantine:
                owned.quarantine.add(key, item.record.offset)
                continue
            try:
                await self._fold_tried(folder, owned, item, clock_ms)
            except NewerMajor as exc:
                share.pause, share.next_offset = exc, item.record.offset
                break
            except BadRecord as exc:
                share.dead.append(self._dead(item.record, exc))
            except Exception as exc:  # noqa: BLE001 - a fault in a fold must cost one key, not the partition
                self._set_aside(share, item, key, exc)
            clock_ms = max(clock_ms, item.record.timestamp_ms)
        return self._part(share, folder, clock_ms)

    async def _fold_tried(self, folder: ChunkFolder, owned: Owned, item: Decoded, clock_ms: int) -> None:
        """Fold one record, again from freshly followed state if it fails."""
        for attempt in range(1, FOLD_TRIES + 1):
            try:
                folder.fold_one(item, clock_ms)
                return
            except (BadRecord, NewerMajor):
                raise
            except Exception:
                if attempt == FOLD_TRIES:
                    raise
                await self.load_entities(owned, list(self.fold.touches(item.event)))
                await self.load_entities(owned, list(self.fold.follows(RecordState(owned.memory), item.event)))

    def _set_aside(self, share: _Share, item: Decoded, key: str, exc: Exception) -> None:
        reason = f"{type(exc).__name__}: {exc}"
        log.error(
            "the fold of %s failed %d times on %s/%d@%d; key %r is quarantined",
            self.topic, FOLD_TRIES, item.record.topic, item.record.partition, item.record.offset, key,
            exc_info=exc,
            extra={"action": "quarantine"},
        )  # fmt: skip
        share.owned.quarantine.add(key, item.record.offset, reason)
        self.dead_letters["quarantined"] += 1
        share.dead.append(dead_letter(item.record, "quarantined", reason, self.clock.now_ms(), FOLD_TRIES))

    def folder(self, owned: Owned) -> ChunkFolder:
        """Return what folds one chunk of a partition."""
        return ChunkFolder(self.fold, owned.memory, self.out, self.inbox.timer)

    def _part(self, share: _Share, folder: ChunkFolder, clock_ms: int) -> Part:
        owned = share.owned
        result = folder.result(owned.epoch, owned.next_offset, share.next_offset, clock_ms)
        # An entity leaves by the partition's clock, as the fold meant it, but the store only knows wall time: in a
        # backlog it would leave too early, before the repeats that it is kept for.
        behind_ms = max(0, self.clock.now_ms() - clock_ms)
        result.commit.expire = {entity: at + behind_ms for entity, at in result.commit.expire.items()}
        result.out.extend(share.dead)
        changes = owned.quarantine.take_changes()
        if changes:
            result.commit.puts[QUARANTINE] = changes
        if share.next_offset > owned.next_offset:
            owned.in_flight.append(result.touched)
        owned.next_offset, owned.clock_ms = share.next_offset, clock_ms
        return Part(owned, result, share.next_offset, share.pause)

    # Step 3

    async def _emit(self, parts: list[Part]) -> None:
        out = [record for part in parts for record in part.result.out]
        if out:
            await self._persist(parts, lambda: self.log.append(out))

    async def _persist(self, parts: list[Part], attempt: Callable[[], Awaitable[None]]) -> None:
        """Try until it works or none of the parts is ours any more; nothing is acknowledged meanwhile."""
        wait = RETRY_FIRST_S
        while any(part.owned.live for part in parts):
            try:
                await attempt()
                return
            except Unavailable as exc:
                log.warning("%s waits: %s", self.topic, exc, extra={"action": "wait"})
            await self.clock.sleep(wait)
            wait = min(wait * 2, RETRY_MOST_S)

    # Steps 4 and 5

    async def _commit(self, part: Part) -> None:
        owned, commit = part.owned, part.result.commit
        if commit.offset == commit.expected:
            self._pause(part)
            return
        if not await self.waiting(owned, lambda: self._commit_once(part)):
            return
        self.crash_point(crash.COMMITTED)
        owned.committed = commit.offset
        owned.in_flight.popleft()
        owned.expiring.update(commit.expire)
        owned.fired.difference_update(commit.disarm)
        owned.fired.difference_update(hold_timer(call) for _, call in commit.releases)
        if part.result.armed:
            owned.fired.difference_update(part.result.armed)
            owned.next_due_ms = min(owned.next_due_ms, *part.result.armed.values())
        self._pause(part)

    async def _commit_once(self, part: Part) -> bool:
        answer = await self.table.commit(part.owned.partition, part.result.commit)
        if answer in (Answer.OK, Answer.ALREADY):
            return True
        part.owned.distrusted = answer is Answer.LOST
        self._lose(part.owned, f"the commit answered {answer.value}")
        return False

    def _pause(self, part: Part) -> None:
        if part.pause is None:
            return
        part.owned.end(Status.PAUSED, str(part.pause))
        log.error(
            "%s/%d is paused at offset %d: %s",
            self.topic, part.owned.partition, part.next_offset, part.pause,
            extra={"action": "pause"},
        )  # fmt: skip

    async def waiting(self, owned: Owned, attempt: Callable[[], Awaitable[bool]]) -> bool:
        """Try until a dependency answers, with backoff; ``False`` as soon as the partition is not ours."""
        wait = RETRY_FIRST_S
        while owned.status is not Status.GONE:
            try:
                return await attempt()
            except Unavailable as exc:
                log.warning("%s/%d waits: %s", self.topic, owned.partition, exc, extra={"action": "wait"})
            await self.clock.sleep(wait)
            wait = min(wait * 2, RETRY_MOST_S)
        return False

    def _lose(self, owned: Owned, why: str) -> None:
        if owned.status is Status.GONE:
            return
        owned.end(Status.GONE, why)
        self._on_lost(owned)
