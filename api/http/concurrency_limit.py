"""A limit on concurrent work: a request over it is refused and may be retried, instead of waiting in an unbounded
queue.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Overloaded


class Bound:
    """Admits ``limit`` at once; the next one gets ``Overloaded``."""

    def __init__(self, what: str, limit: int, retry_after_s: float = 1.0) -> None:
        self._what = what
        self._limit = limit
        self._retry_after_s = retry_after_s
        self.under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Occupy one slot. Raises ``Overloaded``."""
        if self.under_way >= self._limit:
            raise Overloaded(f"{self._limit} {self._what} are in flight; retry later", self._retry_after_s)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
