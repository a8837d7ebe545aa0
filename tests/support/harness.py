"""One partition of a counting table over ports in memory, with as many owners as a test likes."""

from typing import Any

import orjson

from bench.counting import CountFold, CountInbox, CountOutput
from connectors.memory.checkpoints import MemoryCheckpoints
from connectors.memory.engine import ManualClock, MemoryLog, MemoryTable
from connectors.ports.engine import InRecord, OutRecord
from schemas.errors import NewerMajor, Undecodable
from schemas.records.control import KeyReleased
from streams.runtime.table.engine import Engine
from streams.runtime.table.partition import OwnedPartition
from streams.runtime.table.spec import Ports, TableSpec
from streams.runtime.table.takeover import Takeover
from topics.catalogue import RUN_EVENTS

TOPIC = RUN_EVENTS


class PickyInbox(CountInbox):
    """Refuses some bodies, as a codec does."""

    def open(self, record: InRecord) -> Any:
        if record.value == b"bad":
            raise Undecodable("json", "not JSON")
        if record.value == b"newer":
            raise NewerMajor("2.0", "1.0")
        if record.value == b"release":
            return KeyReleased(key=(record.key or b"").decode())
        return super().open(record)


class FailingFold(CountFold):
    """Raises for one body, every time."""

    def fold(self, state, event, now_ms, offset):
        if event.body == b"boom":
            raise RuntimeError("a bug in the fold")
        return super().fold(state, event, now_ms, offset)


def out(output: CountOutput) -> OutRecord:
    return OutRecord("counts", output.key.encode(), orjson.dumps(output.count))


class TableHarness:
    """One partition with an engine; ``owner()`` is another process."""

    def __init__(self, fold=None, place=None) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(1, self.clock)
        self.table = MemoryTable()
        self.checkpoints = MemoryCheckpoints()
        self.fold = fold or CountFold()
        self.place = place
        self.lost: list[OwnedPartition] = []
        self.gaps: list[OwnedPartition] = []

    async def owner(self) -> tuple[Engine, OwnedPartition]:
        spec = TableSpec(topic=TOPIC, fold=self.fold, inbox=PickyInbox(), out=out, place=self.place)
        ports = Ports(table=self.table, log=self.log, checkpoints=self.checkpoints, clock=self.clock)
        engine = Engine(spec, ports, on_lost=self.lost.append, on_gap=self.gaps.append)
        takeover = Takeover(engine, self.checkpoints, memory_limit=10, restore_grace_ms=0)
        owned = takeover.new(0)
        await takeover.take(owned)
        return engine, owned

    async def send(self, *pairs: tuple[str, bytes]) -> None:
        await self.log.append([OutRecord(TOPIC, key.encode(), body) for key, body in pairs])

    def inputs(self, start: int = 0) -> list[InRecord]:
        return self.log.records(TOPIC, 0)[start:]

    def counts(self) -> list[tuple[bytes | None, bytes | None]]:
        return [(r.key, r.value) for r in self.log.records("counts", 0)]
