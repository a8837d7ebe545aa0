"""What a provider's rate-limit headers mean for calls to come.

Providers count in one of two ways. A *token bucket* refills all the time, so that all of it is free again after the
time that its used part takes. A *fixed window* is full again at its end, whatever is left. Nobody says which it is, but
the numbers do.
"""

from schemas.limits.quotas import Observed

#: How far a reset may be from a bucket's, as a share of the minute, and still be one: times are rounded on the way.
_CLOSE = 0.1


def is_bucket(seen: Observed, minute_ms: int) -> bool:
    """Tell whether a limit refills all the time."""
    if seen.reset_ms is None:
        return True
    return abs(seen.reset_ms - (seen.most - seen.left) * minute_ms / seen.most) <= _CLOSE * minute_ms


def debt(seen: Observed, minute_ms: int) -> float:
    """Return how many units calls must pause for, so that no more are asked than the provider has left.

    In a fixed window only what is left may be asked until its end. A bucket gives more than our own pace needs, until
    it is nearly empty.
    """
    if seen.reset_ms is None or is_bucket(seen, minute_ms):
        return max(0.0, seen.most / 100 - seen.left)
    return max(0.0, seen.reset_ms / minute_ms * seen.most - seen.left)
