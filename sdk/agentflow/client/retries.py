"""Which requests are sent again, and after how long: pure rules."""

import random
from collections.abc import Callable
from dataclasses import dataclass

#: The server did not work on these, so any request may be sent again.
REFUSED = frozenset({429})
#: The server, or one of its own, did not answer: it may have worked.
FAULTS = frozenset({502, 503, 504})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Retries:
    """At most ``most`` further attempts; pauses grow from ``first_s`` to ``longest_s`` with full jitter.

    ``Retry-After`` is obeyed: a pause is at least as long, plus jitter, so that clients do not return in one moment.
    """

    most: int = 5
    first_s: float = 0.2
    longest_s: float = 10.0

    def pause_s(self, failed: int, retry_after_s: float | None, uniform: Callable[[float, float], float]) -> float:
        """Return how long to wait after attempt number ``failed``, in seconds."""
        bound = min(self.longest_s, self.first_s * 2.0 ** min(failed - 1, 32))
        return (retry_after_s or 0.0) + uniform(0.0, bound)


def may_repeat(status: int | None, *, safe: bool, sent: bool = True) -> bool:
    """Tell whether a request may be sent again after ``status``, or after no answer (``None``).

    ``safe`` requests have the same effect however often they arrive; ``sent`` is false if surely nothing arrived.
    """
    if status is None:
        return safe or not sent
    return status in REFUSED or (status in FAULTS and safe)


def uniform(low: float, high: float) -> float:
    """Return a random number; jitter needs no secrecy."""
    return random.uniform(low, high)  # noqa: S311
