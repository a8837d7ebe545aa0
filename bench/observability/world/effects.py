"""What happens to a step in the model world, beside what its definition says: the places where the injector acts."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """What happens to one step of one run.

    ``salt`` changes its answer. ``bad``: the answer is wrong in a way that strict nodes notice. ``cached``: an
    earlier answer stands in, of that kind. ``error``: every try fails with this code. ``stepped_from``: a tier that was
    too dear. ``guard``: the code of a guard. ``slower``: factor of its time. ``quota_ms``: how long it waits for a
    quota. ``tokens``: factor of its answer's length. ``route``: another route than the defined one. ``lacks``: the name
    of an input that the run was not given.
    """

    salt: str = ""
    bad: bool = False
    cached: str = ""
    error: str = ""
    stepped_from: str = ""
    guard: str = ""
    slower: float = 1.0
    quota_ms: float = 0.0
    tokens: float = 1.0
    route: tuple[str, str] | None = None
    lacks: str = ""


NONE = Effect()
#: ``effects(node id, index of the child or -1, number of the turn or 0)``.
Effects = Callable[[str, int, int], Effect]


def nothing(*_: str | int) -> Effect:
    """Return the effect of a step to which nothing happens."""
    return NONE
