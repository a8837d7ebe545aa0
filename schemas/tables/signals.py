"""Signals of a run that nobody waited for yet, as its table keeps them; and how many it keeps.

The entry ``schemas.tables.runs.SIGNALS`` is written by the run's fold and read by whoever takes signals, to refuse one
that the run has no room for.
"""

import msgspec

from schemas.ids import content_hash
from schemas.payload import Payload

#: Signals that a run keeps until a step waits for them.
KEPT_MOST = 100
#: Bytes of their data together, as JSON; a stored one counts as its reference.
KEPT_BYTES = 256 * 1024
#: Ids that a run remembers, so that one signal is taken once.
IDS_MOST = 1_000
#: Updates of a run whose steps are remembered, so that their answers are found.
GIVEN_MOST = 100


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A signal that came before its step."""

    name: str
    payload: Payload
    size: int
    id: str = ""


class Signals(msgspec.Struct, frozen=True, array_like=True):
    """What a run keeps: signals in the order in which they came, and the newest ids that it has taken.

    ``given`` are the newest updates that a step got: the signal's id and the step's.
    """

    kept: tuple[Kept, ...] = ()
    ids: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()

    def step_of(self, signal_id: str) -> str | None:
        """Return the step that got a signal, ``None`` for one that no step got, or got long ago."""
        return next((step_id for id_, step_id in reversed(self.given) if id_ == signal_id), None)

    @property
    def size(self) -> int:
        """The bytes of what is kept."""
        return sum(one.size for one in self.kept)

    def has_room(self, size: int) -> bool:
        """Return whether one more signal of ``size`` bytes can be kept."""
        return len(self.kept) < KEPT_MOST and self.size + size <= KEPT_BYTES


def signal_id(source: str, id_: str) -> str:
    """Return what names a signal: the same for the same source and id, whichever way it came."""
    return content_hash(f"{len(source)}:{source}{id_}".encode())[:32]


_DECODER = msgspec.msgpack.Decoder(Signals)


def decode_signals(data: bytes) -> Signals:
    """Return the entry of stored bytes."""
    return _DECODER.decode(data)
