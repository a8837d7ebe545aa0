"""Runs on ``workflow-events.<organisation>``: that one ended, or waits for somebody, for other systems.

They have no inputs, outputs or texts of errors: readers of the topic need not be allowed to read the run. Its
state is at ``/api/v1/workflows/runs/{id}``. The ``id`` of an event is the same each time that it is sent.
"""

from typing import ClassVar, Literal

from schemas.records.base import CloudEvent, Int64, Part

Awaited = Literal["signal", "approval"]


class RunFacts(Part, frozen=True, kw_only=True):
    """The data of an ended run. Costs are dollars as decimal texts, times are RFC 3339.

    ``cost_usd`` is the run's own; ``children_cost_usd`` that of the runs which it started and waited for. Of a run that
    failed, ``error_code`` says why, and ``error_step`` names the step, if it was one.
    """

    run_id: str
    workflow: str
    workflow_version: Int64
    source: str
    submission_id: str | None = None
    tags: dict[str, str] = {}
    parent_run_id: str | None = None
    trace_id: str
    submitted_at: str
    started_at: str | None = None
    finished_at: str | None = None
    cost_usd: str = "0"
    children_cost_usd: str = "0"
    error_code: str | None = None
    error_step: str | None = None


class WaitFacts(Part, frozen=True, kw_only=True):
    """The data of a run that waits: for the signal ``name``, or for a person's answer to the question ``name``.

    ``until`` is when it stops waiting, if it does.
    """

    run_id: str
    workflow: str
    workflow_version: Int64
    tags: dict[str, str] = {}
    trace_id: str
    step_id: str
    awaits: Awaited
    name: str
    until: str | None = None


class RunSucceeded(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="run.succeeded"):
    """A run ended well; ``data`` is ``RunFacts``."""

    type: ClassVar[str] = "run.succeeded"


class RunFailed(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="run.failed"):
    """A run failed; ``data`` is ``RunFacts``."""

    type: ClassVar[str] = "run.failed"


class RunCanceled(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="run.canceled"):
    """A run was canceled; ``data`` is ``RunFacts``."""

    type: ClassVar[str] = "run.canceled"


class RunWaiting(CloudEvent, frozen=True, kw_only=True, tag_field="type", tag="run.waiting"):
    """A step waits for a signal or for a person; ``data`` is ``WaitFacts``."""

    type: ClassVar[str] = "run.waiting"


RunNotice = RunSucceeded | RunFailed | RunCanceled | RunWaiting
