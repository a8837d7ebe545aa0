"""A bound on work under way: over it a request is told to come again, instead of waiting in a line without end."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Overloaded


class Bound:
    """Lets ``limit`` through at once; the next one gets ``Overloaded``."""

    def __init__(self, what: str, limit: int, retry_after_s: float = 1.0) -> None:
        self._what = what
        self._limit = limit
        self._retry_after_s = retry_after_s
        self.under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place. Raises ``Overloaded``."""
        if self.under_way >= self._limit:
            raise Overloaded(f"{self._limit} {self._what} are under way; try again", self._retry_after_s)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
