"""Runs: submission, reading, listing and cancellation."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from schemas.api_models.base import Answer, Cents, Request, RunLinks, Tags, TagValue
from schemas.api_models.definitions import BudgetStatus
from schemas.api_models.security.policies import PinnedSecurity
from schemas.budgets import RESERVED_TAGS
from schemas.run_states import RunState, StepState
from schemas.spec.model import MAX_DEADLINE_MS, NAME_PATTERN, NodeKind
from schemas.tables.wait_reasons import WaitKind

MAX_ID_LENGTH = 256
"""Maximum length of a submission id or of a source, in characters."""


class SubmitRun(Request):
    """One run to start. A CloudEvent's ``data`` has the same shape.

    Without ``workflow_version`` the newest version runs. ``budget_cents`` caps the run's spending. ``deadline_ms`` is
    the longest time from its submission to its end; the workflow's own counts if it is less. ``project`` and
    ``end_user`` are for whom it spends: budgets may name them. ``session`` is the thread of runs that it belongs to.
    ``subject`` is your id of the person whose data the run handles: all content is sealed with that person's key, and
    no record has the id. See docs/explanation/erasure.md.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "workflow_name": "document_analysis",
                    "inputs": {"document_key": "sample.txt"},
                    "tags": {"team": "research"},
                    "budget_cents": 1000,
                }
            ]
        },
    )

    workflow_name: str = Field(pattern=NAME_PATTERN)
    workflow_version: int | None = Field(default=None, ge=1, le=1_000_000_000, strict=True)
    inputs: dict[str, Any] = {}
    tags: Tags = {}
    budget_cents: Cents | None = None
    deadline_ms: int | None = Field(default=None, ge=1, le=MAX_DEADLINE_MS, strict=True)
    project: TagValue | None = Field(default=None, min_length=1)
    end_user: TagValue | None = Field(default=None, min_length=1)
    session: TagValue | None = Field(default=None, min_length=1)
    subject: str | None = Field(default=None, min_length=1, max_length=256)

    @field_validator("tags")
    @classmethod
    def _tags_of_users(cls, tags: dict[str, str]) -> dict[str, str]:
        reserved = ", ".join(sorted(tags.keys() & RESERVED_TAGS))
        if reserved:
            raise ValueError(f"{reserved} cannot be tags: give project, end_user and session; the key is known")
        return tags


class SendSignal(Request):
    """The ``data`` of a CloudEvent that is a signal for a run. Its own ``data`` becomes the step's output."""

    run_id: str = Field(max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")
    name: str = Field(pattern=NAME_PATTERN)
    data: Any = None


class RunAccepted(Answer):
    """The run was accepted and will be executed. ``duplicate``: an earlier submission had the same id."""

    id: str
    workflow_name: str
    workflow_version: int
    status: RunState = "queued"
    duplicate: bool = False
    submitted_at: str | None
    links: RunLinks


class AdmissionForecast(Answer):
    """The decision on a run that is submitted now: it starts at once, or waits in a queue; ``null`` if unknown.

    ``on`` names the limit that is full.
    """

    decision: Literal["start", "queue"] | None
    on: str = ""
    detail: str = ""


class RunDryRun(Answer):
    """The run that a submission would start, or find (``duplicate``). Nothing was stored, and nothing was appended.

    ``id`` is the run's, if the submission has an ``Idempotency-Key``. ``stored_inputs`` would be stored outside of
    records. ``budgets`` are those that limit its calls, as far as its nodes name their models.
    ``cheapest_path_usd`` is what a run with a budget costs at most if all choices are the cheapest; the ``unbounded``
    nodes are not in it. ``security`` is there while the organisation has an active policy.
    """

    dry_run: Literal[True] = True
    id: str | None
    duplicate: bool
    workflow_name: str
    workflow_version: int
    definition_hash: str
    required_inputs: list[str]
    stored_inputs: list[str]
    admission: AdmissionForecast
    budgets: list[BudgetStatus]
    budget_cents: str | None
    deadline_ms: int | None
    cheapest_path_usd: str | None = None
    unbounded: list[str] = []
    security: PinnedSecurity | None = None


class Tokens(Answer):
    """Tokens of all calls together. ``kinds`` are parts of them and other counts, by their names in ``Usage``."""

    input: int = 0
    output: int = 0
    kinds: dict[str, int] = {}


class Failure(Answer):
    """The reason why a step or a run failed."""

    code: str
    message: str
    step_id: str | None = None
    details: dict[str, str] = {}


class Waiting(Answer):
    """The reason for a wait: its ``kind``, the name ``on`` of the awaited thing, the latest time, and a sentence."""

    kind: WaitKind
    on: str = ""
    until: str | None = None
    detail: str = ""


class ChildrenAnswer(Answer):
    """A mapped node's children: their number, how many are in each state, and their total use.

    Children that were not requested yet are in none of the states.
    """

    total: int
    running: int = 0
    waiting: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    canceled: int = 0
    cost_cents: str
    cost_usd: str
    tokens: Tokens


class StepAnswer(Answer):
    """One step of a run. ``output`` is present if it was requested (``step_outputs=true``).

    ``note`` explains a decision of the rules: why a step was skipped. ``reused_from`` is the run whose result this step
    reuses. ``child_run_id`` is the run that its last attempt started. ``children`` is present for a mapped node. A run
    shows at most 100 of them; all are at its ``links.steps``.
    """

    id: str
    node_id: str
    type: NodeKind
    status: StepState
    attempts: int
    tokens: Tokens
    cost_cents: str
    cost_usd: str
    provider: str | None = None
    model: str | None = None
    cached: bool = False
    reused_from: str | None = None
    waiting: Waiting | None = None
    note: str | None = None
    sla_missed: bool = False
    children: ChildrenAnswer | None = None
    child_run_id: str | None = None
    output: Any = None
    error: Failure | None = None
    started_at: str | None = None
    finished_at: str | None = None


class ParentAnswer(Answer):
    """The step that started a run; ``detached``: it did not wait for the run's end."""

    run_id: str
    step_id: str
    detached: bool


class RunSummary(Answer):
    """A run as lists show it. Money is exact: decimal strings.

    ``children_cost_…`` is the cost of ended child runs that its steps waited for; it is not part of the run's own cost.
    ``total_cost_…`` is both together.
    ``compensating`` is true while compensation runs after the end.
    """

    id: str
    workflow_name: str
    workflow_version: int
    status: RunState
    cost_cents: str = "0"
    cost_usd: str = "0"
    children_cost_cents: str = "0"
    children_cost_usd: str = "0"
    total_cost_cents: str = "0"
    total_cost_usd: str = "0"
    tokens: Tokens = Tokens()
    tags: dict[str, str] = {}
    project: str | None = None
    submitted_at: str | None
    started_at: str | None = None
    finished_at: str | None = None
    error: Failure | None = None
    parent: ParentAnswer | None = None
    compensating: bool = False
    links: RunLinks


class RunRollout(Answer):
    """The version of a prompt that a run got while a deployment ran in an environment, and its arm."""

    prompt: str
    environment: str
    arm: Literal["stable", "canary"]
    version: int
    deployment_id: str


class RunAnswer(RunSummary):
    """A whole run. ``output`` has the output of every last node by its id, once the run succeeded.

    A value that is too large to travel in records is shown as its reference (``uri``, ``sha256``, ``size``).
    ``rollouts`` is there when the run has part in some.
    """

    inputs: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    steps: list[StepAnswer] = []
    budget_cents: str | None = None
    source: str
    submission_id: str | None = None
    trace_id: str
    rollouts: Annotated[list[RunRollout], Field(exclude_if=lambda value: not value)] = []


class RunPage(Answer):
    """Some runs, newest first. Request again with ``cursor=next_cursor`` for the next ones; ``null`` is the end."""

    runs: list[RunSummary]
    next_cursor: str | None = None


class StepPage(Answer):
    """Some steps of a run. Request again with ``cursor=next_cursor`` for the next ones; ``null`` is the end."""

    steps: list[StepAnswer]
    next_cursor: str | None = None


class SignalAccepted(Answer):
    """The signal is in the log; ``status`` is the run's status at that time. The same ``signal_id`` counts once."""

    id: str
    signal: str
    signal_id: str
    status: RunState
    links: RunLinks


class UpdateAnswer(Answer):
    """An update of a run: ``output`` is what its answering step gave, ``error`` why there is none."""

    id: str
    update: str
    update_id: str
    state: Literal["pending", "answered", "failed"]
    step: str | None = None
    output: Any = None
    error: Failure | None = None


class AnswerApproval(Request):
    """A yes or a no to what a step asks before it calls a tool.

    ``question`` is the one that was shown (its ``waiting_for``); without it the answer is to the one that is open now.
    """

    model_config = ConfigDict(json_schema_extra={"example": {"step": "mail", "approve": True}})

    step: str = Field(min_length=1, max_length=500)
    approve: bool
    question: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")


class ApprovalAccepted(Answer):
    """The answer is in the log. ``asked`` is the call that it is about; ``status`` is the run's status at that time."""

    id: str
    step: str
    approve: bool
    question: str
    asked: str
    signal_id: str
    status: RunState
    links: RunLinks


class CancelRun(Request):
    """The reason for the cancellation."""

    reason: str = Field(default="", max_length=1000)


class CancelAccepted(Answer):
    """The request is in the log; ``status`` is the run's status when it was accepted."""

    id: str
    status: RunState
    links: RunLinks
