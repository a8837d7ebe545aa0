"""Letting records gather under load: a chunk costs its turn once, however many records it holds.

Nothing rests after a lone record. The rest after a poll grows with what else the poll held, so it follows the rate by
itself: it is ``max_ms`` once a poll holds ``max_ms / ms_per_record`` records, and falls back as soon as polls are
small. A poll that is large enough already comes from a backlog, where waiting gains nothing.
"""


class BatchDelay:
    """How long to fetch nothing after a poll, in milliseconds: ``(records - 1) * ms_per_record`` between the bounds.

    Nothing after a poll of ``enough`` records.
    """

    def __init__(self, *, min_ms: float, max_ms: float, ms_per_record: float, enough: int) -> None:
        self._least_ms = min_ms
        self._most_ms = max_ms
        self._ms_per_record = ms_per_record
        self._enough = enough
        self._until_ms = 0.0

    def took(self, records: int, now_ms: float) -> None:
        """Note that a poll of so many records was taken."""
        rest = min(self._most_ms, max(self._least_ms, (records - 1) * self._ms_per_record))
        rest = rest if records < self._enough else 0.0
        self._until_ms = now_ms + rest

    def batch_delay_s(self, now_ms: float) -> float:
        """Return how many seconds are left to rest, 0.0 when records may be fetched."""
        return max(0.0, (self._until_ms - now_ms) / 1000)
