"""``admissions``: who asks for a turn, who gives it back, and how many there are. Key: organisation.

All organisations share one partition, so that it is decided in one order whose run is next. What speaks of no
organisation has the key ``EVERYBODY``.
"""

from typing import ClassVar

from schemas.records.base import Int64, Millis, Record
from schemas.records.flow import RunFlow

#: The key of records that speak of no organisation; no organisation is called so.
EVERYBODY = "*"


class _OfRun(Record, frozen=True, kw_only=True):
    org_id: str
    run_id: str
    workflow_name: str


class AdmissionAsked(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="admission.asked"):
    """A queued run waits for its admission. ``project`` is empty for a run of no project.

    With ``flow`` it first passes the gates of its workflow. If it is not ``limited`` they are all that it waits for: no
    limit of its organisation and no pool counts it.
    """

    type: ClassVar[str] = "admission.asked"
    project: str = ""
    flow: RunFlow | None = None
    limited: bool = True


class AdmissionReleased(_OfRun, frozen=True, kw_only=True, tag_field="type", tag="admission.released"):
    """A run is over: it gives its place back, or leaves the line."""

    type: ClassVar[str] = "admission.released"


class LimitsSet(Record, frozen=True, kw_only=True, tag_field="type", tag="limits.set"):
    """How many runs of an organisation, and of its workflows and projects by name, may run at once.

    All that is not named is free. The newest ``version`` of an organisation's limits replaces all of them.
    """

    type: ClassVar[str] = "limits.set"
    org_id: str
    version: Int64
    max_running_runs: Int64 | None = None
    workflows: dict[str, Int64] = {}
    projects: dict[str, Int64] = {}


class PoolSet(Record, frozen=True, kw_only=True, tag_field="type", tag="pool.set"):
    """How many runs of all organisations, of those that ask, may run at once; 0 is any number."""

    type: ClassVar[str] = "pool.set"
    size: Int64


class AdmissionContinued(Record, frozen=True, kw_only=True, tag_field="type", tag="admission.continued"):
    """There is more to admit than one record admits; this one goes on with it."""

    type: ClassVar[str] = "admission.continued"


class FlowDue(Record, frozen=True, kw_only=True, tag_field="type", tag="flow.due"):
    """The timer of a key of flow control is due, or there is more to let through it than one record lets."""

    type: ClassVar[str] = "flow.due"
    org_id: str
    key: str
    due_ms: Millis = 0


AdmissionEvent = AdmissionAsked | AdmissionReleased | LimitsSet | PoolSet | AdmissionContinued | FlowDue
