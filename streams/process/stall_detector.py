"""Detects stalls: work without progress. Pure: samples and times in, judgements out.

A partition stalls while there is something to do, the role has room to do it, and its position does not move.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.runtime.consumer.poll import Partition

READY, PAUSED, BROKEN = "ready", "paused", "broken"
#: Statuses that need an operator.
NEEDS_HANDS = (PAUSED, BROKEN)


@dataclass(frozen=True, slots=True)
class Sample:
    """A partition at one moment.

    ``position`` moves only with progress, ``lag`` counts unprocessed records, ``room`` is true if the role could
    process them now, ``why`` is a message for the operator.
    """

    status: str = READY
    position: int | None = None
    lag: int = 0
    room: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class ProgressWatch:
    """A partition over time: the seconds without progress, and in its current status."""

    sample: Sample
    still_s: float = 0.0
    status_s: float = 0.0

    def complaint(self, stall_s: float) -> str:
        """Return the problem in words; empty if there is none."""
        status = self.sample.status
        if status in NEEDS_HANDS:
            return f"is {status}: {self.sample.why}"
        if status != READY and self.status_s >= stall_s:
            return f"has been in takeover for {self.status_s:.0f} s"
        if self.still_s >= stall_s:
            return f"has stalled for {self.still_s:.0f} s with {self.sample.lag} records to do"
        return ""


@dataclass(slots=True)
class _Since:
    sample: Sample
    moved: float
    status: float


class Stall:
    """Watches one role's partitions. Feed it often: it sees only the samples."""

    def __init__(self) -> None:
        self._since: dict[Partition, _Since] = {}

    def look(self, now: float, samples: Mapping[Partition, Sample]) -> dict[Partition, ProgressWatch]:
        """Return each partition's standing at ``now``, in seconds of a clock that never goes back."""
        self._since = {p: self._next(now, self._since.get(p), sample) for p, sample in samples.items()}
        return {p: ProgressWatch(s.sample, now - s.moved, now - s.status) for p, s in self._since.items()}

    @staticmethod
    def _next(now: float, before: _Since | None, sample: Sample) -> _Since:
        if before is None:
            return _Since(sample, now, now)
        moved = sample.lag <= 0 or not sample.room or sample.position != before.sample.position
        return _Since(sample, now if moved else before.moved, before.status if _same(before, sample) else now)


def _same(before: _Since, sample: Sample) -> bool:
    """Return true if the status stayed. A takeover that starts again and again counts as one."""
    return (before.sample.status == READY) == (sample.status == READY)
