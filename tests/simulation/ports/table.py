"""The fenced table: the thing itself, which notes breaches and judges holds, and as a process sees it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from connectors.memory.engine import MemoryTable
from connectors.ports.engine import (
    Answer,
    Commit,
    Due,
    HoldEntry,
    OutRecord,
    Position,
    Stored,
    Taken,
    hold_timer,
    split_member,
)
from schemas.tables.budgets import CAP_SPENT, cap_entity, settled_entity
from schemas.tables.runs import STEP_PREFIX
from tests.simulation.ports.calls import Calls
from topics.catalogue import COST_EVENTS

#: How long a worker's word that its call lives is good for. It says so more often than that.
LEASE_MS = 1_000


@dataclass
class LiveCall:
    """A call that its worker has money for; ``asserted_ms`` is when it said last that it lives, for until when."""

    partition: int
    entry: HoldEntry
    asserted_ms: int
    until_ms: int


class FencedTable(MemoryTable):
    """The table itself. ``breaches`` are what it saw that must never happen.

    That is a commit of an owner after a later one had taken the partition; and a hold that is given while a call of
    which its worker has just said that it lives is not held: then a budget may be passed. ``bug`` plants a fault of the
    store: ``no_epoch_check``, ``no_fence`` or ``offset_first``. ``steps`` are the entries of runs' steps as they were
    committed last, by run and step, those of runs that have left included.
    """

    def __init__(self, bug: str = "", *, foreign_timers: bool = False) -> None:
        super().__init__(foreign_timers=foreign_timers)
        self.bug = bug
        self.breaches: list[str] = []
        self.live: dict[str, LiveCall] = {}
        self.steps: dict[tuple[str, str], bytes] = {}
        self._rewound_ms: dict[int, int] = {}
        self.rewound = False

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Commit, by the rules or by the planted fault."""
        at = self._at(partition)
        epoch, expected = commit.epoch, commit.expected
        if self.bug in ("no_epoch_check", "no_fence") and at.position is not None:
            commit.epoch = at.epoch
            if self.bug == "no_fence":
                commit.expected = at.position.offset
        answer = await super().commit(partition, commit)
        commit.epoch, commit.expected = epoch, expected
        if answer is Answer.OK and epoch != at.epoch and self.bug != "no_fence":
            self.breaches.append(f"epoch {epoch} committed to partition {partition} of epoch {at.epoch}")
        if answer is Answer.OK:
            for entity, fields in commit.puts.items():
                steps = (field for field in fields if field.startswith(STEP_PREFIX))
                self.steps.update({(entity, field.removeprefix(STEP_PREFIX)): fields[field] for field in steps})
        return answer

    async def move_offset(self, partition: int, commit: Commit) -> bool:
        """Write the offset alone: the first half of the planted ``offset_first``."""
        at = self._at(partition)
        if at.position is None or at.epoch != commit.epoch or at.position.offset != commit.expected:
            return False
        at.position = Position(commit.offset, commit.clock_ms)
        return True

    async def write_late(self, partition: int, commit: Commit) -> Answer:
        """Write the entries alone: the second half."""
        at = self._at(partition)
        if at.position is None:
            return Answer.LOST
        self._write(at, commit)
        return Answer.OK

    def contents(self, partition: int) -> tuple[dict[str, dict[str, bytes]], dict[str, int], Position | None]:
        """Return all entities with entries, all timers and the position."""
        at = self._at(partition)
        return {e: dict(f) for e, f in at.entities.items() if f}, dict(at.timers), at.position

    def ended(self, partition: int) -> dict[str, int]:
        """Return when each entity that ended leaves."""
        return dict(self._at(partition).expire)

    def copy(self, partition: int) -> object:
        """Return a dump of a partition."""
        return deepcopy(self._at(partition))

    def put_back(self, partition: int, copy: object, now_ms: int) -> None:
        """Let a partition be as an older dump has it. Epochs still never come twice."""
        at = deepcopy(copy)
        at.epoch = self._at(partition).epoch
        self._partitions[partition] = at
        self._rewound_ms[partition] = now_ms
        self.rewound = True

    async def open(self, partition: int, epoch: int, open_at_ms: int) -> Answer:
        """Open the table; note a breach when a live call that is not held has no time to assert itself before."""
        answer = await super().open(partition, epoch, open_at_ms)
        if answer is Answer.OK:
            self._rewound_ms.pop(partition, None)
            for call_id, call in self._not_held(partition):
                if open_at_ms <= call.asserted_ms + LEASE_MS:
                    self.breaches.append(f"the table opened at {open_at_ms} while {call_id} lives and is not held")
        return answer

    def let_leave(self, now_ms: int) -> None:
        """Let everything leave whose time has come, as the store does by its own clock."""
        for at in self._partitions.values():
            for entity in [one for one, at_ms in at.expire.items() if at_ms <= now_ms]:
                del at.expire[entity]
                at.entities.pop(entity, None)

    # Holds, as workers see them

    async def hold(self, partition: int, hold: HoldEntry, now_ms: int) -> bool:
        """Hold money, as a worker does; ``False`` while the table may not be trusted."""
        at = self._at(partition)
        if at.position is None or at.open_at is None or at.open_at > now_ms:
            return False
        if hold.call_id not in at.holds:
            self._judge(partition, hold, now_ms)
        at.holds.setdefault(hold.call_id, hold)
        # A hold that is requested again, since its answer was lost, is extended.
        member = hold_timer(hold.call_id)
        at.timers[member] = max(at.timers.get(member, 0), hold.expires_at_ms)
        self.live[hold.call_id] = LiveCall(partition, hold, now_ms, hold.expires_at_ms)
        return True

    async def hold_within(self, partition: int, hold: HoldEntry, now_ms: int, caps: Mapping[str, int]) -> bool | None:
        """Hold money as ``hold`` does; ``None`` when the cap of a run has no room."""
        at = self._at(partition)
        for run_id, cap_nano in caps.items() if hold.call_id not in at.holds else ():
            entity = cap_entity(run_id)
            spent = int(at.entities.get(entity, {}).get(CAP_SPENT, b"0"))
            held = sum(one.amount_nano for one in at.holds.values() if entity in one.fields.split("\x1f"))
            if at.position is not None and spent + held + hold.amount_nano > cap_nano:
                return None
        return await self.hold(partition, hold, now_ms)

    async def reassert(self, call_id: str, now_ms: int, expires_at_ms: int) -> None:
        """Say that a call lives: its hold is put back if it is gone, and ends no sooner than given."""
        call = self.live.get(call_id)
        if call is None or self._is_settled(call.partition, call_id):
            return
        at, member = self._at(call.partition), hold_timer(call_id)
        at.holds.setdefault(call_id, call.entry)
        at.timers[member] = max(at.timers.get(member, 0), expires_at_ms)
        call.asserted_ms, call.until_ms = now_ms, expires_at_ms

    def over(self, call_id: str) -> None:
        """Say that the worker has what its call did cost, and asserts it no more."""
        self.live.pop(call_id, None)

    def _judge(self, partition: int, hold: HoldEntry, now_ms: int) -> None:
        """Note a breach if a live call is not held. One whose worker was silent for a lease may be dead.

        A dump that is younger than the last checkpoint stays open, and so does any until its owner looks: both are
        known weaknesses.
        """
        if now_ms < self._rewound_ms.get(partition, -LEASE_MS) + LEASE_MS:
            return
        for call_id, call in self._not_held(partition):
            if call.asserted_ms > now_ms - LEASE_MS and call.until_ms > now_ms:
                self.breaches.append(f"{hold.call_id} was held while {call_id} lives and is not")

    def _not_held(self, partition: int) -> list[tuple[str, LiveCall]]:
        """Return the calls that a worker asserts and the table neither holds nor has settled."""
        return [
            (call_id, call)
            for call_id, call in self.live.items()
            if call.partition == partition
            and call_id not in self._at(partition).holds
            and not self._is_settled(partition, call_id)
        ]

    def _is_settled(self, partition: int, call_id: str) -> bool:
        said = self._at(partition).entities.get(settled_entity(call_id), {}).get("settlement", b"")
        return said.startswith(b"[")

    async def expired(self, partition: int, members: Sequence[str]) -> list[OutRecord]:
        """Return the presumed settlements of calls under way whose holds end; any other hold only leaves."""
        at, found = self._at(partition), []
        for member in members:
            call = split_member(member)[1]
            hold = at.holds.get(call)
            said = at.entities.get(settled_entity(call), {}).get("settlement", b"")
            if hold is None or not said.startswith(b"{"):
                at.timers.pop(member, None)
                at.holds.pop(call, None)
            else:
                found.append(OutRecord(COST_EVENTS, hold.org_id.encode(), hold.presumed))
        return found

    def holds(self, partition: int) -> list[str]:
        """Return the calls that are held."""
        return list(self._at(partition).holds)

    def timers(self) -> list[int]:
        """Return when each armed timer is due."""
        return [due for at in self._partitions.values() for due in at.timers.values()]


class SimTable:
    """A process's ``Table``."""

    def __init__(self, table: FencedTable, calls: Calls) -> None:
        self._table = table
        self._calls = calls

    async def take(self, partition: int, incarnation: str) -> Taken:
        """Raise the epoch."""
        return await self._calls.call("take", lambda: self._table.take(partition, incarnation))

    async def begin(self, partition: int, epoch: int, incarnation: str, position: Position) -> Answer:
        """Begin a restore."""
        return await self._calls.call("begin", lambda: self._table.begin(partition, epoch, incarnation, position))

    async def load(
        self, partition: int, epoch: int, entities: Sequence[str], since: int = 0
    ) -> dict[str, dict[str, bytes]]:
        """Load entities."""
        return await self._calls.call("load", lambda: self._table.load(partition, epoch, entities, since))

    async def dump(self, partition: int, epoch: int, entities: Sequence[str]) -> tuple[int, dict[str, Stored]]:
        """Dump entities."""
        return await self._calls.call("dump", lambda: self._table.dump(partition, epoch, entities))

    async def counted(self, partition: int, epoch: int) -> dict[str, float]:
        """Return the counters."""
        return await self._calls.call("counted", lambda: self._table.counted(partition, epoch))

    async def entities(self, partition: int) -> AsyncIterator[list[str]]:
        """Yield the names of entities."""
        async for names in self._table.entities(partition):
            await self._calls.turn("entities")
            yield names

    async def stands(self, partition: int, epoch: int, committed: int | None = None) -> int:
        """Return the stored offset."""
        return await self._calls.call("stands", lambda: self._table.stands(partition, epoch, committed))

    async def commit(self, partition: int, commit: Commit) -> Answer:
        """Commit."""
        if self._table.bug == "offset_first" and await self._table.move_offset(partition, commit):
            return await self._calls.call("commit late", lambda: self._table.write_late(partition, commit))
        return await self._calls.call("commit", lambda: self._table.commit(partition, commit))

    async def due(self, partition: int, until_ms: int, limit: int) -> list[Due]:
        """Return due timers. No turn where there are none, since idle owners ask all the time."""
        if not await self._table.due(partition, until_ms, 1):
            return []
        return await self._calls.call("due", lambda: self._table.due(partition, until_ms, limit))

    async def open(self, partition: int, epoch: int, open_at_ms: int) -> Answer:
        """End a restore."""
        return await self._calls.call("open", lambda: self._table.open(partition, epoch, open_at_ms))
