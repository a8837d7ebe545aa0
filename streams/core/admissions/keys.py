"""Keys of flow control, their lines and their starts: the moves of the entries of ``schemas.tables.flow``."""

from msgspec.structs import replace

from schemas.tables.admissions import QUEUES
from schemas.tables.flow import FlowKey, key_field, line_field, start_field
from streams.core.state import CorruptState, State

_UNUSED = FlowKey()


class FlowKeys:
    """The keys of one organisation during one event. A key that nobody holds or waits for has no entry."""

    def __init__(self, state: State, org_id: str) -> None:
        self._state = state
        self._org_id = org_id

    def get(self, key: str) -> FlowKey:
        """Return a key."""
        return self._state.get(QUEUES, key_field(self._org_id, key)) or _UNUSED

    def set(self, key: str, value: FlowKey) -> None:
        """Write a key, or remove it when there is nothing to keep."""
        field = key_field(self._org_id, key)
        if value.held or value.waiting or value.members or value.last > value.first or value.due_ms:
            self._state.put(QUEUES, field, value)
        else:
            self._state.drop(QUEUES, field)

    # Lines

    def append(self, key: str, run_id: str) -> int:
        """Put a run at the end of the line; return its number."""
        found = self.get(key)
        number = found.tail
        self._state.put(QUEUES, line_field(self._org_id, key, number), run_id)
        head = found.head if found.waiting else number
        self.set(key, replace(found, head=head, tail=number + 1, waiting=found.waiting + 1))
        return number

    def pop(self, key: str, found: FlowKey) -> tuple[str, FlowKey]:
        """Remove the first run of the line; return it and the key, which is not written yet.

        Raises ``CorruptState`` for a line that begins with a hole.
        """
        run_id = self._state.get(QUEUES, line_field(self._org_id, key, found.head))
        if run_id is None:
            raise CorruptState(f"the line of {self._org_id}/{key} begins with a hole at {found.head}")
        return run_id, self._without(key, found, found.head)

    def leave(self, key: str, number: int) -> None:
        """Remove a run from the line, wherever it stands."""
        self.set(key, self._without(key, self.get(key), number))

    def _without(self, key: str, found: FlowKey, number: int) -> FlowKey:
        """Return a key without a place in its line; the next one that is there becomes the head."""
        self._state.drop(QUEUES, line_field(self._org_id, key, number))
        head, waiting = found.head, found.waiting - 1
        if number == head:
            head = found.tail if not waiting else self._next(key, head + 1)
        return replace(found, head=head, waiting=waiting)

    def _next(self, key: str, number: int) -> int:
        while self._state.get(QUEUES, line_field(self._org_id, key, number)) is None:
            number += 1
        return number

    # Starts of a rate

    def start(self, key: str, found: FlowKey, now_ms: int) -> FlowKey:
        """Record that a run starts; return the key."""
        self._state.put(QUEUES, start_field(self._org_id, key, found.last), now_ms)
        started = replace(found, last=found.last + 1)
        self.set(key, started)
        return started

    def started_ms(self, key: str, number: int) -> int:
        """Return when a start was. Raises ``CorruptState`` for one that is not there."""
        found = self._state.get(QUEUES, start_field(self._org_id, key, number))
        if found is None:
            raise CorruptState(f"start {number} of {self._org_id}/{key} is not there")
        return found

    def forget_starts(self, key: str, found: FlowKey, now_ms: int) -> FlowKey:
        """Drop the starts that are a whole period ago; return the key."""
        first = found.first
        while first < found.last and self.started_ms(key, first) + found.per_ms <= now_ms:
            self._state.drop(QUEUES, start_field(self._org_id, key, first))
            first += 1
        left = replace(found, first=first)
        self.set(key, left)
        return left
