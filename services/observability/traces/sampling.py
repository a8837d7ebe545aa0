"""Which traces are kept, decided when their runs have ended, and for how long. No I/O.

Always kept is a trace with an error, one that cost as much as ``dear_nano``, and one whose run took ``slow_ms``. Of the
others a share is kept. Which ones, the trace id decides, so that every process and every replay decides the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The ids of traces are hashes, and this many bits of one are enough to divide them.
ID_BITS = 32
_DIGITS = ID_BITS // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePolicy:
    """What is kept. ``share`` is from 0 to 1, ``days`` how long, ``days_of`` the same for organisations by id."""

    share: float = 1.0
    dear_nano: int = 0
    slow_ms: int = 0
    days: int = 90
    days_of: Mapping[str, int] = field(default_factory=dict)

    @property
    def bound(self) -> int:
        """What the first bits of a kept trace's id are below."""
        return round(self.share * (1 << ID_BITS))

    def keeps(self, trace_id: str, *, failed: bool, cost_nano: int, took_ms: float) -> bool:
        """Return whether a trace is kept whose run has ended."""
        if failed or (self.dear_nano and cost_nano >= self.dear_nano) or (self.slow_ms and took_ms >= self.slow_ms):
            return True
        return int(trace_id[:_DIGITS], 16) < self.bound
