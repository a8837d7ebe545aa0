"""When work stands still. Pure: samples and times in, judgements out.

A partition stands still while there is something to do, the role has room to do it, and its position does not move.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from streams.runtime.consumer.poll import Partition

READY, PAUSED, BROKEN = "ready", "paused", "broken"
#: What no time mends.
NEEDS_HANDS = (PAUSED, BROKEN)


@dataclass(frozen=True, slots=True)
class Sample:
    """A partition at one moment.

    ``position`` moves when work goes on and not otherwise, ``lag`` counts records still to be done, ``room`` says
    whether the role would do them now, ``why`` what an operator must know.
    """

    status: str = READY
    position: int | None = None
    lag: int = 0
    room: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class ProgressWatch:
    """What is known of a partition over time: for how long its work stood still, and its status stayed."""

    sample: Sample
    still_s: float = 0.0
    status_s: float = 0.0

    def complaint(self, stall_s: float) -> str:
        """Return what is wrong, in words; empty when nothing is."""
        status = self.sample.status
        if status in NEEDS_HANDS:
            return f"is {status}: {self.sample.why}"
        if status != READY and self.status_s >= stall_s:
            return f"is being taken since {self.status_s:.0f} s"
        if self.still_s >= stall_s:
            return f"stands still since {self.still_s:.0f} s with {self.sample.lag} records to do"
        return ""


@dataclass(slots=True)
class _Since:
    sample: Sample
    moved: float
    status: float


class Stall:
    """Watches one role's partitions. Feed it often: what moves between two looks is not seen."""

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
    """Whether the status stayed. One that is lost and taken again, over and over, is taken all the time."""
    return (before.sample.status == READY) == (sample.status == READY)
