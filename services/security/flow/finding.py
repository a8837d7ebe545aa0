"""One thing that a run of a workflow may do against the rules, named with the way that the data takes, and a fix."""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import Problem

FlowRule = Literal["sink", "undeclared", "choice", "rule_of_two", "provider", "policy", "unreadable", "too_large"]
"""``sink``: an argument that decides an effect; ``undeclared``: any argument of a tool of which nothing is declared;
``choice``: whether an effect happens at all; ``rule_of_two``: an agent that reads untrusted data, knows private data
and has an effect; ``provider``: data before a provider that may not have it; ``policy``: what a rule denies
so for another reason; ``unreadable``: a declaration that nobody can read; ``too_large``: too many workflows."""

#: What no default rule denies, and a person may want to know.
_NOTES: frozenset[FlowRule] = frozenset({"choice"})
#: Places of a way that a message names.
SHOWN_PLACES = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a run of the workflow may do against the rules.

    ``path`` is the place in the document, ``node`` the node in it, ``subject`` the tool or the provider. ``way`` are
    the places that the data passes, from where it comes in. ``within`` are the workflows that the node runs, if it is
    in one of those: the way's last place is there. ``asks``: a person is asked first, it depends on values, or the call
    is sent elsewhere. ``data_class`` is the class that goes the way, of a finding about one.
    """

    rule: FlowRule
    path: str
    node: str
    subject: str
    way: tuple[str, ...]
    said: str
    fix: str
    within: tuple[str, ...] = ()
    asks: bool = False
    data_class: str = ""

    @property
    def violates(self) -> bool:
        """Whether a policy that refuses such workflows refuses it."""
        return not self.asks and self.rule not in _NOTES

    @property
    def message(self) -> str:
        """What is wrong, and the way."""
        where = "".join(f"in workflow {one}, " for one in self.within)
        return f"{where}{self.said}" + (f": {shown_way(self.way)}" if self.way else "")

    @property
    def problem(self) -> Problem:
        """The finding as a problem of the document."""
        return Problem(self.path, self.message, self.fix)


def shown_way(way: tuple[str, ...]) -> str:
    """Return a way as people read it; of a long one the places at its ends."""
    if len(way) <= SHOWN_PLACES:
        return " -> ".join(way)
    half = SHOWN_PLACES // 2
    return " -> ".join([*way[:half], f"({len(way) - 2 * half} more)", *way[-half:]])
