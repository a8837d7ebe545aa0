"""The engine of one fenced table: chunks in, fenced commits out.

One poll, all its partitions, is the unit. The order within a chunk, each step a place where a crash is tested:

1. decode; load the entries it touches, checking the position            -> ``crash_points.LOADED``
2. fold the records in order into the overlay                            -> ``crash_points.FOLDED``
3. append every command and dead letter, and await the acknowledgements  -> ``crash_points.EMITTED``
4. commit: one fenced call, which writes the offset last                 -> ``crash_points.COMMITTED``
5. move the watermark                                                    -> ``crash_points.WATERMARK``

``prepare`` is steps 1 and 2, ``finish`` 3 to 5, so that the next poll is folded while one is finished. Whatever
fails in between leaves the table at the old offset, and the records are read again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.ports.engine import Answer, InRecord, OutRecord, hold_timer
from schemas.errors import NewerMajor, Ownership, PositionLost, Unavailable
from streams.runtime.dead_letters import dead_letter
from streams.runtime.table import crash_points, halted, misplaced, replay_released
from streams.runtime.table.chunk import ChunkResult
from streams.runtime.table.partition import OwnedPartition, Status
from streams.runtime.table.prepare import FOLD_TRIES, Dead, PreparedChunk, Share
from streams.runtime.table.spec import Ports, TableSpec

log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.05
RETRY_MOST_S = 2.0

OwnedHandler = Callable[[OwnedPartition], None]
Result = TypeVar("Result")


@dataclass(slots=True)
class Part:
    """One partition's share of a poll, folded and not yet committed. ``leave`` is the commit's ``expire`` as meant."""

    owned: OwnedPartition
    result: ChunkResult
    leave: dict[str, int]
    pause: NewerMajor | None = None


@dataclass(slots=True)
class Prepared:
    """A poll after steps 1 and 2."""

    parts: list[Part] = field(default_factory=list)


class Engine:
    """Folds one table's input. It owns no task of its own; ``TableAgent`` drives it.

    ``on_lost`` is called once for an ownership that a commit or load found to be no longer ours, ``on_gap`` when
    the records of a poll do not join the ones before.
    """

    def __init__(
        self,
        spec: TableSpec,
        ports: Ports,
        *,
        on_lost: OwnedHandler,
        on_gap: OwnedHandler,
        crash_point: crash_points.CrashPoint = crash_points.no_crash,
    ) -> None:
        self.topic = spec.topic
        self.fold = spec.fold
        self.inbox = spec.inbox
        self.out = spec.out
        self.table = ports.table
        self.log = ports.log
        self.clock = ports.clock
        self.crash_point = crash_point
        self.folding = PreparedChunk(spec.fold, spec.inbox, spec.out, self.load_entities, self._read_again, spec.place)
        self.dead_letters: Counter[str] = Counter()
        self._on_lost = on_lost
        self._on_gap = on_gap
        self._unsure = False

    async def process(self, polled: list[tuple[OwnedPartition, list[InRecord]]]) -> None:
        """Take a poll through all five steps."""
        await self.finish(await self.prepare(polled))

    async def prepare(self, polled: list[tuple[OwnedPartition, list[InRecord]]]) -> Prepared:
        """Steps 1 and 2. Raises nothing: a partition that is no longer ours drops out of the poll."""
        while doubtful := [owned for owned, _ in polled if self._is_doubtful(owned)]:
            await self.check_log(doubtful)
            if self._unsure:
                await self.clock.sleep(RETRY_FIRST_S)
        for owned, _ in polled:
            owned.let_go()
        shares = [await self._decode(owned, records) for owned, records in polled if owned.status is Status.READY]
        loaded = await _all([self.folding.load(share) for share in shares])
        self.crash_point(crash_points.LOADED)
        prepared = Prepared()
        for share, ours in zip(shares, loaded, strict=True):
            if ours and share.owned.status is Status.READY:
                prepared.parts.append(await self._fold(share))
        self.crash_point(crash_points.FOLDED)
        return prepared

    async def finish(self, prepared: Prepared) -> None:
        """Steps 3 to 5. Returns when every part is committed or no longer ours."""
        parts = [part for part in prepared.parts if part.owned.live]
        await self._emit(parts)
        self.crash_point(crash_points.EMITTED)
        await _all([self._commit(part) for part in parts if part.owned.live])
        self.crash_point(crash_points.WATERMARK)

    # Step 1

    async def _decode(self, owned: OwnedPartition, records: list[InRecord]) -> Share:
        first = records[0].offset if records else owned.next_offset
        if first == owned.next_offset or await self._joins(owned, first):
            return self.folding.decode(owned, records)
        return Share(owned, owned.next_offset)

    async def _joins(self, owned: OwnedPartition, first: int) -> bool:
        """Whether records that do not begin where the last ones ended may be folded.

        A poll may overlap a new take: those that are folded already are passed over, and what is missing is read again.
        Or the log is not the one that it was: retention took what is missing, or it came back with fewer records, and
        the consumer began again at its start. Then nothing more is folded.
        """
        if first > owned.next_offset and owned.gap != first:
            owned.gap = first
            self._on_gap(owned)
            return False
        return await self.waiting(owned, lambda: self._in_log(owned))

    async def _in_log(self, owned: OwnedPartition) -> bool:
        why = halted.outside(owned.next_offset, await self.log.bounds(self.topic, owned.partition))
        if why:
            self.give_up(owned, why)
        return not why

    def give_up(self, owned: OwnedPartition, why: str) -> None:
        """End an ownership as BROKEN: nothing is folded until somebody has decided what is to be lost."""
        log.critical("%s/%d is broken: %s", self.topic, owned.partition, why, extra={"action": "broken"})
        owned.end(Status.BROKEN, why)

    async def load_entities(self, owned: OwnedPartition, entities: list[str]) -> bool:
        """Bring entities into the owner's memory; answers whether the partition is still ours."""
        missing = owned.memory.missing(entities)
        if not missing:
            return True
        return await self.waiting(owned, lambda: self._load_missing(owned, missing))

    async def _load_missing(self, owned: OwnedPartition, missing: list[str]) -> bool:
        try:
            owned.memory.store(await self.table.load(owned.partition, owned.epoch, missing, owned.committed))
        except Ownership as exc:
            owned.distrusted = isinstance(exc, PositionLost)
            self._lose(owned, str(exc))
            return False
        return True

    async def _read_again(self, owned: OwnedPartition, offsets: list[int]) -> list[InRecord]:
        """Return the records at these offsets that the log still has."""
        found: list[InRecord] = []

        async def read() -> bool:
            found[:] = await replay_released.read(self.log, self.topic, owned.partition, offsets)
            return True

        await self.waiting(owned, read)
        return found

    async def check(self, owned: OwnedPartition) -> None:
        """Find out whether the table still is where this owner left it.

        Without records there is no commit that would tell; and while the table of the budgets is lost no hold
        is given, so no record would ever come.
        """
        committed = owned.committed
        try:
            stored = await self.table.stands(owned.partition, owned.epoch, owned.known_committed)
        except Unavailable:
            return
        except Ownership as exc:
            owned.distrusted = isinstance(exc, PositionLost)
            self._lose(owned, str(exc))
            return
        if stored < committed:
            owned.distrusted = True
            self._lose(owned, f"the table went back from offset {committed} to {stored}")

    async def check_log(self, owned: list[OwnedPartition]) -> None:
        """Find out whether the topic still is the one that these were folded from.

        After a time without an answer nothing is folded before there is one: another broker may have come back. A take
        asks at its start, and may wait for an answer afterwards, so its first records are doubtful, too.
        """
        try:
            incarnation = await self.log.incarnation(self.topic)
        except Unavailable:
            self._unsure = True
            return
        self._unsure = False
        for one in owned:
            one.sure = one.incarnation == incarnation
            if not one.sure:
                self._lose(one, "its topic is another one now")

    def _is_doubtful(self, owned: OwnedPartition) -> bool:
        return owned.status is Status.READY and (self._unsure or not owned.sure)

    # Step 2

    async def _fold(self, share: Share) -> Part:
        owned = share.owned
        result = await self.folding.fold(share)
        commit = result.commit
        # An entity leaves by the partition's clock, as the fold meant it, but the store only knows wall time: in a
        # backlog it would leave too early, before the repeats that it is kept for.
        leave = commit.expire
        behind_ms = max(0, self.clock.now_ms() - commit.clock_ms)
        commit.expire = {entity: at + behind_ms for entity, at in leave.items()}
        result.out.extend(self._dead(dead) for dead in share.dead)
        result.out.extend(misplaced.moved(record) for record in share.strays)
        if commit.offset > commit.expected:
            owned.in_flight.append(result.touched)
        return Part(owned, result, leave, share.pause)

    def _dead(self, dead: Dead) -> OutRecord:
        """Say what is set aside, count it, and return its dead letter."""
        record = dead.record
        self.dead_letters[dead.reason] += 1
        if dead.fault is None:
            log.warning(
                "%s/%d@%d is in the dead-letter topic: %s",
                record.topic, record.partition, record.offset, dead.message,
                extra={"action": "dead_letter"},
            )  # fmt: skip
            return dead_letter(record, dead.reason, dead.message, self.clock.now_ms())
        log.error(
            "the fold of %s failed %d times on %s/%d@%d; key %r is quarantined",
            self.topic, FOLD_TRIES, record.topic, record.partition, record.offset, dead.key,
            exc_info=dead.fault,
            extra={"action": "quarantine"},
        )  # fmt: skip
        return dead_letter(record, dead.reason, dead.message, self.clock.now_ms(), FOLD_TRIES)

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
        self.crash_point(crash_points.COMMITTED)
        owned.commit(commit, part.leave)
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
            self.topic, part.owned.partition, part.result.commit.offset, part.pause,
            extra={"action": "pause"},
        )  # fmt: skip

    async def waiting(self, owned: OwnedPartition, attempt: Callable[[], Awaitable[bool]]) -> bool:
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

    def _lose(self, owned: OwnedPartition, why: str) -> None:
        if owned.status is Status.GONE:
            return
        owned.end(Status.GONE, why)
        self._on_lost(owned)


async def _all(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Await all at once. One by itself, as under little load, needs no task and no further turn of the loop."""
    return [await work[0]] if len(work) == 1 else await asyncio.gather(*work)
