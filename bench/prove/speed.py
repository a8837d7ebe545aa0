"""How fast the machine is while something is measured: a fixed loop, and what its host took away."""

import time
from dataclasses import dataclass

from bench.usage import MachineTimes

ROUNDS, STEPS = 3, 500_000
#: A line that comes within this time of another one shows the same speed.
LATELY_S = 5.0


@dataclass(frozen=True)
class Speed:
    """``loop_ms`` is the CPU time of the fixed loop; ``steal`` the host's share of CPU time, ``None`` if unknown."""

    loop_ms: float
    steal: float | None

    def __str__(self) -> str:
        """Return it as a remark beside a figure."""
        stolen = "steal unknown" if self.steal is None else f"steal {self.steal:.1%}"
        return f"machine: fixed loop {self.loop_ms:.0f} ms, {stolen}"


class SpeedMeter:
    """Measures from when it is made to ``read``."""

    def __init__(self) -> None:
        self._times = MachineTimes()
        self._before = fixed_loop_ms()
        self._shown, self._shown_at = "", 0.0

    def lately(self) -> str:
        """Return the speed so far as a remark, measured within the last ``LATELY_S``."""
        if not self._shown or time.monotonic() - self._shown_at > LATELY_S:
            self._shown, self._shown_at = str(self.read()), time.monotonic()
        return self._shown

    def read(self) -> Speed:
        """Return the speed, with the mean of the loop before and after."""
        elsewhere = self._times.elsewhere()
        return Speed((self._before + fixed_loop_ms()) / 2, None if elsewhere is None else elsewhere.steal)


def fixed_loop_ms() -> float:
    """Return the CPU time in ms of the same half a million additions and multiplications: the best of three."""
    return min(_timed() for _ in range(ROUNDS))


def _timed() -> float:
    began, number = time.thread_time(), 1
    for _ in range(STEPS):
        number = (number * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return (time.thread_time() - began) * 1_000
