"""Names of entities and entries in the table ``budgets``: its fold writes them, the Lua of holds reads them.

The entity of an organisation has one entry per spend field, see ``schemas.budgets``. What the others hold is in
``streams.core.budgets.fold``.
"""

from typing import Any

from schemas.tables.entry import Entry, entry

#: The entity of a call.
SETTLED_PREFIX = "settled:"
#: Entries of a call. The second is written once: a checkpoint tells by it which calls began since the one before.
SETTLEMENT: Entry[Any] = entry("settlement")
BEGUN: Entry[int] = entry("b")
#: What its run was told of it, as ``CallSettled``; none where the outcome of its step says it.
REPORTED: Entry[Any] = entry("reported")
#: The entity that timers of holds are armed for.
HOLD = "hold"


def settled_entity(call_id: str) -> str:
    """Return the entity that remembers a call and its settlement."""
    return f"{SETTLED_PREFIX}{call_id}"
