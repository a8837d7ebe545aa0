"""One suggestion: what would change, what that is worth, on which evidence, and what may go wrong."""

import hashlib
from typing import Any, Literal

import orjson
from msgspec import Struct

from services.optimizer.facts import Group, Place
from services.optimizer.saving import Saving

Kind = Literal["switch", "downgrade", "cache", "trim", "schedule", "batch"]
Risk = Literal["low", "medium", "high"]

#: A saving below this share of a group's cost is not worth a change.
LEAST_SHARE = 0.01


class Evidence(Struct, frozen=True, kw_only=True):
    """What a suggestion rests on. ``calls`` is the size of the sample, ``facts`` are its figures."""

    calls: int
    runs: int
    from_ms: int
    to_ms: int
    facts: dict[str, Any]


class Suggestion(Struct, frozen=True, kw_only=True):
    """A change of one node's definition.

    ``change`` are fields of its config with their new values, under ``policy`` those of its policy; ``None`` where no
    field does it, and people must.
    ``freed_nano`` is what each call would hold less of its budgets.
    """

    kind: Kind
    place: Place
    title: str
    change: dict[str, Any] | None
    saving: Saving
    cost_nano: int
    risk: Risk
    because: str
    evidence: Evidence
    freed_nano: int = 0

    @property
    def id(self) -> str:
        """The same change of the same node has the same id."""
        named = orjson.dumps([self.kind, list(self.place), self.change], option=orjson.OPT_SORT_KEYS)
        return f"{self.kind}-{hashlib.sha256(named).hexdigest()[:16]}"

    @property
    def pays(self) -> bool:
        """Whether the whole interval is a saving, and a visible one."""
        return self.saving.low_nano > 0 and self.saving.amount_nano >= LEAST_SHARE * self.cost_nano


def evidence(group: Group, **facts: Any) -> Evidence:
    """Return the evidence that a group of calls is."""
    calls = group.calls
    return Evidence(
        calls=len(calls),
        runs=len({call.run_id for call in calls}),
        from_ms=calls[0].at_ms,
        to_ms=calls[-1].at_ms,
        facts=facts,
    )
