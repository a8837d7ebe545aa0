"""The most recently used things, at most so many bytes of them."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class LeastRecent(Generic[T]):
    """Forgets the least recently used things over ``limit`` bytes; what has over ``most`` bytes is never kept."""

    def __init__(self, limit: int, most: int) -> None:
        self._limit = limit
        self._most = most
        self._size = 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """Return what is kept."""
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: T, size: int) -> None:
        """Keep something of ``size`` bytes; what is there already stays."""
        if key in self._items or size > self._most:
            return
        self._items[key] = (value, size)
        self._size += size
        while self._size > self._limit:
            _, (_, dropped) = self._items.popitem(last=False)
            self._size -= dropped
