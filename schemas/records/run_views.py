"""``run-views``: what a reader sees of a run changed, with a version. Key: run id.

A view is a delta: the run's own fields, always, and the steps that changed. ``version`` is the input offset
that made it; readers keep the newest by version, per run and per step, so order and repeats do not matter.
"""

from typing import ClassVar

from schemas.payload import Payload, Reference
from schemas.records.base import ErrorInfo, Int64, Json, Millis, NanoDollars, Part, Record, Usage
from schemas.records.parents import Parent
from schemas.records.rollouts.arms import RunArm
from schemas.run_states import RunState, StepState
from schemas.spec.model import NodeKind


class Children(Part, frozen=True, kw_only=True):
    """How far a mapped node is. ``open`` children are asked for and have not ended; those that failed have ended."""

    total: Int64
    succeeded: Int64 = 0
    failed: Int64 = 0
    open: Int64 = 0


class StepView(Part, frozen=True, kw_only=True):
    """One step as a reader sees it. ``waiting_for`` says on what, ``waiting_until_ms`` until when.

    ``reused_from`` is the run whose result this one began with. ``note`` says why the rules decided as they did, where
    that is not plain: why a step was skipped.
    ``reused_from`` is the run whose result this one began with.
    ``children`` is a mapped node's, as of its last view; steps' own views say it exactly.
    ``child_run_id`` is the run that the last attempt started. ``decided`` is the label of what decided that it runs, in
    records of before November 2026; the run's table has it.
    """

    step_id: str
    node_id: str
    kind: NodeKind
    state: StepState
    attempt: Int64 = 0
    output: Payload | None = None
    error: ErrorInfo | None = None
    usage: Usage = Usage()
    cost_nano: NanoDollars = 0
    provider: str | None = None
    model: str | None = None
    cached: bool = False
    worker_id: str = ""
    requested_at_ms: Millis | None = None
    started_at_ms: Millis | None = None
    finished_at_ms: Millis | None = None
    waiting_for: str | None = None
    waiting_until_ms: Millis | None = None
    reused_from: str | None = None
    note: str | None = None
    children: Children | None = None
    sla_missed: bool = False
    child_run_id: str | None = None
    decided: list[str] | None = None


class RunView(Record, frozen=True, kw_only=True, tag_field="type", tag="run.view"):
    """A run as a reader sees it. ``output`` holds the sink nodes' outputs by node id once it succeeded; a sink
    that was skipped, or failed as an optional node, has none.

    ``stored_inputs`` are those that ``inputs`` has null for, ``None`` if there are none.

    ``inputs``, ``stored_inputs`` and ``output`` are ``None`` where a record does not repeat them: keep the ones from
    before. Several records may share a version; they hold different steps, and the first one has inputs and output.
    Sinks whose output does not fit a record are named by ``output_in_steps``: it is the output of their steps or
    children. ``parent`` is the step that started the run. ``children_nano`` is what the runs did cost that its own
    steps started and waited for; it is no part of ``cost_nano``. Of a run whose data has labels, ``policy`` is
    the policy that decides on it, and ``input_labels`` are those of its inputs; both are where the inputs are.
    ``subject`` is the pseudonym of the person whose data the run handles, if it has one.
    """

    type: ClassVar[str] = "run.view"
    run_id: str
    org_id: str
    version: Int64
    workflow_name: str
    workflow_version: Int64
    status: RunState
    source: str
    submission_id: str | None = None
    body_hash: str
    spec_hash: str
    inputs: dict[str, Json] | None = None
    tags: dict[str, str] = {}
    budget_nano: NanoDollars | None = None
    usage: Usage = Usage()
    cost_nano: NanoDollars = 0
    output: dict[str, Payload] | None = None
    output_in_steps: list[str] = []
    error: ErrorInfo | None = None
    submitted_at_ms: Millis
    started_at_ms: Millis | None = None
    finished_at_ms: Millis | None = None
    trace_id: str
    steps: list[StepView] = []
    compensating: bool = False
    stored_inputs: dict[str, Reference] | None = None
    parent: Parent | None = None
    children_nano: NanoDollars = 0
    rollouts: list[RunArm] = []
    policy: str = ""
    input_labels: dict[str, list[str]] = {}
    subject: str = ""
