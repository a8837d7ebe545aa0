"""The bench job: a stateful count per key, one output per record. Stock Faust runs the same job for comparison."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from connectors.ports.engine import InRecord
from schemas.errors import Undecodable
from schemas.records.base import Record
from schemas.tables.entry import Entry, entry
from streams.core.commands import Command, Emit
from streams.core.state import State

_COUNT: Entry[int] = entry("n")


class Counted(NamedTuple):
    """One input of the job."""

    key: str
    body: bytes


class CountOutput(Record, frozen=True):
    """One output of the job."""

    key: str
    count: int
    body: str


class CountInbox:
    """Opens the job's records: the key counts, the body is passed on."""

    def open(self, record: InRecord) -> Counted:
        """Return the event. A record without a key or value cannot be counted."""
        if record.key is None or record.value is None:
            raise Undecodable("key", "a record without a key or value")
        return Counted(record.key.decode(), record.value)

    def key(self, event: Counted) -> str:
        """Return the key."""
        return event.key

    def timer(self, event: Counted) -> None:
        """There are no timers."""


class CountFold:
    """Counts per key. ``emit`` makes the output's command of key, count and body."""

    def touches(self, event: Counted) -> tuple[str, ...]:
        """The key is the entity."""
        return (event.key,)

    def follows(self, state: State, event: Counted) -> tuple[str, ...]:
        """Nothing more."""
        return ()

    def fold(self, state: State, event: Counted, now_ms: int, offset: int) -> list[Command]:
        """Count one."""
        count = (state.get(event.key, _COUNT) or 0) + 1
        state.put(event.key, _COUNT, count)
        return [Emit(CountOutput(key=event.key, count=count, body=event.body.decode()))]

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Nothing more."""
        return ()

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Nothing is ever waited for."""
        return []

    def encode(self, entity: str, field: str, value: Any) -> bytes:
        """Return decimal text."""
        return str(value).encode()

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return the number."""
        return int(data)

    def timer(self, entity: str, field: str, data: bytes) -> None:
        """There are no timers."""

    def hold(self, entity: str, field: str, data: bytes) -> None:
        """There is no money."""

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Return yes: a key has one entry."""
        return True

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return everything; nothing ever ends."""
        return fields
