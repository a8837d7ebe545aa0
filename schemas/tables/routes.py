"""What the table ``routes`` keeps: its fold writes it, routers read it.

The entity of one *arm group* (organisation, prompt, tier) has one entry with all that was learned there. A decision is
an entity of its own, so that a repeat is told and a late score finds what it is about.
"""

from typing import Final

import msgspec
from msgspec import Struct

from schemas.tables.entry import Entry, entry

ARMS_PREFIX: Final = "arms:"
DECISION_PREFIX: Final = "decision:"


class Arm(Struct, frozen=True, array_like=True):
    """Discounted sums over a route's outcomes: their number, scores, squared scores, costs, estimates, lateness.

    Costs are nano-dollars.
    """

    weight: float = 0.0
    score: float = 0.0
    squares: float = 0.0
    cost: float = 0.0
    estimated: float = 0.0
    late: float = 0.0
    latency_ms: float = 0.0
    failed: float = 0.0


class Learned(Struct, frozen=True, omit_defaults=True):
    """What is known of an arm group after ``count`` outcomes, by route.

    ``price`` is what a call at the ceiling's cost weighs against quality, so that the mean cost keeps to the ceiling;
    ``debt`` is what was spent above the ceiling so far, in ceilings. Both are 0 without one.
    """

    count: int = 0
    price: float = 0.0
    debt: float = 0.0
    arms: dict[str, Arm] = {}


class Decision(Struct, frozen=True, omit_defaults=True):
    """One choice whose outcome was folded: its arm group, its route, the score that counts for it, and its number."""

    group: str
    route: str
    score: float
    number: int


#: The entry of an arm group, and the entries of a decision, beside ``BEGUN``; ``EARLY`` is a score that came before
#: its outcome.
LEARNED: Final[Entry[Learned]] = entry("learned")
DECISION: Final[Entry[Decision]] = entry("decision")
EARLY: Final[Entry[float]] = entry("early")


NOTHING: Final = Learned()
_LEARNED = msgspec.json.Decoder(Learned)
_DECISION = msgspec.json.Decoder(Decision)
_NUMBER = msgspec.json.Decoder(float)


def group_key(org_id: str, prompt: str, tier: str) -> str:
    """Return the name of an arm group, which is the key of its records on ``route-outcomes``."""
    return f"{org_id}:{prompt}:{tier}"


def arms_entity(group: str) -> str:
    """Return the entity of an arm group."""
    return f"{ARMS_PREFIX}{group}"


def decision_entity(decision_id: str) -> str:
    """Return the entity that remembers one choice."""
    return f"{DECISION_PREFIX}{decision_id}"


def encode(value: Learned | Decision | float) -> bytes:
    """Return an entry's stored bytes; floats come back as they were."""
    return msgspec.json.encode(value)


def decode(field: str, data: bytes) -> Learned | Decision | float:
    """Return what ``encode`` was given."""
    if field == LEARNED:
        return decode_learned(data)
    return _DECISION.decode(data) if field == DECISION else _NUMBER.decode(data)


def decode_learned(data: bytes) -> Learned:
    """Return the entry of an arm group."""
    return _LEARNED.decode(data)
