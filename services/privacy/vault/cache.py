"""A bounded memory of what was read from the vault, which forgets after some seconds."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Expiring(Generic[_K, _V]):
    """At most ``most`` entries, each for ``seconds`` from the moment before it was read."""

    def __init__(self, most: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[_K, tuple[float, _V]] = OrderedDict()

    def now(self) -> float:
        """Return the time to give to ``put``; take it before the read, so that a slow read lives no longer."""
        return self._monotonic()

    def get(self, key: _K) -> _V | None:
        """Return an entry that is young enough."""
        found = self._entries.get(key)
        if found is None:
            return None
        if self._monotonic() - found[0] >= self._seconds:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: _K, value: _V, read_at: float) -> None:
        """Remember an entry that was read at a time of ``now``."""
        self._entries[key] = (read_at, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def forget(self, key: _K) -> None:
        """Forget an entry."""
        self._entries.pop(key, None)
