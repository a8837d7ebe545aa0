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
#: What was reported of it to its run, as ``CallSettled``; none where the outcome of its step says it.
RUN_REPORT: Entry[Any] = entry("run_report")
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
#: The ids of budgets that are no more, the last ones: a definition of theirs that comes again is ignored.
REMOVED: Entry[tuple[str, ...]] = entry("removed")
#: The parts of moves that were taken in, the last ones: one that comes again is ignored.
ARRIVED: Entry[tuple[str, ...]] = entry("arrived")
REPORTED_PREFIX = "r:"


def reported_entry(budget_id: str) -> Entry[tuple[Report, ...]]:
    """Return the entry of what was reported of a budget, in the window of its last report and the one before."""
    return entry(f"{REPORTED_PREFIX}{budget_id}")


def settled_entity(call_id: str) -> str:
    """Return the entity that remembers a call and its settlement."""
    return f"{SETTLED_PREFIX}{call_id}"


#: Entries of the cap of a run: its amount, what was spent, what is reserved (as of a version), and when the run ended.
CAP: Entry[int] = entry("cap")
CAP_SPENT: Entry[int] = entry("spent")
CAP_RESERVED: Entry[int] = entry("reserved")
CAP_VERSION: Entry[int] = entry("version")
CAP_ENDED: Entry[int] = entry("ended")
#: The entity of a run's cap, and the field of what is held of it among the held amounts of its organisation.
CAP_PREFIX = "run="


def cap_entity(run_id: str) -> str:
    """Return the entity of a run's cap."""
    return f"{CAP_PREFIX}{run_id}"
