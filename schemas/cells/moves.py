"""The move of an organisation to another cell, as a pure state machine of both sides.

The source records ``MoveState``, the target ``ArrivalState``. Each changes in one transaction of its own database, and
the place of the organisation in that cell changes with it:

    source    planned  draining  drained  copying  compared  switching  switched  aborted
    place     here     leaving   frozen   frozen   frozen    frozen     left      here
    target    -        arriving  arriving arriving arriving  arriving   open      discarded

**Invariant**: never do both cells accept submissions. Outside of a move exactly one does; during one the source does
until it drains, the target from its opening on, and nobody in between. The source is *left* only after the target said
that it is open, the target opens only by an order that is sent in ``switching``, and from ``switching`` the source goes
back only if the target said that it will never open.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

MoveState = Literal["planned", "draining", "drained", "copying", "compared", "switching", "switched", "aborted"]
ArrivalState = Literal["arriving", "open", "discarded"]
Place = Literal["here", "leaving", "frozen", "arriving", "left"]

STATES: tuple[MoveState, ...] = get_args(MoveState)
#: States that nothing follows.
ENDED: frozenset[MoveState] = frozenset({"switched", "aborted"})

_NEXT: dict[MoveState, MoveState] = {
    "planned": "draining",
    "draining": "drained",
    "drained": "copying",
    "copying": "compared",
    "compared": "switching",
    "switching": "switched",
}
_PLACES: dict[MoveState, Place] = {
    "planned": "here",
    "draining": "leaving",
    "drained": "frozen",
    "copying": "frozen",
    "compared": "frozen",
    "switching": "frozen",
    "switched": "left",
    "aborted": "here",
}


class NotAllowed(ValueError):
    """A message or a change that the state does not allow; the text says why."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the target knows of a move. ``attempt`` counts the copies; only messages of the newest one count.

    It is announced long before its first copy, so that every process of the target knows of it by then.
    """

    move_id: str
    from_cell: str
    attempt: int
    state: ArrivalState = "arriving"


def following(state: MoveState) -> MoveState:
    """Return the state after this one. Raises ``NotAllowed`` after the end."""
    found = _NEXT.get(state)
    if found is None:
        raise NotAllowed(f"the move is {state}; nothing follows")
    return found


def place_of(state: MoveState) -> Place:
    """Return where the organisation is for the source."""
    return _PLACES[state]


def may_abort(state: MoveState) -> bool:
    """Return whether the source may take the organisation back by itself: the target was not ordered to open."""
    return state not in ENDED and state != "switching"


def accepts(place: Place) -> bool:
    """Return whether a cell takes submissions of an organisation at this place."""
    return place == "here"


def place_of_arrival(arrival: Arrival | None) -> Place | None:
    """Return where the organisation is for the target; ``None`` where it is unknown."""
    if arrival is None or arrival.state == "discarded":
        return None
    return "here" if arrival.state == "open" else "arriving"


def announced(known: Arrival | None, move_id: str, from_cell: str) -> Arrival:
    """Return the arrival of a move that was announced, once or more often. Raises ``NotAllowed`` after its end."""
    return Arrival(move_id, from_cell, 0) if known is None else _arriving(known, "the move was not announced")


def begun(known: Arrival | None, attempt: int) -> Arrival:
    """Return the arrival at the begin of a copy, before which the rows of an earlier one are deleted.

    A begin that comes twice would delete what was copied since, so each has a higher number. Raises ``NotAllowed``.
    """
    arrival = _arriving(known, "the move was not announced")
    if attempt <= arrival.attempt:
        raise NotAllowed(f"copy {attempt} comes after copy {arrival.attempt}")
    return replace(arrival, attempt=attempt)


def takes_part(known: Arrival | None, attempt: int) -> Arrival:
    """Return the arrival that a part of a copy belongs to. Raises ``NotAllowed`` for one of another copy."""
    arrival = _arriving(known, "no copy has begun")
    if attempt != arrival.attempt:
        raise NotAllowed(f"it is of copy {attempt}, and copy {arrival.attempt} is in progress")
    return arrival


def opened(known: Arrival | None, attempt: int) -> Arrival:
    """Return the arrival after the order to open; one that is open stays so. Raises ``NotAllowed``."""
    if known is not None and known.state == "open":
        return known
    return replace(takes_part(known, attempt), state="open")


def discarded(known: Arrival | None, move_id: str, from_cell: str) -> Arrival:
    """Return the arrival after it was called off: it never opens. Raises ``NotAllowed`` for one that is open."""
    if known is None:
        return Arrival(move_id, from_cell, 0, "discarded")
    if known.state == "open":
        raise NotAllowed("the organisation is open in this cell; its move ends by itself")
    return replace(known, state="discarded")


def _arriving(known: Arrival | None, missing: str) -> Arrival:
    """Return an arrival that has not ended. Raises ``NotAllowed``, with ``missing`` where there is none."""
    if known is None:
        raise NotAllowed(missing)
    if known.state != "arriving":
        raise NotAllowed(f"the arrival is {known.state}")
    return known
