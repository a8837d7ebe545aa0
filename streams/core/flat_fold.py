"""What the folds of flat tables share: their events name all that they touch, and their entries no timers."""

from collections.abc import Collection, Iterable, Mapping
from typing import Generic, TypeVar

from schemas.records.money import CallStarted
from schemas.tables.entry import BEGUN
from streams.core.state import State

E_contra = TypeVar("E_contra", contravariant=True)


class FlatFold(Generic[E_contra]):
    """The methods of ``streams.core.state.Fold`` that are the same in these tables.

    An entity that ends has the entry ``BEGUN``, which is written once, and must be remembered as a whole.
    """

    def follows(self, state: State, event: E_contra) -> tuple[str, ...]:
        """Return nothing: an event names all that it touches."""
        return ()

    def beside(self, state: State, entity: str) -> tuple[str, ...]:
        """Return nothing more."""
        return ()

    def timer(self, entity: str, field: str, data: bytes) -> tuple[str, int] | None:
        """Return nothing: nobody waits here for a time, or others arm the timers."""
        return None

    def hold(self, entity: str, field: str, data: bytes) -> CallStarted | None:
        """Return nothing: money is another table's."""
        return None

    def whole(self, entity: str, fields: Collection[str]) -> bool:
        """Return whether what is written once of an entity is among them."""
        return BEGUN in fields

    def lasting(self, entity: str, fields: Mapping[str, bytes]) -> Iterable[str]:
        """Return everything: that it was counted, or is over, is what must be remembered."""
        return fields
