"""One organisation's table of money on a real Redis, folded in this process as the budgets role folds it."""

from typing import Any

from redis.asyncio import Redis

from connectors.ports.engine import Answer, Commit, Position
from connectors.redis.fenced_table import RedisTable
from connectors.redis.holds import entry_of
from connectors.redis.keys import Slot, budgets_slot
from schemas.records.base import Record
from streams.core.budgets.fold import BudgetsFold, MoneyEvent
from streams.core.commands import Command, Emit, Hold, Release
from streams.core.memory import MemoryState

#: So many that each organisation has a partition for itself.
PARTITIONS = 1 << 30


class Changes(MemoryState):
    """The state of a table, and what changed of it since ``clear``."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: dict[str, dict[str, Any]] = {}
        self.drops: dict[str, list[str]] = {}

    def clear(self) -> None:
        """Forget what changed."""
        self.puts, self.drops = {}, {}

    def put(self, entity: str, field: str, value: Any) -> None:
        """Set an entry."""
        super().put(entity, field, value)
        self.puts.setdefault(entity, {})[field] = value

    def drop(self, entity: str, field: str) -> None:
        """Remove an entry."""
        super().drop(entity, field)
        self.drops.setdefault(entity, []).append(field)


class MoneyTable:
    """Folds records and commits them. ``log`` is all that was folded, with its times, ``emitted`` what came of it."""

    def __init__(self, redis: Redis, org_id: str) -> None:
        self.org_id = org_id
        self.slot: Slot = budgets_slot(org_id, PARTITIONS)
        self.table = RedisTable(redis, "budgets", foreign_timers=True)
        self.log: list[tuple[MoneyEvent, int]] = []
        self.emitted: list[Record] = []
        self._redis = redis
        self._fold = BudgetsFold()
        self._state = Changes()
        self._epoch = 0

    async def start(self, now_ms: int = 0) -> None:
        """Take the partition, empty, and let holds be taken."""
        self._epoch = (await self.table.take(self.slot.partition, "bench")).epoch
        await self.table.begin(self.slot.partition, self._epoch, "bench", Position(len(self.log), now_ms))
        assert await self.table.open(self.slot.partition, self._epoch, now_ms) is Answer.OK

    async def fold(self, event: MoneyEvent, now_ms: int) -> None:
        """Fold one record and commit what came of it."""
        offset = len(self.log)
        self._state.clear()
        commands = self._fold.fold(self._state, event, now_ms, offset)
        self.log.append((event, now_ms))
        self.emitted += [command.record for command in commands if isinstance(command, Emit)]
        answer = await self.table.commit(self.slot.partition, self._commit(commands, offset, now_ms))
        assert answer is Answer.OK, answer

    async def restore(self) -> None:
        """Drop all that was folded and fold the log again."""
        log, self.log, self._state = self.log, [], Changes()
        self.emitted = []
        await self.start()
        for event, now_ms in log:
            await self.fold(event, now_ms)

    async def stored(self) -> dict[str, str]:
        """Return the organisation's entries, as Redis has them."""
        found = await self._redis.hgetall(self.slot.entity(self.org_id))
        return {_text(field): _text(value) for field, value in found.items()}

    async def held(self) -> dict[str, int]:
        """Return what is held, by field."""
        found = await self._redis.hgetall(self.slot.held(self.org_id))
        return {_text(field): int(value) for field, value in found.items()}

    async def remove(self) -> None:
        """Remove the organisation from Redis."""
        doomed = [key async for key in self._redis.scan_iter(f"{self.slot.prefix}:*")]
        if doomed:
            await self._redis.unlink(*doomed)

    def _commit(self, commands: list[Command], offset: int, now_ms: int) -> Commit:
        state, encode = self._state, self._fold.encode
        return Commit(
            self._epoch,
            offset,
            offset + 1,
            now_ms,
            puts={e: {f: encode(e, f, v) for f, v in fields.items()} for e, fields in state.puts.items()},
            drops=state.drops,
            holds={one.call.call_id: entry_of(one.call) for one in commands if isinstance(one, Hold)},
            releases=[(one.org_id, one.call_id) for one in commands if isinstance(one, Release)],
        )


def _text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data
