"""Answers of the API. Generated from its OpenAPI document by `python -m sdk.generate`; do not edit."""

from decimal import Decimal
from typing import Any

from pydantic import Field

from agentflow.answer import Answer


class PolicyActivation(Answer):
    """One activation. ``name``, ``version`` and ``hash`` are null where it left no policy active."""

    number: int
    name: str | None
    version: int | None
    hash: str | None
    mode: str
    activated_by: str
    activated_at: str | None


class ActivePolicy(Answer):
    """The policy that decides for runs that are submitted now, if there is one, and the activations, newest first."""

    active: PolicyActivation | None
    history: list[PolicyActivation]


class AdmissionForecast(Answer):
    """The decision on a run that is submitted now: it starts at once, or waits in a queue; ``null`` if unknown."""

    decision: str | None
    on: str = ""
    detail: str = ""


class AppliedSuggestion(Answer):
    """A suggestion that was applied: `to_version` is the workflow's version with the change."""

    suggestion_id: str
    kind: str
    workflow: str
    node_id: str
    change: dict[str, Any]
    from_version: int
    to_version: int
    undone_version: int | None
    applied_at: str | None
    undone_at: str | None


class AppliedPage(Answer):
    """Applied suggestions, the newest first."""

    changes: list[AppliedSuggestion]


class RunLinks(Answer):
    """Links from a run to related resources, as paths."""

    self: str
    cancel: str
    steps: str
    events: str
    workflow: str


class ApprovalAccepted(Answer):
    """The answer is in the log."""

    id: str
    step: str
    approve: bool
    question: str
    asked: str
    signal_id: str
    status: str
    links: RunLinks


class AuditCheckpointAnswer(Answer):
    """A signed checkpoint: `note` is a signed note of C2SP `tlog-checkpoint`, the rest is what it says."""

    origin: str
    size: int
    root: str
    at: str | None
    note: str


class AuditCheckpointPage(Answer):
    """Checkpoints, the newest first."""

    checkpoints: list[AuditCheckpointAnswer]


class AuditConsistency(Answer):
    """That the first `old` entries of the log of `size` entries are those of the older log."""

    old: int
    size: int
    hashes: list[str]
    note: str


class AuditEntry(Answer):
    """An entry of the log. `event` is null when retention has removed it; its hash stays."""

    index: int
    kind: str
    at: str | None
    sha256: str
    event: dict[str, Any] | None


class AuditExpired(Answer):
    """The entry that says so is written; the role removes what it names with it, but for legal holds."""

    event_id: str


class AuditHold(Answer):
    """A legal hold: retention removes nothing that it matches."""

    name: str
    reason: str
    kind: str | None
    actor: str | None
    run_id: str | None
    since: str | None
    until: str | None
    created_by: str
    created_at: str | None


class AuditHolds(Answer):
    """The legal holds in force."""

    holds: list[AuditHold]


class AuditKeys(Answer):
    """The public keys that signed checkpoints, the newest first."""

    keys: list[str]


class AuditLines(Answer):
    """Entries as an export has them, from `first` on. `next` is the first of the next page, null at the end."""

    first: int
    lines: list[str]
    next: int | None = None


class AuditPage(Answer):
    """Entries, the newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None = None


class AuditProof(Answer):
    """That the log of `size` entries has an entry. `line` is the entry as an export has it, `note` the checkpoint."""

    index: int
    size: int
    line: str
    leaf: str
    hashes: list[str]
    note: str


class BackfillAnswer(Answer):
    """A backfill. ``submitted`` counts its slots so far, ``problem`` explains why one could not be submitted."""

    id: str
    from_: str | None = Field(alias="from")
    to: str | None
    submitted: int
    problem: str | None = None
    created_at: str | None
    finished_at: str | None = None


class BatchCounts(Answer):
    """Calls of a batch by state; ``open`` are those of which the provider has said nothing yet."""

    open: int = 0
    answered: int = 0
    failed: int = 0
    expired: int = 0
    canceled: int = 0


class BatchAnswer(Answer):
    """A batch. ``provider_id`` is the provider's name of it; ``cost_usd`` is what its calls cost until now."""

    id: str
    provider: str
    model: str
    state: str
    requests: int
    counts: BatchCounts
    cost_usd: Decimal
    cancel_requested: bool
    formed_at: str | None
    submitted_at: str | None
    ended_at: str | None
    provider_id: str | None
    problem: str | None


class BatchCall(Answer):
    """A call of a batch: the step of a run that waits for it, or has its answer. ``open`` as in ``BatchCounts``."""

    call_id: str
    run_id: str
    step_id: str
    attempt: int
    state: str
    cost_usd: Decimal
    ended_at: str | None


class BatchCallPage(Answer):
    """Calls of a batch, in the order of their ids."""

    calls: list[BatchCall]
    next_cursor: str | None


class BatchPage(Answer):
    """Batches, newest first."""

    batches: list[BatchAnswer]


class BillGroup(Answer):
    """A group: its value of each dimension; empty where a call has none."""

    calls: int
    input_tokens: int
    output_tokens: int
    amount_usd: Decimal
    presumed_usd: Decimal
    values: dict[str, str]


class BillSums(Answer):
    """The sums of a group of calls. ``presumed_usd`` is the part that is an estimate, since no actual cost came."""

    calls: int
    input_tokens: int
    output_tokens: int
    amount_usd: Decimal
    presumed_usd: Decimal


class BillAnswer(Answer):
    """A bill. ``total`` is that of all calls of the time, which the groups add up to."""

    since: str | None
    until: str | None
    group_by: list[str]
    currency: str = "USD"
    total: BillSums
    groups: list[BillGroup]


class BudgetAnswer(Answer):
    """A budget. Money is exact: decimal strings. Each change raises ``version`` by one."""

    id: str
    name: str
    scope: str
    target: str | None
    period: str
    timezone: str
    week_start: str
    sliding: bool
    limit_cents: Decimal
    limit_usd: Decimal
    soft_limit_cents: Decimal | None
    soft_limit_usd: Decimal | None
    on_exceeded: str
    thresholds: list[int]
    paused: bool
    version: int
    created_at: str | None
    updated_at: str | None


class BudgetForecast(Answer):
    """The spend of a budget's window at its end, in US dollars; `low` and `high` bound 80 of 100 cases."""

    id: str
    window: str
    window_ends_at: str | None
    spent_usd: Decimal
    limit_usd: Decimal
    forecast_usd: Decimal | None
    low_usd: Decimal | None
    high_usd: Decimal | None
    interval_percent: int = 80
    past_slots: int


class BudgetPage(Answer):
    """All budgets of the organisation."""

    budgets: list[BudgetAnswer]


class BudgetStatus(Answer):
    """A budget in its current window. ``held`` is reserved for calls in flight; ``remaining`` is never negative."""

    id: str
    name: str
    scope: str
    target: str | None
    period: str
    timezone: str
    week_start: str
    sliding: bool
    limit_cents: Decimal
    limit_usd: Decimal
    soft_limit_cents: Decimal | None
    soft_limit_usd: Decimal | None
    on_exceeded: str
    thresholds: list[int]
    paused: bool
    version: int
    created_at: str | None
    updated_at: str | None
    window: str
    state: str
    spent_cents: Decimal
    spent_usd: Decimal
    held_cents: Decimal
    held_usd: Decimal
    remaining_cents: Decimal
    remaining_usd: Decimal
    next_window_at: str | None
    counted_since: str | None


class BulkDone(Answer):
    """A run on which the action was done, ``already`` by an earlier request. ``run_id`` is the new run of a retry."""

    id: str
    run_id: str | None = None
    already: bool = False


class BulkProblem(Answer):
    """A run on which the action failed, and why."""

    id: str
    message: str


class BulkAnswer(Answer):
    """``total`` counts all matching runs, ``ids`` are those of this call."""

    action: str
    dry_run: bool
    total: int
    ids: list[str]
    done: list[BulkDone] = []
    problems: list[BulkProblem] = []
    next_cursor: str | None = None


class CacheScope(Answer):
    """The counts of one workflow, prompt or model (``provider/model``)."""

    hits: int
    misses: int
    entries: int
    bytes: int
    saved_usd: Decimal
    kind: str
    name: str


class CacheAnswer(Answer):
    """The organisation's cached answers."""

    hits: int
    misses: int
    entries: int
    bytes: int
    saved_usd: Decimal
    hits_by_kind: dict[str, int]
    max_bytes: int
    scopes: list[CacheScope]


class CachePurged(Answer):
    """The answers that were removed. Answers to calls that were in flight are not stored."""

    entries: int
    bytes: int


class CancelAccepted(Answer):
    """The request is in the log; ``status`` is the run's status when it was accepted."""

    id: str
    status: str
    links: RunLinks


class CaseAnswer(Answer):
    """One case."""

    id: str
    inputs: dict[str, Any]
    expected: Any = None
    tags: list[str] = []
    cluster: str = ""
    labels: dict[str, list[str]] = {}


class CasePage(Answer):
    """Cases of a version, in order."""

    cases: list[CaseAnswer]
    next_cursor: str | None


class SpectrumAnswer(Answer):
    """In how many failed and healthy runs something is, of how many, and its scores from 0 to 1."""

    failed_with: int
    failed: int
    healthy_with: int
    healthy: int
    ochiai: float
    tarantula: float


class CauseCandidate(Answer):
    """A possible cause."""

    step: str
    kind: str
    score: float
    what: str
    spectrum: SpectrumAnswer


class NodeCostParts(Answer):
    """The same of one node."""

    a_usd: Decimal
    b_usd: Decimal
    difference_usd: Decimal
    volume: str
    retries: str
    cache: str
    route: str
    tokens: str
    price: str
    node: str


class CostBeside(Answer):
    """Why a run cost more or less than a usual one: ``a`` is ``usual_run``, ``b`` this run."""

    a_usd: Decimal
    b_usd: Decimal
    difference_usd: Decimal
    volume: str
    retries: str
    cache: str
    route: str
    tokens: str
    price: str
    nodes: list[NodeCostParts]
    usual_run: str


class CauseAnswer(Answer):
    """Why a run failed."""

    run_id: str
    workflow: str
    status: str
    verdict: str
    error: str | None
    symptom: str | None
    cause: CauseCandidate | None
    way: list[str]
    candidates: list[CauseCandidate]
    reason: str | None
    compared_with: int
    cost: CostBeside | None


class SharedCauseAnswer(Answer):
    """A cause that was named for some of the failed runs."""

    node: str
    kind: str
    runs: list[str]


class SharedThingAnswer(Answer):
    """Something that failed runs share; the node "" is the run."""

    node: str
    what: str
    spectrum: SpectrumAnswer


class CausesAnswer(Answer):
    """Things that failed runs share and the others have not, best first."""

    failed: int
    healthy: int
    symptoms: list[SharedThingAnswer]
    causes: list[SharedCauseAnswer]
    things: list[SharedThingAnswer]
    explained: int
    unexplained: int


class Tokens(Answer):
    """Tokens of all calls together. ``kinds`` are parts of them and other counts, by their names in ``Usage``."""

    input: int = 0
    output: int = 0
    kinds: dict[str, int] = {}


class ChildrenAnswer(Answer):
    """A mapped node's children: their number, how many are in each state, and their total use."""

    total: int
    running: int = 0
    waiting: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    canceled: int = 0
    cost_cents: Decimal
    cost_usd: Decimal
    tokens: Tokens


class ComparedRun(Answer):
    """One side of a comparison. The workflow is null for a trace of another program."""

    id: str
    workflow: str | None
    workflow_version: int | None
    status: str | None
    duration: float
    cost_usd: Decimal
    tokens: int


class CostDifference(Answer):
    """Why one cost more than the other, by node as well, the largest differences first."""

    a_usd: Decimal
    b_usd: Decimal
    difference_usd: Decimal
    volume: str
    retries: str
    cache: str
    route: str
    tokens: str
    price: str
    nodes: list[NodeCostParts]


class CredentialsAnswer(Answer):
    """A stored key, as far as it is shown. ``fingerprint`` are the first 16 digits of the key's SHA-256."""

    provider: str
    fingerprint: str
    created_at: str | None
    rotated_at: str | None
    last_used_at: str | None


class CredentialsPage(Answer):
    """All keys of providers that the organisation has stored."""

    credentials: list[CredentialsAnswer]


class DatasetAnswer(Answer):
    """A version of a dataset. ``hash`` covers its cases in order; ``author`` is the id of a key."""

    id: str
    name: str
    version: int
    hash: str
    cases: int
    author: str
    message: str
    created_at: str | None


class DatasetFromRuns(Answer):
    """A version that was made of runs; ``skipped`` says how many of their steps became no case, by reason."""

    id: str
    name: str
    version: int
    hash: str
    cases: int
    author: str
    message: str
    created_at: str | None
    skipped: dict[str, int]
    redacted: dict[str, dict[str, int]]


class DatasetPage(Answer):
    """Datasets, or versions of one."""

    datasets: list[DatasetAnswer]


class DeclaredSecurity(Answer):
    """The declarations of a tool, which policies read."""

    declared: bool
    source: list[str]
    fields: dict[str, list[str]]
    readers: dict[str, str]
    effects: bool
    sinks: dict[str, str]
    reads_when: dict[str, list[str]]
    pure: bool
    endorses: bool


class DeliveryAnswer(Answer):
    """One event for a webhook. ``pending``: it is sent at ``due_at``, or after those of its subject before it."""

    number: int
    event_id: str
    event_type: str
    subject: str
    state: str
    tries: int
    status: int | None
    error: str | None
    due_at: str | None
    created_at: str | None
    ended_at: str | None


class DeliveryPage(Answer):
    """Deliveries, newest first."""

    deliveries: list[DeliveryAnswer]
    next_cursor: str | None = None


class DependencyState(Answer):
    """One dependency: its state, and how long the check took."""

    status: str
    ms: float
    error: str | None = None


class DeploymentDecision(Answer):
    """The newest decision: ``text`` says why, ``by`` is the id of a key where somebody did it by hand."""

    number: int
    status: str
    reason: str
    text: str
    by: str
    at: str | None


class MetricRuleAnswer(Answer):
    """How a metric is judged, see ``MetricRuleChange``. ``scale`` is the difference that the test finds best."""

    alpha: float
    margin: float
    tolerated: float
    scale: float


class DeploymentPlan(Answer):
    """The plan, which never changes while the deployment runs. Without ``entity`` runs are assigned by their ids."""

    mode: str
    steps: list[float]
    entity: str | None
    rules: dict[str, MetricRuleAnswer]
    brake_alpha: float
    promotion_alpha: float
    step_runs: int
    step_ms: int
    least_runs: int
    least_ms: int
    most_ms: int
    outcome_ms: int
    score_ms: int


class EvidenceAnswer(Answer):
    """Evidence as the logarithm of an e-value, valid at every look, and how much of it decides."""

    has: float
    needed: float


class MetricAnswer(Answer):
    """A metric of both versions, as means in ``unit``; of cost and latency geometric ones."""

    metric: str
    unit: str
    stable: float
    canary: float
    stable_runs: int
    canary_runs: int
    harm: float
    low: float
    high: float
    margin: float
    alpha: float
    worse: EvidenceAnswer
    not_worse: EvidenceAnswer
    verdict: str


class SplitAnswer(Answer):
    """How runs, or entities, were split, and the evidence that it was not by the plan's shares."""

    stable: int
    canary: int
    wrong: EvidenceAnswer
    alarmed: bool


class DeploymentStatistics(Answer):
    """The figures that decide, of all steps. ``as_of`` is ``now``, or the ``decision`` where only that is left."""

    as_of: str
    runs: int
    awaited_outcomes: int
    awaited_scores: int
    step_runs: list[int]
    metrics: list[MetricAnswer]
    split: SplitAnswer
    brake: EvidenceAnswer


class WaitingReason(Answer):
    """A condition that is missing before the next step or the promotion. ``code`` is a word for programs."""

    code: str
    text: str


class DeploymentAnswer(Answer):
    """A deployment with its statistics, and while it runs what its next step or its promotion waits for."""

    id: str
    prompt: str
    environment: str
    mode: str
    status: str
    stable_version: int | None
    canary_version: int
    step: int
    steps: int
    share: float
    project: str | None
    message: str
    started_by: str
    started_at: str | None
    ended_at: str | None
    decision: DeploymentDecision | None
    problem: str | None
    plan: DeploymentPlan
    statistics: DeploymentStatistics | None
    waiting: list[WaitingReason]


class DeploymentLine(Answer):
    """A deployment as lists show it. ``step`` counts from 1, ``share`` is the canary's in it."""

    id: str
    prompt: str
    environment: str
    mode: str
    status: str
    stable_version: int | None
    canary_version: int
    step: int
    steps: int
    share: float
    project: str | None
    message: str
    started_by: str
    started_at: str | None
    ended_at: str | None
    decision: DeploymentDecision | None
    problem: str | None


class DeploymentPage(Answer):
    """Deployments, the newest first."""

    deployments: list[DeploymentLine]
    next_cursor: str | None


class MeasureDifference(Answer):
    """A measure of a node in two groups: means, their difference with its 95% interval, and whether it is no luck."""

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


class DiffEvidence(Answer):
    """One thing that differs, as both runs have it."""

    kind: str
    what: str
    a: str
    b: str


class DivergenceAnswer(Answer):
    """A step that came out differently for a reason of its own; "" is the run itself."""

    step: str
    kind: str
    effect: str
    after_s: float
    evidence: list[DiffEvidence]


class StepSpent(Answer):
    """The use of a step and of all below it in one run. ``duration`` and ``waited`` are seconds."""

    cost_usd: Decimal
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
    verdict: str | None
    a: StepSpent | None
    b: StepSpent | None
    output_a: dict[str, Any] | None = None
    output_b: dict[str, Any] | None = None


class RunDiff(Answer):
    """Two runs compared. ``first`` is where they part, null for runs that are ``equal`` but for time and cost."""

    a: ComparedRun
    b: ComparedRun
    equal: bool
    first: DivergenceAnswer | None
    causes: list[DivergenceAnswer]
    consequences: list[str]
    steps: list[StepDeltaAnswer]


class DiffAnswer(Answer):
    """A comparison: ``runs`` of two runs, or else ``groups``; and why one side cost more."""

    runs: RunDiff | None
    groups: GroupDiff | None
    cost: CostDifference


class Effect(Answer):
    """The effect of a call outside AgentFlow."""

    pure: bool
    idempotency_key: bool
    reconcile: bool


class ErasureReceipt(Answer):
    """A person's key is destroyed. ``first``: by this request; a repeat changes nothing."""

    subject: str
    erased_at: str
    first: bool
    runs_canceled: int
    audit_event: str
    in_force_within_s: float


class Progress(Answer):
    """Answers that are there, those that failed among them, and how many there will be."""

    done: int
    failed: int
    total: int


class Scorer(Answer):
    """A scorer of answers. ``name`` is its kind where it is empty, and no other scorer of the evaluation has it."""

    kind: str
    name: str = ""
    weight: float = 1.0
    options: dict[str, Any] = {}


class EvaluationAnswer(Answer):
    """An evaluation with how far it is. ``error`` is why its run failed."""

    id: str
    prompt: str
    version: int
    against: int | None
    dataset: str
    cases: int
    repeats: int
    run_id: str
    author: str
    project: str | None
    created_at: str | None
    ended_at: str | None
    state: str
    progress: Progress
    cost_usd: Decimal
    scorers: list[Scorer]
    quality: str
    fail_under: float | None
    error: str | None
    passed: bool | None
    failures: list[str]
    report: dict[str, Any] | None


class EvaluationCancelAccepted(Answer):
    """The cancel of its run is in the log; ``state`` is the evaluation's state when it was accepted."""

    id: str
    run_id: str
    state: str


class EvaluationLine(Answer):
    """An evaluation in a list. ``state`` is that of its run."""

    id: str
    prompt: str
    version: int
    against: int | None
    dataset: str
    cases: int
    repeats: int
    run_id: str
    author: str
    project: str | None
    created_at: str | None
    ended_at: str | None
    state: str


class EvaluationPage(Answer):
    """Evaluations, the newest first. ``next_cursor`` is null on the last page."""

    evaluations: list[EvaluationLine]
    next_cursor: str | None


class EvaluationSummary(Answer):
    """An evaluation as lists show it. ``dataset`` is ``name@version``; ``against`` may be null."""

    id: str
    prompt: str
    version: int
    against: int | None
    dataset: str
    cases: int
    repeats: int
    run_id: str
    author: str
    project: str | None
    created_at: str | None
    ended_at: str | None


class ProblemPart(Answer):
    """One invalid part of the request: its path, the problem, and how to fix it."""

    path: str
    message: str
    fix: str = ""


class EventRefused(Answer):
    """The error of an event of a batch, with the ``type`` and the words that it would have alone."""

    type: str
    status: int
    detail: str
    problems: list[ProblemPart] = []


class RunAccepted(Answer):
    """The run was accepted and will be executed. ``duplicate``: an earlier submission had the same id."""

    id: str
    workflow_name: str
    workflow_version: int
    status: str = "queued"
    duplicate: bool = False
    submitted_at: str | None
    links: RunLinks


class EventOutcome(Answer):
    """The outcome of one event: its ``run``, or ``error``. ``index`` is its place in the batch, from 0."""

    index: int
    source: str | None = None
    id: str | None = None
    run: RunAccepted | None = None
    error: EventRefused | None = None


class EventsTaken(Answer):
    """The outcomes of a batch, in its order. It may be sent again: events that were accepted are the same runs."""

    accepted: int
    refused: int
    events: list[EventOutcome]


class FactsVersionLine(Answer):
    """One version of an organisation's facts."""

    version: int
    created_by: str
    created_at: str | None
    entries: int


class FactsVersionPage(Answer):
    """All versions, the newest first."""

    versions: list[FactsVersionLine]


class Failure(Answer):
    """The reason why a step or a run failed."""

    code: str
    message: str
    step_id: str | None = None
    details: dict[str, str] = {}


class ToolEntry(Answer):
    """One tool or function. ``arguments`` and ``config`` are JSON schemas; only a class has a ``config``."""

    name: str
    summary: str
    doc: str
    arguments: dict[str, Any]
    config: dict[str, Any] | None
    effect: Effect
    security: DeclaredSecurity


class FunctionPage(Answer):
    """All functions of this API process. ``problems`` list installed packages that could not be loaded, and why."""

    functions: list[ToolEntry]
    problems: list[str]


class Health(Answer):
    """The process is alive."""

    status: str = "ok"


class HookAnswer(Answer):
    """A request was taken."""

    filtered: bool = False
    run_id: str | None = None
    duplicate: bool = False


class InlinePromptAnswer(Answer):
    """A prompt that is written inside a node: the version that it has, or would get."""

    node: str
    id: str
    hash: str


class Interval(Answer):
    """A figure with its 95% interval. `known` is the share of calls that it rests on, 0 to 1."""

    value: float
    low: float
    high: float
    known: float


class JsonValue(Answer):
    """JsonValue"""


class KeyAnswer(Answer):
    """A key without its secret; ``last4`` are its last characters."""

    id: str
    name: str
    organisation: str
    permissions: list[str]
    last4: str
    created_at: str | None
    project: str | None = None
    scopes: list[str] = []
    expires_at: str | None = None
    requests_per_minute: int | None = None
    last_used_at: str | None = None
    rotated_at: str | None = None
    old_secret_until: str | None = None


class KeyCreated(Answer):
    """A new key, or a new secret of one. ``key`` is shown in this answer only and never stored."""

    id: str
    name: str
    organisation: str
    permissions: list[str]
    last4: str
    created_at: str | None
    project: str | None = None
    scopes: list[str] = []
    expires_at: str | None = None
    requests_per_minute: int | None = None
    last_used_at: str | None = None
    rotated_at: str | None = None
    old_secret_until: str | None = None
    key: str


class KeyPage(Answer):
    """All keys of the organisation that are not revoked."""

    keys: list[KeyAnswer]


class KnownProvider(Answer):
    """The facts of a route. ``null``: nobody says, and a demand for it is not met. ``sources`` are by field."""

    route: str
    regions: list[str] | None
    retention_days: int | None
    trains: bool | None
    certifications: list[str] | None
    sources: dict[str, str]


class LabelAnswer(Answer):
    """A label and the version that it names. ``revision`` counts its moves; ``moved_by`` is the id of a key."""

    name: str
    label: str
    version: int
    revision: int
    moved_by: str
    moved_at: str | None


class LabelMoveEntry(Answer):
    """One move of a label; ``version`` is ``null`` where it was removed."""

    label: str
    version: int | None
    revision: int
    moved_by: str
    moved_at: str | None


class LabelPage(Answer):
    """The labels of a prompt, and their newest 1,000 moves, the newest first."""

    name: str
    labels: list[LabelAnswer]
    moves: list[LabelMoveEntry]


class LabelsAccepted(Answer):
    """How many labels the evaluation has. Its report is made again when it is read."""

    id: str
    labels: int


class LastRun(Answer):
    """The last run that the schedule started, and its slot."""

    slot: str
    run_id: str
    link: str


class LeaseExtended(Answer):
    """The lease lasts for another ``lease_s`` seconds, or its run was ``canceled``: nobody waits for the step."""

    canceled: bool
    lease_s: float


class LeaseReleased(Answer):
    """The step was returned. ``released`` is false if the lease was over before."""

    released: bool


class LeasedWork(Answer):
    """The work: call the tool or function ``name``, made with ``config``. Other kinds have further fields."""

    kind: str
    name: str = ""
    config: dict[str, Any] = {}


class LeasedStep(Answer):
    """An attempt of a step, leased until ``lease_s`` seconds from now."""

    lease: str
    lease_s: float
    run_id: str
    org_id: str
    step_id: str
    node_id: str
    attempt: int
    starts: int
    workflow_name: str
    workflow_version: int
    work: LeasedWork
    args: dict[str, Any]
    idempotency_key: str
    timeout_ms: int | None
    progress: Any
    on_unknown: str
    capture: str
    compensation: bool
    tags: dict[str, str]


class LeasedSteps(Answer):
    """Leased steps; none when no step came in time."""

    leases: list[LeasedStep]


class LetterAnswer(Answer):
    """A dead letter without its value. ``position`` and ``origin`` are written ``topic/partition@offset``."""

    position: str
    at: str | None
    reason: str
    message: str
    origin: str | None
    key: str | None
    attempts: int
    retries: int


class LetterHeader(Answer):
    """A header. A value that is no text is written in hex after ``0x``."""

    name: str
    value: str


class LetterPage(Answer):
    """The newest dead letters, oldest first, and how many there are in all."""

    letters: list[LetterAnswer]
    total: int


class NamedLimit(Answer):
    """The limit of a workflow or a project, and the number of its running runs."""

    max_running_runs: int
    running: int | None


class LimitsAnswer(Answer):
    """The organisation's limits, and the numbers of its running and waiting runs."""

    max_running_runs: int | None
    workflows: dict[str, NamedLimit]
    projects: dict[str, NamedLimit]
    running: int | None
    waiting: int | None
    updated_at: str | None


class LiveJudgeAnswer(Answer):
    """A judge of live answers: its budget, what it has spent of it in 24 hours, and how it agreed with people."""

    scorer: str
    cents_per_day: str
    cents_per_call: str
    spent_cents: Decimal
    calibrated: bool
    calibration: str | None
    labels: int
    agreement: float | None
    kappa: float | None
    warnings: list[str]


class LiveScoreLine(Answer):
    """Live answers of one version by one scorer: mean, number of scores, and answers that it failed to score."""

    version: int
    scorer: str
    mean: float | None
    scored: int
    failed: int
    calibrated: bool | None = None


class LiveScorePage(Answer):
    """Live scores of a prompt since a time, the newest version first."""

    prompt: str
    since: str | None
    scores: list[LiveScoreLine]


class McpServerAnswer(Answer):
    """A declared server; one of the ``installation`` shows its name only. ``pinned`` tools may be called."""

    name: str
    installation: bool
    url: str | None
    headers: dict[str, str]
    description: str
    integrity: str | None
    classes: list[str]
    timeout_ms: int | None
    enabled: bool
    pinned: list[str]
    warnings: list[str] = []
    created_at: str | None
    changed_at: str | None


class McpServerPage(Answer):
    """All servers that the organisation may use, by name."""

    servers: list[McpServerAnswer]


class McpToolAnswer(Answer):
    """A tool as its server lists it now. ``hash`` covers name, title, description and both schemas."""

    name: str
    state: str
    hash: str | None
    pinned_hash: str | None
    fault: str | None
    definition: dict[str, Any]


class McpToolPage(Answer):
    """The tools of a server."""

    tools: list[McpToolAnswer]


class PriceBand(Answer):
    """The prices of calls with more than ``over_input_tokens`` input tokens; -1 is all."""

    over_input_tokens: int
    usd_per_mtok: dict[str, str]
    usd_per_unit: dict[str, str]
    usd_per_request: str


class ModelPrice(Answer):
    """The price of a model. ``version`` names the price list and the table below it, as settlements do."""

    provider: str
    model: str
    version: str
    priced_as: str | None = None
    cost_source: str = "computed"
    context_tokens: int | None
    bands: list[PriceBand]


class MoveAnswer(Answer):
    """A move. ``digests`` are numbers of rows and their hashes in both cells, ``copies`` how many copies were made."""

    id: str
    organisation: str
    to: str
    url: str
    state: str
    aborting: bool
    problem: str
    copies: int
    digests: dict[str, str]
    copy_s: float | None
    started_by: str
    created_at: str
    state_at: str
    ended_at: str | None


class MovePlan(Answer):
    """The plan of a move. ``against`` must be changed first, ``open`` is waited for, ``stays`` stays behind."""

    organisation: str
    to: str
    against: list[str]
    open: dict[str, int]
    stays: list[str]
    behind: dict[str, int] = {}


class MoveRemains(Answer):
    """Rows and objects that an organisation left behind in this cell, by store and table."""

    organisation: str
    cell: str
    counts: dict[str, int]
    removed: dict[str, int]
    stays: list[str]


class TriggerPosition(Answer):
    """How far a partition was submitted. ``lag`` counts the records that were there and are not submitted yet."""

    partition: int
    next_offset: int
    lag: int
    submitted: int
    filtered: int
    refused: int
    updated_at: str | None


class TriggerTopic(Answer):
    """A trigger's topic and how far it was submitted."""

    name: str
    format: str
    start: str
    positions: list[TriggerPosition] = []


class WebhookSource(Answer):
    """How a trigger's requests are checked; ``path`` is the address without what is secret in it."""

    scheme: str
    path: str
    signature_header: str
    idempotency_header: str
    cloudevents: bool
    requests_per_minute: int
    max_bytes: int
    old_secret_until: str | None


class NewTrigger(Answer):
    """A trigger with what its sender needs, shown this once: the path to post to, and the secret of signatures."""

    id: str
    name: str
    kind: str
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, str]
    filter: str
    source: str
    idempotency: str
    subject: str
    tags: dict[str, str]
    project: str | None
    budget_cents: Decimal | None
    webhook: WebhookSource | None
    topic: TriggerTopic | None
    paused: bool
    problem: str | None
    created_by: str
    created_at: str | None
    updated_at: str | None
    address: str | None = None
    secret: str | None = None


class NewWebhook(Answer):
    """A webhook with its new secret, which is shown this once."""

    id: str
    url: str
    description: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    created_by: str
    created_at: str | None
    old_secret_until: str | None
    secret: str


class OrganisationAnswer(Answer):
    """An organisation, with its topic for submissions as records."""

    id: str
    name: str
    submissions_topic: str
    created_at: str | None = None
    jinja_prompts: bool = False


class OrganisationCreated(Answer):
    """A new organisation with its first key."""

    id: str
    name: str
    submissions_topic: str
    created_at: str | None = None
    jinja_prompts: bool = False
    key: KeyCreated


class OrganisationPage(Answer):
    """All organisations."""

    organisations: list[OrganisationAnswer]


class PartialSuccessAnswer(Answer):
    """How many spans were refused, as a text of digits, and why."""

    rejectedSpans: str
    errorMessage: str


class OtlpAnswer(Answer):
    """The answer to spans. ``partialSuccess`` is there when some were refused."""

    partialSuccess: PartialSuccessAnswer | None = None


class OutlierLine(Answer):
    """A run, and the median of its workflow's ``runs``: seconds, or US dollars as a decimal string."""

    trace_id: str
    run_id: str
    workflow: str
    duration: float | None
    cost_usd: Decimal | None
    median: str
    times: float
    score: float
    runs: int


class OutliersFound(Answer):
    """The farthest runs first. ``compared`` is the number of runs that were looked at, 20,000 at most."""

    measure: str
    start: str | None
    end: str | None
    compared: int
    outliers: list[OutlierLine]


class ParentAnswer(Answer):
    """The step that started a run; ``detached``: it did not wait for the run's end."""

    run_id: str
    step_id: str
    detached: bool


class PinnedSecurity(Answer):
    """The policy that a run pins, the labels of its inputs, and the declarations of its tools."""

    policy: str
    mode: str
    inputs: dict[str, list[str]]
    tools: dict[str, DeclaredSecurity]


class PolicyAnswer(Answer):
    """A version. ``document`` is whole: what it extends is written out in it."""

    name: str
    version: int
    hash: str
    created_by: str
    created_at: str | None
    document: dict[str, Any]


class PolicyCoverage(Answer):
    """The calls that the figures rest on. Shares are of calls."""

    calls: int
    runs: int
    from_ms: int
    to_ms: int
    unchanged: float
    evidence: float
    unknown: float
    unpriced: int
    not_reproduced: int
    unhashed: int
    scored: float
    unlabelled: int


class PolicyLane(Answer):
    """The result of a policy."""

    cost_nano: int
    cost_usd: Decimal
    calls: int
    cached: int
    refused: int
    refused_by: dict[str, int]
    not_made: int
    cut_runs: int
    latency_ms: Interval | None
    quality: Interval | None


class PolicyLine(Answer):
    """A version without its document. ``hash`` is that of the document, which runs pin."""

    name: str
    version: int
    hash: str
    created_by: str
    created_at: str | None


class PolicySummary(Answer):
    """A policy: its newest version, and how many there are."""

    name: str
    newest: int
    versions: int
    created_at: str | None


class PolicyPage(Answer):
    """The policies of the organisation, and the activation that counts."""

    active: PolicyActivation | None
    policies: list[PolicySummary]


class PolicyReport(Answer):
    """Three lanes: as it was `recorded`, the `baseline` (the same calls, computed again), and the candidate."""

    recorded_nano: int
    baseline_off_nano: int
    baseline: PolicyLane
    candidate: PolicyLane
    cost_difference_nano: int
    cost_difference_usd: Decimal
    cost_interval_nano: list[Any]
    latency_difference_ms: Interval | None
    quality_difference: Interval | None
    coverage: PolicyCoverage
    replayed_s: float
    took_s: float


class PolicyTestResult(Answer):
    """The verdict of a policy on one case. ``rules`` are those that matched, with their ``reasons``."""

    name: str
    at: str
    expected: str
    verdict: str
    rules: list[str]
    passed: bool
    reasons: list[str]


class PolicyTested(Answer):
    """The results of all tests. ``untested`` are rules that no test has matched."""

    passed: bool
    results: list[PolicyTestResult]
    untested: list[str]


class PolicyVersionPage(Answer):
    """The versions of a policy, the newest first."""

    name: str
    versions: list[PolicyLine]


class PricedTerms(Answer):
    """How a model's calls are priced; without ``bands`` they are refused."""

    bands: list[PriceBand] | None
    priced_as: str | None
    cost_source: str


class PriceChange(Answer):
    """A change for one model that was used: how often, what was booked, and what it would have cost."""

    provider: str
    model: str
    calls: int
    booked_usd: Decimal
    repriced_usd: Decimal | None
    before: PricedTerms
    after: PricedTerms


class PricedAs(Answer):
    """Calls of a model without a price cost what another model's calls cost. ``model`` may be ``*``."""

    provider: str
    model: str
    as_provider: str
    as_model: str


class PriceListAnswer(Answer):
    """One version. It is ``superseded`` when a later one holds, and ``pending`` before its time."""

    version: int
    state: str
    effective_from: str | None
    prices: list[dict[str, Any]]
    priced_as: list[PricedAs]
    cost_source: dict[str, str]
    created_by: str
    created_at: str | None


class PriceListDryRun(Answer):
    """The changes that a list would make; nothing was stored."""

    dry_run: bool = True
    effective_from: str | None
    days: int
    changes: list[PriceChange]


class PriceListLine(Answer):
    """One version: how many prices it has, and rules for models without one."""

    version: int
    state: str
    effective_from: str | None
    prices: int
    priced_as: int
    created_by: str
    created_at: str | None


class PriceListPage(Answer):
    """The versions, the newest first. ``effective`` is the one that holds now; 0 for none."""

    effective: int
    lists: list[PriceListLine]


class PricePage(Answer):
    """The prices of a provider's models at a time."""

    at: str | None
    prices: list[ModelPrice]


class ProjectAnswer(Answer):
    """A project."""

    id: str
    name: str
    archived: bool
    created_at: str | None
    archived_at: str | None = None


class ProjectPage(Answer):
    """The organisation's projects."""

    projects: list[ProjectAnswer]


class PromptAnswer(Answer):
    """One immutable version of a prompt. ``hash`` covers all that changes a request."""

    id: str
    name: str
    version: int
    template: str
    hash: str
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    form: dict[str, Any] | None = None
    project: str | None = None
    author: str = ""
    message: str = ""
    parent: int | None = None
    labels: list[str] = []
    created_at: str | None
    archived_at: str | None = None


class PromptEntry(Answer):
    """A prompt as lists show it: its newest version, and the versions that its labels name."""

    name: str
    version: int
    versions: int
    hash: str
    created_at: str | None
    project: str | None = None
    labels: dict[str, int] = {}
    archived_at: str | None = None


class PromptPage(Answer):
    """The prompts of the organisation."""

    prompts: list[PromptEntry]


class PromptVersionEntry(Answer):
    """A version as lists show it."""

    version: int
    hash: str
    author: str
    message: str
    parent: int | None = None
    labels: list[str]
    created_at: str | None


class PromptVersionPage(Answer):
    """The newest 1,000 versions of a prompt, the newest first."""

    name: str
    archived_at: str | None = None
    versions: list[PromptVersionEntry]


class ProviderFactsAnswer(Answer):
    """The facts that an organisation states of providers; ``version`` is 0 before it did."""

    version: int
    created_by: str
    created_at: str | None
    providers: list[dict[str, Any]]
    shipped: list[dict[str, Any]]
    known: list[KnownProvider]


class QualityChange(Answer):
    """A certain change of a series: the means of the scores before and after it, and how many scores there were."""

    at: str | None
    before: float
    after: float
    scores: int
    run_id: str


class QualityReference(Answer):
    """How far the answers of a model are those of a reference, ``provider/model``."""

    reference: str
    pairs: int
    different: int
    e_value: float
    limit: float
    diverged: bool


class QualitySeries(Answer):
    """A series: of a scorer, by version, workflow or model, and of which one."""

    scorer: str
    by: str
    value: str
    scores: int
    window: int
    mean: float
    stability: float | None
    changes: list[QualityChange]
    reference: QualityReference | None = None
    newest_at: str | None


class QualityPage(Answer):
    """All series of a prompt."""

    prompt: str
    series: list[QualitySeries]


class QualityPoint(Answer):
    """The scores of one scorer in one minute, hour or day, of one version, workflow or model."""

    at: str | None
    scorer: str
    value: str
    scores: int
    mean: float
    deviation: float


class QualityPoints(Answer):
    """Points of a prompt's series since a time, the oldest first."""

    prompt: str
    by: str
    every: str
    since: str | None
    points: list[QualityPoint]


class QueueToolAnswer(Answer):
    """A tool of a queue, which is named as nodes name it, and what is declared of the tool."""

    queue: str
    tool: str
    security: DeclaredSecurity
    declared_by: str
    declared_at: str | None


class QueueToolPage(Answer):
    """All that the organisation declares of tools on queues, by queue and tool."""

    tools: list[QueueToolAnswer]


class QuotaLimits(Answer):
    """The limits of one provider or model, or of all that an organisation calls when neither is named."""

    provider: str | None = None
    model: str | None = None
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    input_tokens_per_minute: int | None = None
    input_tokens_per_day: int | None = None
    output_tokens_per_minute: int | None = None
    output_tokens_per_day: int | None = None
    max_concurrent: int | None = None


class QuotasAnswer(Answer):
    """The organisation's quotas. Workers know a change within a second."""

    limits: list[QuotaLimits]
    updated_at: str | None


class Readiness(Answer):
    """The API's readiness. ``degraded``: an optional dependency does not answer."""

    status: str
    dependencies: dict[str, DependencyState]


class ReconciledLine(Answer):
    """One model on one day."""

    day: str
    model: str
    status: str
    ours_usd: Decimal
    theirs_usd: Decimal
    difference_usd: Decimal
    share: str
    presumed_usd: Decimal
    reason: str | None


class ReconciledSums(Answer):
    """The lines of a status, or of a reason."""

    lines: int
    ours_usd: Decimal
    theirs_usd: Decimal
    difference_usd: Decimal


class Reconciled(Answer):
    """A provider's charges compared with what was booked, by day and model."""

    provider: str
    charges: int
    offset_hours: int
    total: ReconciledSums
    by_status: dict[str, ReconciledSums]
    by_reason: dict[str, ReconciledSums]
    lines: list[ReconciledLine]


class RetentionAnswer(Answer):
    """For how many days ended runs, traces, stored objects and costs of single calls are kept; null: for ever."""

    runs_days: int | None
    traces_days: int
    objects_days: int | None = None
    costs_days: int | None = None
    audit_days: dict[str, int | None] = {}


class RetriedLetter(Answer):
    """One letter: where it went (or would go), or why it cannot return."""

    position: str
    went_to: str | None = None
    problem: str | None = None


class RetriedLetters(Answer):
    """Each letter with its outcome. ``total`` is how many match; a further request takes those over ``limit``."""

    retried: list[RetriedLetter]
    total: int


class RouteCandidate(Answer):
    """A route that could be taken. `probability`, `mean` and `deviation` are those of a learned choice."""

    route: str
    quality: float
    cost_nano: int
    latency_ms: float
    reliability: float
    parts: dict[str, float]
    score: float
    mean: float | None
    deviation: float | None
    probability: float | None
    context_tokens: int


class RouteExcluded(Answer):
    """A model that was no candidate, and why."""

    route: str
    reason: str
    detail: str


class RouteChoice(Answer):
    """One choice."""

    attempt: int
    route: str
    by: str
    tier: str
    policy: str
    models: str
    propensity: float
    seed: str
    learned_from: int
    weights: dict[str, float]
    candidates: list[RouteCandidate]
    excluded: list[RouteExcluded]
    fallbacks: list[str]
    margin: float | None
    recomputes: bool


class RouteEstimate(Answer):
    """A mean reward per decision with its 95% interval."""

    value: float
    low: float
    high: float


class RouteEvaluation(Answer):
    """The reward that the other policy would have earned, by three methods, and that of the logged one."""

    prompt: str
    tier: str
    choices: int
    skipped: int
    scored: int
    effective_sample: float
    clipped: float
    logged: RouteEstimate
    ips: RouteEstimate
    snips: RouteEstimate
    doubly_robust: RouteEstimate


class RouteTry(Answer):
    """One request that a step's call led to: the first, a `fallback` after a failure, or a `hedge` of a slow one."""

    attempt: int
    call_id: str
    kind: str
    route: str
    status: str
    error: str
    cost_nano: int
    latency_ms: float
    why: str
    skipped: list[RouteExcluded]


class RunRollout(Answer):
    """The version of a prompt that a run got while a deployment ran in an environment, and its arm."""

    prompt: str
    environment: str
    arm: str
    version: int
    deployment_id: str


class Waiting(Answer):
    """The reason for a wait: its ``kind``, the name ``on`` of the awaited thing, the latest time, and a sentence."""

    kind: str
    on: str = ""
    until: str | None = None
    detail: str = ""


class StepAnswer(Answer):
    """One step of a run. ``output`` is present if it was requested (``step_outputs=true``)."""

    id: str
    node_id: str
    type: str
    status: str
    attempts: int
    tokens: Tokens
    cost_cents: Decimal
    cost_usd: Decimal
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


class RunAnswer(Answer):
    """A whole run. ``output`` has the output of every last node by its id, once the run succeeded."""

    id: str
    workflow_name: str
    workflow_version: int
    status: str
    cost_cents: Decimal = Decimal("0")
    cost_usd: Decimal = Decimal("0")
    children_cost_cents: Decimal = Decimal("0")
    children_cost_usd: Decimal = Decimal("0")
    total_cost_cents: Decimal = Decimal("0")
    total_cost_usd: Decimal = Decimal("0")
    tokens: Tokens = Field(default_factory=lambda: Tokens.model_validate({"input": 0, "output": 0, "kinds": {}}))
    tags: dict[str, str] = {}
    project: str | None = None
    submitted_at: str | None
    started_at: str | None = None
    finished_at: str | None = None
    error: Failure | None = None
    parent: ParentAnswer | None = None
    compensating: bool = False
    links: RunLinks
    inputs: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    steps: list[StepAnswer] = []
    budget_cents: Decimal | None = None
    source: str
    submission_id: str | None = None
    trace_id: str
    rollouts: list[RunRollout] = []


class RunDryRun(Answer):
    """The run that a submission would start, or find (``duplicate``). Nothing was stored, and nothing was appended."""

    dry_run: bool = True
    id: str | None
    duplicate: bool
    workflow_name: str
    workflow_version: int
    definition_hash: str
    required_inputs: list[str]
    stored_inputs: list[str]
    admission: AdmissionForecast
    budgets: list[BudgetStatus]
    budget_cents: Decimal | None
    deadline_ms: int | None
    cheapest_path_usd: Decimal | None = None
    unbounded: list[str] = []
    security: PinnedSecurity | None = None


class RunForked(Answer):
    """The new run was accepted. ``reused`` are the nodes that it does not execute again."""

    id: str
    workflow_name: str
    workflow_version: int
    status: str = "queued"
    duplicate: bool = False
    submitted_at: str | None
    links: RunLinks
    forked_from: str
    reused: list[str]


class RunHoldAnswer(Answer):
    """A legal hold: neither retention nor a request deletes a run that it matches."""

    name: str
    reason: str
    run_id: str | None
    workflow_name: str | None
    since: str | None
    until: str | None
    created_by: str
    created_at: str | None


class RunHoldPage(Answer):
    """The legal holds in force, by name."""

    holds: list[RunHoldAnswer]


class RunSummary(Answer):
    """A run as lists show it. Money is exact: decimal strings."""

    id: str
    workflow_name: str
    workflow_version: int
    status: str
    cost_cents: Decimal = Decimal("0")
    cost_usd: Decimal = Decimal("0")
    children_cost_cents: Decimal = Decimal("0")
    children_cost_usd: Decimal = Decimal("0")
    total_cost_cents: Decimal = Decimal("0")
    total_cost_usd: Decimal = Decimal("0")
    tokens: Tokens = Field(default_factory=lambda: Tokens.model_validate({"input": 0, "output": 0, "kinds": {}}))
    tags: dict[str, str] = {}
    project: str | None = None
    submitted_at: str | None
    started_at: str | None = None
    finished_at: str | None = None
    error: Failure | None = None
    parent: ParentAnswer | None = None
    compensating: bool = False
    links: RunLinks


class RunPage(Answer):
    """Some runs, newest first. Request again with ``cursor=next_cursor`` for the next ones; ``null`` is the end."""

    runs: list[RunSummary]
    next_cursor: str | None = None


class RunRecordAnswer(Answer):
    """A record of the run."""

    offset: int
    at_ms: int
    record: str


class RunRecordPage(Answer):
    """Some records of a run, in the order of the log."""

    run_id: str
    partition: int
    records: list[RunRecordAnswer]
    next_cursor: str | None = None


class StepWaiting(Answer):
    """An open step, and the reason why it waits."""

    id: str
    node_id: str
    status: str
    waiting: Waiting


class RunWaiting(Answer):
    """The wait reasons of a run's open steps. A run that has ended has none."""

    id: str
    status: str
    waiting: Waiting | None
    steps: list[StepWaiting]
    left_out: int


class RunsWaiting(Answer):
    """The wait reasons of several runs, in the order of the request."""

    runs: list[RunWaiting]
    unknown: list[str]


class ScheduleProblem(Answer):
    """The last slot whose run could not be submitted, and why."""

    slot: str
    message: str


class ScheduleAnswer(Answer):
    """A schedule."""

    id: str
    name: str
    project: str | None
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, Any]
    subject: str | None = None
    tags: dict[str, str]
    budget_cents: Decimal | None
    cron: str | None
    interval_s: int | None
    time_zone: str
    overlap: str
    catchup: str
    catchup_limit: int
    paused: bool
    last_run: LastRun | None
    queued_slot: str | None
    next_runs: list[str]
    skipped: int
    problem: ScheduleProblem | None
    created_at: str | None
    updated_at: str | None


class ScheduleDryRun(Answer):
    """A schedule that would be created or changed. Nothing was stored."""

    dry_run: bool = True
    next_runs: list[str]
    first_run: RunDryRun


class SchedulePage(Answer):
    """Every schedule of the organisation, by name."""

    schedules: list[ScheduleAnswer]


class ScoreAccepted(Answer):
    """The score is in the log. It counts for the routes of `group`, if the node learns them; `counts_for` says all."""

    run_id: str
    step_id: str
    score: float
    group: str | None = None
    counts_for: list[str] = []


class ScoringAnswer(Answer):
    """A prompt's policy. ``changed_by`` is the id of a key; ``judge`` is there where a scorer is a judge."""

    prompt: str
    sample: float
    scorers: list[Scorer]
    version: int | str | None
    changed_by: str
    changed_at: str | None
    judge: LiveJudgeAnswer | None = None


class SecretAnswer(Answer):
    """A secret, as far as it is shown. ``version`` is the one in force."""

    name: str
    version: int
    hosts: list[str]
    tools: list[str]
    created_by: str
    created_at: str | None
    changed_at: str | None
    last_used_at: str | None


class SecretVersionAnswer(Answer):
    """One version of a secret."""

    version: int
    created_by: str
    created_at: str | None


class SecretDetails(Answer):
    """A secret with the versions that are kept, the newest first."""

    name: str
    version: int
    hosts: list[str]
    tools: list[str]
    created_by: str
    created_at: str | None
    changed_at: str | None
    last_used_at: str | None
    versions: list[SecretVersionAnswer]


class SecretPage(Answer):
    """All secrets of the organisation, by name."""

    secrets: list[SecretAnswer]


class TraceSummary(Answer):
    """A trace as lists show it. ``error_code`` is the run's, or that of its first span that failed."""

    id: str
    run_id: str | None
    workflow: str | None
    status: str
    timestamp: str | None
    duration: float
    cost_usd: Decimal
    tokens: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int
    error_code: str | None
    providers: list[str]
    models: list[str]
    session_id: str | None
    user_id: str | None
    project: str | None
    tags: dict[str, str]


class SessionAnswer(Answer):
    """A session with a page of its traces, in the order in which they began."""

    id: str
    traces: int
    errors: int
    cost_usd: Decimal
    tokens: int
    first: str | None
    last: str | None
    runs: list[TraceSummary]
    next_cursor: str | None = None


class SessionSummary(Answer):
    """A thread of runs: how many traces it has within the time, and what they add up to."""

    id: str
    traces: int
    errors: int
    cost_usd: Decimal
    tokens: int
    first: str | None
    last: str | None


class SessionPage(Answer):
    """Sessions, the latest first."""

    sessions: list[SessionSummary]
    next_cursor: str | None = None


class SignalAccepted(Answer):
    """The signal is in the log; ``status`` is the run's status at that time. The same ``signal_id`` counts once."""

    id: str
    signal: str
    signal_id: str
    status: str
    links: RunLinks


class SpanFound(Answer):
    """A span as lists show it; its trace has the rest. ``duration`` is seconds."""

    id: str
    trace_id: str
    run_id: str | None
    workflow: str | None
    type: str
    name: str
    step_id: str | None
    attempt: int | None
    status: str
    timestamp: str | None
    duration: float
    provider: str | None
    model: str | None
    tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    error_code: str | None
    session_id: str | None
    user_id: str | None


class SpanLinkAnswer(Answer):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    relation: str


class SpanTotals(Answer):
    """The use of a span and of all spans below it. ``spans`` counts itself, ``calls`` those of models."""

    cost_usd: Decimal
    tokens: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int


class StepCompleted(Answer):
    """The outcome is stored. ``repeated``: this lease had stored one before, which counts."""

    repeated: bool


class StepPage(Answer):
    """Some steps of a run. Request again with ``cursor=next_cursor`` for the next ones; ``null`` is the end."""

    steps: list[StepAnswer]
    next_cursor: str | None = None


class StepRoutes(Answer):
    """The choices of a step's calls and the requests that they led to, oldest first."""

    run_id: str
    step_id: str
    choices: list[RouteChoice]
    tries: list[RouteTry]


class StopAnswer(Answer):
    """A stop; ``created_by`` and ``resumed_by`` are ids of API keys. It is in force until ``resumed_at``."""

    id: str
    scope: str
    target: str | None
    mode: str
    reason: str
    created_by: str
    created_at: str | None
    resumed_by: str | None
    resumed_at: str | None


class StopPage(Answer):
    """Stops, newest first."""

    stops: list[StopAnswer]


class SubjectAnswer(Answer):
    """A person. ``subject`` is the pseudonym, which records have in place of your id."""

    subject: str
    key: str
    erased_at: str | None = None
    runs: list[RunSummary]
    next_cursor: str | None = None


class SuggestionEvidence(Answer):
    """The calls that a suggestion rests on, and what was counted in them."""

    calls: int
    runs: int
    since: str | None
    until: str | None
    facts: dict[str, Any]


class SuggestionSaving(Answer):
    """The saving over the calls of the evidence, with the bounds of its 95% interval."""

    amount_usd: Decimal
    low_usd: Decimal
    high_usd: Decimal


class SuggestionAnswer(Answer):
    """One suggestion, as if it were the only one."""

    id: str
    kind: str
    workflow: str
    node_id: str
    provider: str
    model: str
    title: str
    change: dict[str, Any] | None
    saving: SuggestionSaving
    cost_usd: Decimal
    freed_usd: Decimal
    risk: str
    because: str
    evidence: SuggestionEvidence


class SuggestionPage(Answer):
    """Suggestions, the largest saving first."""

    suggestions: list[SuggestionAnswer]


class TimelineRow(Answer):
    """One bar of a timeline. ``start`` and ``duration`` are seconds, ``start`` from that of the trace."""

    id: str
    depth: int
    name: str
    type: str
    step_id: str | None
    attempt: int | None
    status: str
    start: float
    duration: float
    cost_usd: Decimal
    tokens: int
    provider: str | None
    model: str | None
    error_code: str | None
    waiting: str | None
    critical: bool
    drawn: bool
    orphan: bool
    folded: int


class TimelineAnswer(Answer):
    """A trace as rows of bars, parents before children. ``left_out`` counts rows over 5,000."""

    id: str
    run_id: str | None
    runs: list[str]
    workflow: str | None
    status: str
    timestamp: str | None
    duration: float
    cost_usd: Decimal
    tokens: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int
    session_id: str | None
    user_id: str | None
    project: str | None
    tags: dict[str, str]
    rows: list[TimelineRow]
    left_out: int


class ToolPage(Answer):
    """All tools of this API process. ``problems`` list installed packages that could not be loaded, and why."""

    tools: list[ToolEntry]
    problems: list[str]


class TopicAnswer(Answer):
    """A topic of the catalogue. ``partitions`` is ``null`` if the broker does not have it."""

    name: str
    summary: str
    key: str
    partitions: int | None
    problems: list[str]


class TopicPage(Answer):
    """The topics by name."""

    topics: list[TopicAnswer]


class TraceEvent(Answer):
    """One span of a trace: a run, a step, an attempt, a call, a wait."""

    id: str
    parent_id: str | None
    depth: int
    type: str
    name: str
    step_id: str | None
    attempt: int | None
    status: str
    timestamp: str | None
    duration: float | None
    provider: str | None
    model: str | None
    tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    total: SpanTotals
    error_code: str | None
    message: str | None
    waiting: str | None
    attributes: dict[str, Any]
    links: list[SpanLinkAnswer]
    input_hash: str | None
    output_hash: str | None
    drawn: bool
    orphan: bool


class TraceAnswer(Answer):
    """A trace with a page of its events, parents before children."""

    id: str
    run_id: str | None
    runs: list[str]
    workflow: str | None
    status: str
    timestamp: str | None
    duration: float
    cost_usd: Decimal
    tokens: int
    input_tokens: int
    output_tokens: int
    spans: int
    calls: int
    errors: int
    session_id: str | None
    user_id: str | None
    project: str | None
    tags: dict[str, str]
    drawn: bool
    orphans: int
    left_out: int
    events: list[TraceEvent]
    next_cursor: str | None = None


class TraceGroup(Answer):
    """The sum of the traces, attempts or spans with these values."""

    values: dict[str, str]
    count: int
    errors: int
    cost_usd: Decimal
    tokens: int
    input_tokens: int
    output_tokens: int
    p50: float
    p95: float
    first: str | None
    last: str | None


class TracesFound(Answer):
    """The list of the query's ``level``: ``traces`` or ``events`` (spans); or ``groups``, which count what it says."""

    level: str
    start: str | None
    end: str | None
    traces: list[TraceSummary] = []
    events: list[SpanFound] = []
    groups: list[TraceGroup] = []
    next_cursor: str | None = None


class TriedTrigger(Answer):
    """The outcome that a payload would have: held back by the filter, or a run with these inputs and id."""

    filtered: bool
    inputs: dict[str, JsonValue] = {}
    source: str | None = None
    submission_id: str | None = None
    run_id: str | None = None


class TriggerAnswer(Answer):
    """A trigger. ``problem`` says why its topic is not read. ``created_by`` is a key's id."""

    id: str
    name: str
    kind: str
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, str]
    filter: str
    source: str
    idempotency: str
    subject: str
    tags: dict[str, str]
    project: str | None
    budget_cents: Decimal | None
    webhook: WebhookSource | None
    topic: TriggerTopic | None
    paused: bool
    problem: str | None
    created_by: str
    created_at: str | None
    updated_at: str | None


class TriggerPage(Answer):
    """Triggers by their names."""

    triggers: list[TriggerAnswer]


class UpdateAnswer(Answer):
    """An update of a run: ``output`` is what its answering step gave, ``error`` why there is none."""

    id: str
    update: str
    update_id: str
    state: str
    step: str | None = None
    output: Any = None
    error: Failure | None = None


class UserSummary(Answer):
    """A user for whom runs ran: their traces within the time, and what they add up to."""

    id: str
    traces: int
    errors: int
    cost_usd: Decimal
    tokens: int
    first: str | None
    last: str | None


class UserPage(Answer):
    """Users, those with the highest cost first."""

    users: list[UserSummary]
    next_cursor: str | None = None


class VaultKeyVersion(Answer):
    """A version of the organisation's key. ``master`` names what wraps it; one that does not seal yet waits."""

    version: int
    master: str
    seals: bool
    created_at: str


class VaultProgress(Answer):
    """How far a rotation is."""

    state: str
    version: int
    left: int
    damaged: int = 0
    wrapped: int = 0


class VaultStatus(Answer):
    """The organisation's keys. ``behind`` versions are not wrapped by the present ``master`` key."""

    state: str
    version: int
    versions: list[VaultKeyVersion]
    master: str
    behind: int
    subjects: int
    erased: int
    tokens: int
    left: int


class WebhookAnswer(Answer):
    """A webhook. ``disabled_reason`` is there where the system disabled it."""

    id: str
    url: str
    description: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    created_by: str
    created_at: str | None
    old_secret_until: str | None


class WebhookPage(Answer):
    """Webhooks, newest first."""

    webhooks: list[WebhookAnswer]


class WhoAmI(Answer):
    """The caller: an API key (``kind`` is ``key``), or a token of the OIDC issuer (``oidc``)."""

    kind: str
    key_id: str
    organisation: str
    project: str | None = None
    permissions: list[str]
    scopes: list[str] = []
    platform: bool = False
    expires_at: str | None = None
    requests_per_minute: int | None = None


class WholeLetter(Answer):
    """A dead letter. ``value`` is for people, ``value_base64`` has its bytes; ``null``: it has none."""

    position: str
    at: str | None
    reason: str
    message: str
    origin: str | None
    key: str | None
    attempts: int
    retries: int
    headers: list[LetterHeader]
    value: str | None
    value_base64: str | None


class WholeSchedule(Answer):
    """A schedule with its newest backfills."""

    id: str
    name: str
    project: str | None
    workflow_name: str
    workflow_version: int | None
    inputs: dict[str, Any]
    subject: str | None = None
    tags: dict[str, str]
    budget_cents: Decimal | None
    cron: str | None
    interval_s: int | None
    time_zone: str
    overlap: str
    catchup: str
    catchup_limit: int
    paused: bool
    last_run: LastRun | None
    queued_slot: str | None
    next_runs: list[str]
    skipped: int
    problem: ScheduleProblem | None
    created_at: str | None
    updated_at: str | None
    backfills: list[BackfillAnswer]


class WorkerAnswer(Answer):
    """One worker."""

    id: str
    state: str
    lanes: list[str]
    concurrency: int
    in_flight: int
    version: str
    started_at: str | None
    last_seen_at: str | None
    providers: list[str] | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None


class WorkersAnswer(Answer):
    """Every worker of the deployment, except those without a heartbeat for ``forgotten_after_s``."""

    workers: list[WorkerAnswer]
    lost_after_s: float
    forgotten_after_s: float


class WorkflowAnswer(Answer):
    """One immutable version of a workflow. ``required_inputs`` are the inputs that a run must provide."""

    name: str
    version: int
    hash: str
    required_inputs: list[str]
    created_at: str | None
    spec: dict[str, Any]
    warnings: list[ProblemPart] = []


class WorkflowDryRun(Answer):
    """The version that a registration would store (``new``), or find. Nothing was stored."""

    dry_run: bool = True
    name: str
    version: int
    new: bool
    hash: str
    required_inputs: list[str]
    known_inputs: list[str] | None
    prompts: list[InlinePromptAnswer]
    workflows: list[str]
    queues: list[str]
    warnings: list[ProblemPart]
    spec: dict[str, Any]


class WorkflowEntry(Answer):
    """A workflow as lists show it: its newest version, with what it says of itself and of its inputs."""

    name: str
    version: int
    versions: int
    required_inputs: list[str]
    created_at: str | None
    description: str = ""
    input_schema: dict[str, Any] | None = None


class WorkflowPage(Answer):
    """All workflows of the organisation."""

    workflows: list[WorkflowEntry]
