"""What a policy says at one point: a verdict, each decision that made it, and what is to be changed."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from schemas.records.security.pinned import Decision, Verdict

#: Verdicts, strictest first. The last one decides nothing.
STRICTNESS: Final[tuple[Verdict, ...]] = ("deny", "ask", "redact", "route", "allow", "record")
#: Verdicts after which there is no effect, for now at least.
STOPS: Final[tuple[Verdict, ...]] = ("deny", "ask")
#: The rule of decisions that no rule of the document made: facts that cannot be read, and what nothing allows.
ERROR: Final = "error"
DEFAULT: Final = "default"


class Changes(Struct, frozen=True, kw_only=True):
    """What enforced rules change. ``routes`` are the providers that may get a call; ``None``: all."""

    redact: tuple[str, ...] = ()
    redact_classes: frozenset[str] = frozenset()
    routes: tuple[str, ...] | None = None


NOTHING: Final = Changes()


class Ruling(Struct, frozen=True, kw_only=True):
    """The answer of a policy. ``verdict`` is what to do; ``said`` is what all rules said, those in shadow mode too."""

    verdict: Verdict = "allow"
    said: Verdict = "allow"
    decisions: tuple[Decision, ...] = ()
    changes: Changes = NOTHING

    @property
    def deciding(self) -> Decision | None:
        """The first enforced decision with the verdict."""
        return next((one for one in self.decisions if one.enforced and one.verdict == self.verdict), None)

    @property
    def message(self) -> str:
        """Why, in one sentence that names the rule; empty if nothing was decided."""
        one = self.deciding
        if one is None:
            return ""
        return f"rule '{one.rule}': {one.reason}" if one.reason else f"rule '{one.rule}'"


ALLOWED: Final = Ruling()


def strictest(decisions: Sequence[Decision]) -> Verdict:
    """Return the strictest verdict; of none that decides, ``allow``."""
    verdicts = (one.verdict for one in decisions if one.verdict != "record")
    return min(verdicts, key=STRICTNESS.index, default="allow")
