"""What a rule of the detectors is: a pattern, a check of what it found, and the words that make it likely."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schemas.privacy.kinds import data_class_of


@dataclass(frozen=True, slots=True)
class Family:
    """Rules that are one set of RE2. The states of its automaton multiply, so put together what is alike.

    A set costs some 2 us/KB. With a ``trigger``, a pattern that is in a text wherever a rule of the family finds
    anything, the set reads only texts that have it, or a key above them that has. Triggers of ``words`` are a set of
    their own. Rules without a family are one with those of their data class.
    """

    name: str
    trigger: str = ""
    words: bool = False


#: Six digits, with little between them. Most texts have none.
DIGITS: Final = Family("digits", r"\d(?:[ .\-/()]{0,3}\d){5}")
#: Letters with digits behind them, as IBANs and many national numbers have.
CODES: Final = Family(
    "codes", r"(?i)[a-z]-?\d\d(?:\d\d|[a-z]\d\d)|[a-z][a-z]\d\d[ \-]?[a-z0-9]{4}|[a-z][a-z] \d\d \d\d \d\d"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Finds one kind of value.

    ``pattern`` has RE2's syntax; keep bounded repeats small, since each costs memory and time. ``group`` is the part of
    a match that is the value. The search continues behind the value, so a pattern may end with what must follow it.
    Rules with the same pattern and group share one search. ``narrow`` gets what the pattern found and returns which
    part of it is the value, ``None`` if none is; ``validate`` gets the value and returns whether it is one.

    ``near`` are words that make the value likely, before it or shortly behind it, or in the key that it stands under.
    They are lower case, whole words, or prefixes when they end with ``*``. With one of them near, the confidence is
    ``confidence``, without one it is ``alone``, and at 0 the value is no finding. ``unless`` are words right before the
    value that say that it is something else.

    ``trigger`` is a pattern that is in every text in which ``pattern`` is, and that costs less in a set of hundreds:
    without counted repeats before its first letters. Rules may share one.

    ``layers``: also in decoded texts. ``keyed``: the pattern has the word itself (``password: …``), so a value in JSON
    is also read behind its key. ``data_class`` is that of the kind when it is empty.
    """

    id: str
    kind: str
    pattern: str
    confidence: float
    group: int = 0
    validate: Callable[[str], bool] | None = None
    near: tuple[str, ...] = ()
    alone: float = 0.0
    unless: tuple[str, ...] = ()
    layers: bool = True
    keyed: bool = False
    data_class: str = ""
    narrow: Callable[[str], tuple[int, int] | None] | None = None
    family: Family | None = None
    trigger: str = ""

    @property
    def of_class(self) -> str:
        """The data class of what it finds."""
        return self.data_class or data_class_of(self.kind)

    @property
    def of_family(self) -> Family:
        """The family whose set it is in."""
        return self.family or Family(self.of_class)
