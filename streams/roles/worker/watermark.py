"""Which offsets are done, when they get done in any order.

A partition's watermark is the offset that may be committed: every record before it is done. Records are taken in the
order of their offsets (gaps are allowed) and finish in any order. How far takes may run ahead of the watermark is
bounded, since all of it is read again after a crash. Pure: no clock, no I/O.
"""

import heapq
from dataclasses import dataclass, field

Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken and when, for people: ``what`` names it, ``since_ms`` is milliseconds since 1970."""

    what: str
    since_ms: int


NOTHING = Taken("", 0)


class Watermark:
    """One partition, for as long as it is assigned once."""

    __slots__ = ("_finished", "_heap", "_next", "_taken")

    def __init__(self) -> None:
        self._taken: dict[int, Taken] = {}
        self._finished: set[int] = set()
        self._heap: list[int] = []
        self._next: int | None = None

    def take(self, offset: int, taken: Taken = NOTHING) -> bool:
        """Note that work on ``offset`` begins. ``False`` when it is under way or done: leave the record alone.

        An offset before the watermark lowers it: the log was read again from there.
        """
        if offset in self._taken or offset in self._finished:
            return False
        self._taken[offset] = taken
        heapq.heappush(self._heap, offset)
        self._next = offset + 1 if self._next is None else max(self._next, offset + 1)
        return True

    def ack(self, offset: int) -> None:
        """Note that ``offset`` is done. Saying it again, or of one never taken, changes nothing."""
        if offset not in self._taken:
            return
        del self._taken[offset]
        self._finished.add(offset)
        while self._heap and self._heap[0] in self._finished:
            self._finished.discard(heapq.heappop(self._heap))

    @property
    def commit(self) -> int | None:
        """The lowest offset that is not done, or the one after the last; ``None`` before the first."""
        return self._heap[0] if self._heap else self._next

    @property
    def span(self) -> int:
        """How many offsets would be read again after a crash now."""
        return 0 if self._next is None or not self._heap else self._next - self._heap[0]

    @property
    def oldest(self) -> Taken | None:
        """What holds the watermark back, if anything."""
        return self._taken[self._heap[0]] if self._heap else None

    @property
    def outstanding(self) -> int:
        """How many records are taken and not done."""
        return len(self._taken)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One taken record. It names its tenure of the partition, so that a late ack of an earlier one is told apart."""

    partition: Partition
    offset: int
    watermark: Watermark = field(repr=False)


class Watermarks:
    """The partitions of one worker. ``max_span`` is how far takes may run ahead in one partition."""

    def __init__(self, max_span: int) -> None:
        self._max_span = max_span
        self._partitions: dict[Partition, Watermark] = {}

    def assign(self, partitions: set[Partition]) -> None:
        """Make the assignment exactly these; those that stay keep what they know."""
        self._partitions = {p: self._partitions.get(p) or Watermark() for p in partitions}

    def revoke(self, partitions: set[Partition]) -> None:
        """Forget partitions; acks of what was taken there are ignored from now on."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    def take(self, partition: Partition, offset: int, taken: Taken = NOTHING) -> Ticket | None:
        """Return the ticket of a record; ``None`` when the partition is not ours or the record was taken before."""
        watermark = self._partitions.get(partition)
        if watermark is None or not watermark.take(offset, taken):
            return None
        return Ticket(partition, offset, watermark)

    def holds(self, ticket: Ticket) -> bool:
        """Return whether a taken record would be read again if it were left, by us or by whoever comes next."""
        return self._partitions.get(ticket.partition) is ticket.watermark

    def ack(self, ticket: Ticket) -> None:
        """Note that a record is done."""
        ticket.watermark.ack(ticket.offset)

    def open(self) -> set[Partition]:
        """Return the partitions of which more may be taken."""
        return {p for p, w in self._partitions.items() if w.span < self._max_span}

    def closed(self) -> dict[Partition, Watermark]:
        """Return the partitions of which no more may be taken."""
        return {p: w for p, w in self._partitions.items() if w.span >= self._max_span}

    def oldest_ms(self) -> int | None:
        """Return since when the oldest of what holds back a watermark has been taken; ``None`` if nothing does."""
        return min((taken.since_ms for w in self._partitions.values() if (taken := w.oldest) is not None), default=None)

    def longest_span(self) -> int:
        """Return the longest span of a partition."""
        return max((w.span for w in self._partitions.values()), default=0)

    def commits(self) -> dict[Partition, int]:
        """Return the offsets to commit, of every partition that something was taken of."""
        return {p: w.commit for p, w in self._partitions.items() if w.commit is not None}
