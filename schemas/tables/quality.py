"""What the table ``quality`` keeps: its fold writes it, readers of series show it.

The entity ``<organisation>:<prompt>`` has one entry for each of the prompt's series, see ``series_field``. An answer is
an entity of its own for a while, so that its repeated score counts once.

Structs are MessagePack arrays: a new field goes last and has a default.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.tables.entry import BEGUN, Entry, entry

PROMPT_PREFIX: Final = "prompt:"
ANSWER_PREFIX: Final = "answer:"
SERIES: Final = "s:"


class Bucket(Struct, frozen=True, array_like=True):
    """A bucket of a window: the sum of its scores, and the sum of their squared distances from its mean."""

    total: float
    variance: float


class Window(Struct, frozen=True, array_like=True):
    """An adaptive window over a series.

    ``rows[i]`` are buckets of ``2 ** i`` scores each, the oldest first. ``seen`` counts all scores, those that left the
    window, too; ``variance`` is the sum of squared distances from the window's mean.
    """

    seen: int = 0
    width: int = 0
    total: float = 0.0
    variance: float = 0.0
    rows: tuple[tuple[Bucket, ...], ...] = ((),)

    @property
    def mean(self) -> float:
        """The mean of the window's scores; 0 while there is none."""
        return self.total / self.width if self.width else 0.0


class Change(Struct, frozen=True, array_like=True):
    """A change of a series: when, after how many scores, and the means before and after it.

    ``window`` is the number of scores after it, ``run_id`` the run whose score made it certain.
    """

    at_ms: int
    seen: int
    before: float
    after: float
    window: int
    run_id: str


class Equality(Struct, frozen=True, array_like=True):
    """Bets that answers of a model are no longer those of a reference, see ``schemas.tables.equality``.

    ``wealth`` is that of each bet, in an epoch of which ``begun`` pairs are over. ``pairs`` and ``different`` count
    since the ``reference`` is this one. ``limit`` is the wealth that is certain enough, ``diverged`` whether it was
    reached.
    """

    reference: str
    limit: float
    wealth: tuple[float, ...] = ()
    begun: int = 0
    pairs: int = 0
    different: int = 0
    diverged: bool = False


class Series(Struct, frozen=True, array_like=True):
    """A series of scores.

    ``first`` and ``recent`` are histograms of scores in tenths: of the first ``REFERENCE`` ones, and of the last full
    block of as many; ``block`` is the one that fills. ``newest_ms`` is the time of the newest score. ``changes`` are
    the newest changes, the oldest of them first, and ``changed`` counts all. ``equality`` is there where answers are
    compared with those of a reference.
    """

    window: Window = Window()
    changes: tuple[Change, ...] = ()
    changed: int = 0
    first: tuple[int, ...] = ()
    recent: tuple[int, ...] = ()
    block: tuple[int, ...] = ()
    newest_ms: int = 0
    equality: Equality | None = None


Value = Series | int


def series_field(scorer: str, dimension: str, value: str) -> Entry[Series]:
    """Return the entry of a series of a prompt: a scorer's scores by ``version``, ``workflow`` or ``model``."""
    return entry(f"{SERIES}{scorer}/{dimension}/{value}")


def parse_series_field(field: str) -> tuple[str, str, str]:
    """Return scorer, dimension and value of a series' entry. A scorer's name has no ``/``."""
    scorer, _, rest = field.removeprefix(SERIES).partition("/")
    dimension, _, value = rest.partition("/")
    return scorer, dimension, value


def prompt_entity(group: str) -> str:
    """Return the entity of a prompt's series; ``group`` is ``<organisation>:<prompt>``."""
    return f"{PROMPT_PREFIX}{group}"


def answer_entity(call: str, scorer: str) -> str:
    """Return the entity that remembers one scorer's score of one answer."""
    return f"{ANSWER_PREFIX}{call}/{scorer}"


def encode(value: Value) -> bytes:
    """Return an entry's stored bytes; floats come back as they were."""
    return msgspec.msgpack.encode(value)


def decode(field: str, data: bytes) -> Any:
    """Return what ``encode`` was given. Raises ``KeyError`` for an entry that is none of ours."""
    if field.startswith(SERIES):
        return _SERIES.decode(data)
    return _NUMBERS[field].decode(data)


_SERIES = msgspec.msgpack.Decoder(Series)
_NUMBERS: dict[str, msgspec.msgpack.Decoder[int]] = {BEGUN: msgspec.msgpack.Decoder(int)}
