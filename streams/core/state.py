"""How a fold sees the table: entities, each a handful of named entries with decoded, immutable values.

One record writes only the entries that it changes, so a result of a map with 10,000 children writes two
entries (the run's header and the child) and not the run. The engine makes what a fold puts visible to the
next record, and drops it whole when the fold raises.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from schemas.errors import AgentFlowError
from schemas.records.money import CallStarted
from schemas.tables.entry import Entry
from streams.core.commands import Command

V = TypeVar("V")
#: The events of one table's input topic.
E_contra = TypeVar("E_contra", contravariant=True)


class CorruptState(AgentFlowError):
    """Entries of a table contradict each other: a defect of ours, so the record's key is quarantined."""


class State(Protocol):
    """One partition's entries as one record's fold sees them. Values must never be changed in place."""

    def get(self, entity: str, field: Entry[V]) -> V | None:
        """Return an entry's value, or ``None``."""
        ...

    def fields(self, entity: str) -> Iterable[str]:
        """Return the names of an entity's entries, in no order that means anything."""
        ...

    def put(self, entity: str, field: Entry[V], value: V) -> None:
        """Set an entry."""
        ...

    def drop(self, entity: str, field: str) -> None:
        """Remove an entry, if it is there."""
        ...


class Fold(Protocol[E_contra]):
    """The rules of one table. Every method is pure: same arguments, same answer."""

    def touches(self, event: E_contra) -> tuple[str, ...]:
        """Return the entities that must be loaded before ``follows`` and ``fold``."""
        ...

    def follows(self, state: State, event: E_contra) -> tuple[str, ...]:
        """Return further entities that only the loaded ones name (a run's header names its plan).

        The event changes none of these, only what it touches.
        """
        ...

    def fold(self, state: State, event: E_contra, now_ms: int, offset: int) -> list[Command]:
        """Apply one event; ``now_ms`` is max(partition clock, record's time). Raising leaves no trace."""
        ...

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Return the entities that ``outstanding`` needs beside a loaded one."""
        ...

    def outstanding(self, state: State, entity: str, now_ms: int) -> list[Command]:
        """Return what a restored entity still waits for, as commands to emit again."""
        ...

    def encode(self, entity: str, field: str, value: Any) -> bytes:
        """Return an entry's stored bytes."""
        ...

    def decode(self, entity: str, field: str, data: bytes) -> Any:
        """Return the value of stored bytes."""
        ...

    def timer(self, entity: str, field: str, data: bytes) -> tuple[str, int] | None:
        """Return the timer that an entry says is armed, its id and when it is due; each timer is in one entry.

        So a restore needs no copy of the timers. A table whose timers are set by others has none in its entries.
        """
        ...

    def hold(self, entity: str, field: str, data: bytes) -> CallStarted | None:
        """Return the call that an entry says is under way, so that a restore puts its hold back."""
        ...

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Whether entries of an entity that changed since some moment are all that it has: it began after that."""
        ...

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return the entries of an entity that ended (``ExpireAt``) which must outlive a restore, given all of them.

        With these alone a fold must never again change the entity, or it must keep all.
        """
        ...
