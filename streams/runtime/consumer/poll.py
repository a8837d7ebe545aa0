"""What passes between the transport and a role: polls one way, wishes and watermarks the other."""

from typing import NamedTuple, Protocol

from connectors.ports.engine import InRecord

Partition = tuple[str, int]
"""Topic and partition number."""


class Poll(NamedTuple):
    """What one poll fetched, by partition, in offset order. ``tenure`` numbers the assignment it was fetched under."""

    records: dict[Partition, list[InRecord]]
    tenure: int = 0

    @property
    def size(self) -> int:
        """How many records it has."""
        return sum(map(len, self.records.values()))


class Control(Protocol):
    """What a handler may ask of the consumer."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Read ``partition`` from ``offset`` on."""
        ...

    def wake(self) -> None:
        """Ask ``wanted`` again now."""
        ...

    def behind(self, partition: Partition) -> bool:
        """Whether the last fetch saw records of ``partition`` that were not handed over yet."""
        ...

    def end(self, partition: Partition) -> int:
        """Return the end offset of ``partition`` that the last fetch saw; 0 before the first one."""
        ...

    def left_open(self, partition: Partition) -> bool:
        """Whether the former owner of ``partition`` died, as far as is known. Only of roles that mark their ends."""
        ...

    async def confirms(self) -> bool:
        """Ask the group whether the assignment still holds; ``False`` while that is not known."""
        ...


class PollHandler(Protocol):
    """What a role does with its polls. Called from the app's loop only."""

    async def assigned(self, partitions: set[Partition], control: Control) -> None:
        """Partitions joined; the set is the whole assignment. Must return at once: long work goes into tasks."""
        ...

    async def revoked(self, partitions: set[Partition]) -> None:
        """Partitions left. Must return at once and never wait for calls."""
        ...

    def batch_delay_s(self) -> float:
        """Return for how many seconds nothing should be fetched, so that records gather; 0.0 for none."""
        ...

    def wanted(self) -> tuple[set[Partition], int]:
        """Return the partitions to fetch from now and the most records to take; an empty set fetches nothing."""
        ...

    def linger_s(self, poll: Poll) -> float:
        """Return how long to wait for what is sure to follow a poll soon, before it is handed over; 0.0 for nothing."""
        ...

    async def handle(self, poll: Poll) -> None:
        """Take a poll. The next one is handed over when this returns."""
        ...

    def commits(self) -> dict[Partition, int]:
        """Return the group offsets to store: per partition the next offset to be read after a loss."""
        ...

    def paused(self) -> dict[Partition, str]:
        """Return the partitions that wait for an upgrade of this role, and why."""
        ...

    async def settle(self, seconds: float) -> None:
        """Take no more, and end what is nearly done within ``seconds``; then the group is left."""
        ...

    async def drain(self, seconds: float) -> None:
        """End what is under way within ``seconds``. Others have the partitions by now."""
        ...
