"""Comparisons of runs, and causes: requests and answers."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.api_models.base import Answer, Request, Tags, Text
from schemas.run_states import RunState

MAX_GROUP = 200


class RunGroup(Request):
    """Runs by filter, the newest ``limit`` of them. Times are RFC 3339, or spans back from now (``24h``)."""

    workflow: Text | None = Field(default=None, max_length=128)
    status: RunState | None = None
    tags: Tags = {}
    project: Text | None = Field(default=None, min_length=1, max_length=256)
    since: str | None = Field(default=None, max_length=64)
    until: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=MAX_GROUP, ge=1, le=MAX_GROUP, strict=True)


class DiffRequest(Request):
    """Two runs, or two groups of runs. ``a`` and ``b`` are ids of runs or traces, or filters, both of one form.

    ``outputs`` adds what the differing steps of two runs gave.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"a": {"workflow": "w", "since": "48h", "until": "24h"}, "b": {"workflow": "w", "since": "24h"}}
            ]
        },
    )

    a: Text | RunGroup
    b: Text | RunGroup
    outputs: bool = False


class DiffEvidence(Answer):
    """One thing that differs, as both runs have it."""

    kind: str
    what: str
    a: str
    b: str


class DivergenceAnswer(Answer):
    """A step that came out differently for a reason of its own; "" is the run itself.

    ``kind`` is why: ``inputs``, ``definition``, ``prompt``, ``policy``, ``cache``, ``route``, ``environment``,
    ``time``, ``tool_result``, ``model`` or ``unknown``. ``effect`` is what differs: ``output``, only a ``decision``, or
    that one run alone has the step (``only_a``, ``only_b``). ``after_s`` is seconds after the run's start.
    """

    step: str
    kind: str
    effect: str
    after_s: float
    evidence: list[DiffEvidence]


class StepSpent(Answer):
    """The use of a step and of all below it in one run. ``duration`` and ``waited`` are seconds."""

    cost_usd: str
    tokens: int
    input_tokens: int
    output_tokens: int
    calls: int
    attempts: int
    errors: int
    duration: float
    waited: float


class StepDeltaAnswer(Answer):
    """A step in both runs; null where a run has no such step. ``verdict`` is null for one that does not differ."""

    step: str
    type: str
    depth: int
    verdict: Literal["cause", "consequence"] | None
    a: StepSpent | None
    b: StepSpent | None
    output_a: dict[str, Any] | None = None
    output_b: dict[str, Any] | None = None


class CostParts(Answer):
    """A difference of cost in US dollars by factor; the parts add up to it exactly."""

    a_usd: str
    b_usd: str
    difference_usd: str
    volume: str
    retries: str
    cache: str
    route: str
    tokens: str
    price: str


class NodeCostParts(CostParts):
    """The same of one node."""

    node: str


class CostDifference(CostParts):
    """Why one cost more than the other, by node as well, the largest differences first."""

    nodes: list[NodeCostParts]


class ComparedRun(Answer):
    """One side of a comparison. The workflow is null for a trace of another program."""

    id: str
    workflow: str | None
    workflow_version: int | None
    status: str | None
    duration: float
    cost_usd: str
    tokens: int


class RunDiff(Answer):
    """Two runs compared. ``first`` is where they part, null for runs that are ``equal`` but for time and cost."""

    a: ComparedRun
    b: ComparedRun
    equal: bool
    first: DivergenceAnswer | None
    causes: list[DivergenceAnswer]
    consequences: list[str]
    steps: list[StepDeltaAnswer]


class MeasureDifference(Answer):
    """A measure of a node in two groups: means, their difference with its 95% interval, and whether it is no luck.

    ``measure``: ``cost_nano`` (nano-dollars), ``duration_ms``, ``tokens``, ``failed`` (share of runs). The node "" is
    the run. Without bounds there are too few runs.
    """

    node: str
    measure: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    differs: bool


class UsageDifference(Answer):
    """How many runs of each group used a prompt, a route, a cache or a definition."""

    node: str
    what: str
    value: str
    a: int
    b: int


class GroupDiff(Answer):
    """Two groups of runs compared."""

    runs_a: int
    runs_b: int
    differences: list[MeasureDifference]
    usages: list[UsageDifference]


class DiffAnswer(Answer):
    """A comparison: ``runs`` of two runs, or else ``groups``; and why one side cost more."""

    runs: RunDiff | None
    groups: GroupDiff | None
    cost: CostDifference


class SpectrumAnswer(Answer):
    """In how many failed and healthy runs something is, of how many, and its scores from 0 to 1."""

    failed_with: int
    failed: int
    healthy_with: int
    healthy: int
    ochiai: float
    tarantula: float


class CauseCandidate(Answer):
    """A possible cause. ``kind``: ``wrong_output``, ``missing_input``, ``dependency``, ``deploy``, ``quota``,
    ``budget``, ``cache``, ``slow_provider`` or ``guard``. ``what`` is the sign that it rests on, in words.
    """

    step: str
    kind: str
    score: float
    what: str
    spectrum: SpectrumAnswer


class CostBeside(CostDifference):
    """Why a run cost more or less than a usual one: ``a`` is ``usual_run``, ``b`` this run."""

    usual_run: str


class CauseAnswer(Answer):
    """Why a run failed.

    ``verdict``: ``named``, ``unknown`` with a ``reason``, or ``healthy`` for a run that has not failed. ``way`` is from
    the cause to the ``symptom``, the step that ended the run. ``compared_with``: other runs of the workflow.
    """

    run_id: str
    workflow: str
    status: str
    verdict: Literal["healthy", "named", "unknown"]
    error: str | None
    symptom: str | None
    cause: CauseCandidate | None
    way: list[str]
    candidates: list[CauseCandidate]
    reason: str | None
    compared_with: int
    cost: CostBeside | None


class CausesRequest(RunGroup):
    """Runs of one workflow, failed and healthy ones."""

    workflow: Text = Field(max_length=128)


class SharedThingAnswer(Answer):
    """Something that failed runs share; the node "" is the run."""

    node: str
    what: str
    spectrum: SpectrumAnswer


class SharedCauseAnswer(Answer):
    """A cause that was named for some of the failed runs."""

    node: str
    kind: str
    runs: list[str]


class CausesAnswer(Answer):
    """Things that failed runs share and the others have not, best first.

    ``explained`` failed runs were looked at one by one; for ``unexplained`` of them no cause could be named.
    """

    failed: int
    healthy: int
    symptoms: list[SharedThingAnswer]
    causes: list[SharedCauseAnswer]
    things: list[SharedThingAnswer]
    explained: int
    unexplained: int
