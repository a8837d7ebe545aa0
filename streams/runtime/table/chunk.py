"""One partition's part of a poll, from records to a commit: decode, fold, and what must be emitted.

Pure but for the memory that it is given: no I/O, so the same code runs live, in a restore and in a simulation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.ports.engine import Commit, InRecord, OutRecord, split_member, timer_member
from connectors.redis.holds import entry_of
from schemas.metrics.fields import counter_field, exemplar_text, histogram_fields
from schemas.records.base import Record
from streams.core.commands import Arm, Command, Count, Disarm, Emit, ExpireAt, Hold, Observe, Release
from streams.core.state import Fold
from streams.runtime.table.overlay import GONE, Changes, Memory, RecordState, merge

ToOut = Callable[[Record], OutRecord]
TimerOf = Callable[[Any], str | None]


@dataclass(slots=True)
class Decoded:
    """A record and its event."""

    record: InRecord
    event: Any


@dataclass(slots=True)
class ChunkResult:
    """What a chunk of one partition did: its commit, and what must be acknowledged before it."""

    commit: Commit
    out: list[OutRecord] = field(default_factory=list)
    armed: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)


class ChunkFolder:
    """Folds decoded records of one partition in order."""

    def __init__(self, fold: Fold[Any], memory: Memory, to_out: ToOut, timer_of: TimerOf) -> None:
        self._fold = fold
        self._memory = memory
        self._to_out = to_out
        self._timer_of = timer_of
        self.changes: Changes = {}
        self.commands: list[Command] = []
        self.clock_ms = 0

    def fold_one(self, item: Decoded, clock_ms: int) -> None:
        """Fold one record; its changes and commands join the chunk's. Raises what the fold raises, without a trace."""
        now = max(clock_ms, item.record.timestamp_ms)
        state = RecordState(self._memory)
        commands = self._fold.fold(state, item.event, now, item.record.offset)
        fired = self._timer_of(item.event)
        if fired is not None:
            entity, timer_id = split_member(fired)
            commands = [Disarm(entity, timer_id), *commands]
        self.absorb(state.changes, commands)
        self.clock_ms = now

    def absorb(self, changes: Changes, commands: Sequence[Command]) -> None:
        """Add changes and commands to the chunk."""
        self._memory.apply(changes)
        merge(self.changes, changes)
        self.commands.extend(commands)

    def result(self, epoch: int, expected: int, offset: int, clock_ms: int, *, silent: bool = False) -> ChunkResult:
        """Return the chunk's commit and records. ``silent`` leaves out what a restore must not emit."""
        result = ChunkResult(Commit(epoch, expected, offset, clock_ms), touched=set(self.changes))
        for entity, fields in self.changes.items():
            self._write(result.commit, entity, fields)
        out, to_out = result.out, self._to_out
        for command in self.commands:
            if not isinstance(command, Emit):
                self._command(result, command)
            elif not silent:
                out.append(to_out(command.record))
        return result

    def _write(self, commit: Commit, entity: str, fields: dict[str, Any]) -> None:
        encode = self._fold.encode
        puts = {name: encode(entity, name, v) for name, v in fields.items() if v is not GONE}
        drops = [name for name, v in fields.items() if v is GONE]
        if puts:
            commit.puts[entity] = puts
        if drops:
            commit.drops[entity] = drops

    def _command(self, result: ChunkResult, command: Command) -> None:
        commit = result.commit
        match command:
            case Arm(entity, timer_id, due_ms):
                member = timer_member(entity, timer_id)
                commit.arm[member] = result.armed[member] = due_ms
            case Disarm(entity, timer_id):
                member = timer_member(entity, timer_id)
                commit.arm.pop(member, None)
                commit.disarm.append(member)
            case Hold(call):
                commit.holds[call.call_id] = entry_of(call)
            case Release(org_id, call_id):
                commit.holds.pop(call_id, None)
                commit.releases.append((org_id, call_id))
            case Count(metric, labels, amount):
                _add(commit.counters, counter_field(metric, labels), amount)
            case Observe(metric, value, labels, trace_id):
                fields = histogram_fields(metric, labels, value)
                for name, added in fields.items():
                    _add(commit.counters, name, added)
                if trace_id:
                    bucket = next(iter(fields))
                    commit.exemplars[bucket] = exemplar_text(trace_id, value, commit.clock_ms)
            case ExpireAt(entity, at_ms):
                commit.expire[entity] = at_ms


def _add(counters: dict[str, float], name: str, amount: float) -> None:
    counters[name] = counters.get(name, 0) + amount
