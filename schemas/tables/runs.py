"""Names of entities and entries in the table ``runs``: its fold writes them, workers and the API read some.

What an entry holds, and how it is written, is in ``streams.core.runs.state.entries``.
"""

#: Entries of the entity of a run, which is named by the run's id.
HEADER = "h"
INPUTS = "in"
STORED_INPUTS = "si"
STATUS = "st"
PROGRESS = "p"
REUSED = "re"
TURNS = "tu"
PARENT = "pa"
SIGNALS = "sig"
STEP_PREFIX = "s:"
#: The entity of a definition, by its hash, and its one entry.
SPEC_PREFIX = "spec:"
SPEC = "spec"


def step_field(step_id: str) -> str:
    """Return the name of a step's entry."""
    return f"{STEP_PREFIX}{step_id}"


def spec_entity(spec_hash: str) -> str:
    """Return the entity of a definition."""
    return f"{SPEC_PREFIX}{spec_hash}"
