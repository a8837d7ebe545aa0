"""Names of entities and entries in the table ``runs``: its fold writes them, workers and the API read some.

What an entry holds, and how it is written, is in ``streams.core.runs.state.entries``.
"""

from collections.abc import Mapping
from typing import Any

from schemas.payload import Reference
from schemas.records.flow import RunFlow
from schemas.records.parents import Parent
from schemas.records.rollouts.arms import RunArm
from schemas.records.rollouts.deployments import RunOutcome
from schemas.run_states import RunState
from schemas.tables.entry import Entry, entry
from schemas.tables.signals import Signals

#: Entries of the entity of a run, which is named by the run's id.
HEADER: Entry[Any] = entry("h")
INPUTS: Entry[dict[str, Any]] = entry("in")
STORED_INPUTS: Entry[Mapping[str, Reference]] = entry("si")
STATUS: Entry[RunState] = entry("st")
PROGRESS: Entry[Any] = entry("p")
REUSED: Entry[tuple[str, ...]] = entry("re")
TURNS: Entry[bool] = entry("tu")
PARENT: Entry[Parent] = entry("pa")
SIGNALS: Entry[Signals] = entry("sig")
CAPS: Entry[dict[str, int]] = entry("ca")
BOUNDS: Entry[dict[str, int]] = entry("pb")
OTHER_CALLS: Entry[Any] = entry("oc")
ARMS: Entry[tuple[RunArm, ...]] = entry("ar")
ARM_OUTCOMES: Entry[tuple[RunOutcome, ...]] = entry("ao")
SECURITY: Entry[Any] = entry("se")
FLOW: Entry[RunFlow] = entry("fl")
STEP_PREFIX = "s:"
#: The entity of a definition, by its hash, and its one entry.
SPEC_PREFIX = "spec:"
SPEC: Entry[Any] = entry("spec")


def spec_entity(spec_hash: str) -> str:
    """Return the entity of a definition."""
    return f"{SPEC_PREFIX}{spec_hash}"
