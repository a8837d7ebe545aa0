"""Names of entities and entries in the table ``budgets``: its fold writes them, the Lua of holds reads them.

The entity of an organisation has one entry per spend field and one per counter, see ``schemas.budgets``, and what is
known of its budgets. What the others hold is in ``streams.core.budgets.fold``.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.records.budgets import BudgetDefined
from schemas.tables.entry import Entry, entry

#: The entity of a call.
SETTLED_PREFIX = "settled:"
#: Entries of a call. The second is written once: a checkpoint tells by it which calls began since the one before.
SETTLEMENT: Entry[Any] = entry("settlement")
BEGUN: Entry[int] = entry("b")
#: The entity that timers of holds are armed for.
HOLD = "hold"

Counter = Mapping[int, int]
"""What is spent, in nano-dollars, by the start of a window."""


class DefinedBudget(msgspec.Struct, frozen=True, array_like=True):
    """A budget, and since when it is counted.

    ``since_offset`` is where it was defined. ``since_ms`` is the time from which all is counted: that of the
    definition, or an earlier one when the ledger's amounts are there (``opened``). ``late`` waits for these.
    """

    budget: BudgetDefined
    since_offset: int
    since_ms: int
    opened: bool = False
    late: dict[str, int] = {}


class Report(msgspec.Struct, frozen=True, array_like=True):
    """A threshold that was reported: of which window, and what was spent and allowed by then."""

    window_start: int
    threshold: int
    soft: bool
    spent_nano: int
    limit_nano: int
    at_ms: int


#: Entries of an organisation.
DEFINED: Entry[tuple[DefinedBudget, ...]] = entry("defined")
REPORTED_PREFIX = "r:"


def reported_entry(budget_id: str) -> Entry[tuple[Report, ...]]:
    """Return the entry of what was reported of a budget, in the window of its last report and the one before."""
    return entry(f"{REPORTED_PREFIX}{budget_id}")


def settled_entity(call_id: str) -> str:
    """Return the entity that remembers a call and its settlement."""
    return f"{SETTLED_PREFIX}{call_id}"
