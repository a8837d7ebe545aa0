"""Bodies of requests. Generated from the OpenAPI document by `python -m sdk.generate`; do not edit."""

from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict


class ActivatePolicy(TypedDict):
    """The version that decides from now on. In ``shadow`` mode it records what it would do, and changes nothing."""

    version: int
    mode: Literal["enforce", "shadow"]


class AnswerApproval(TypedDict):
    """A yes or a no to what a step asks before it calls a tool."""

    step: str
    approve: bool
    question: NotRequired[str | None]


class AnswerLabel(TypedDict):
    """A person's word on an answer that a judge has judged."""

    case_id: str
    repeat: NotRequired[int]
    scorer: str
    side: NotRequired[Literal["candidate", "baseline"]]
    human: Literal["candidate", "baseline", "tie", "pass", "fail"]


Backfill = TypedDict("Backfill", {"from": "str", "to": "str"})
"""Run the slots from ``from`` (inclusive) to ``to`` (exclusive) that were not run."""


class BulkRuns(TypedDict):
    """An action and its filter. ``since`` and ``until`` are RFC 3339 times or spans back from now (``24h``)."""

    action: Literal["cancel", "retry"]
    status: NotRequired[Literal["queued", "running", "succeeded", "failed", "canceled"] | None]
    workflow: NotRequired[str | None]
    tags: NotRequired[dict[str, str]]
    project: NotRequired[str | None]
    since: NotRequired[str | None]
    until: NotRequired[str | None]
    dry_run: NotRequired[bool]
    limit: NotRequired[int]
    cursor: NotRequired[str | None]


class CallMatch(TypedDict):
    """The calls of a rule: those that have all that is given."""

    workflow: NotRequired[str | None]
    node: NotRequired[str | None]
    prompt: NotRequired[str | None]
    provider: NotRequired[str | None]
    model: NotRequired[str | None]


class CancelRun(TypedDict):
    """The reason for the cancellation."""

    reason: NotRequired[str]


class CasesFromRuns(TypedDict):
    """Which steps of production runs become the cases of a new version."""

    name: str
    workflow: str
    node: NotRequired[str | None]
    prompt: NotRequired[str | None]
    status: NotRequired[Literal["queued", "running", "succeeded", "failed", "canceled"]]
    since: NotRequired[str | None]
    until: NotRequired[str | None]
    limit: NotRequired[int]
    expected: NotRequired[bool]
    iterations: NotRequired[Literal["last", "all"]]
    message: NotRequired[str]


class CausesRequest(TypedDict):
    """Runs of one workflow, failed and healthy ones."""

    workflow: str
    status: NotRequired[Literal["queued", "running", "succeeded", "failed", "canceled"] | None]
    tags: NotRequired[dict[str, str]]
    project: NotRequired[str | None]
    since: NotRequired[str | None]
    until: NotRequired[str | None]
    limit: NotRequired[int]


class ChangeBudget(TypedDict):
    """Changes of a budget; fields that are absent stay. A ``paused`` budget refuses nothing; its spend is counted."""

    name: NotRequired[str | None]
    limit_cents: NotRequired[float | Decimal | int | str | None]
    limit_usd: NotRequired[float | Decimal | int | str | None]
    soft_limit_cents: NotRequired[float | Decimal | int | str | None]
    soft_limit_usd: NotRequired[float | Decimal | int | str | None]
    on_exceeded: NotRequired[Literal["reject", "wait", "step_down", "alert"] | None]
    thresholds: NotRequired[list[int] | None]
    paused: NotRequired[bool | None]
    version: NotRequired[int | None]


class ChangeKey(TypedDict):
    """Changes of a key; an omitted field stays. ``null`` removes the expiry or the rate limit."""

    name: NotRequired[str | None]
    permissions: NotRequired[list[Literal["read", "write", "admin"]] | None]
    scopes: NotRequired[list[str] | None]
    expires_at: NotRequired[str | None]
    requests_per_minute: NotRequired[int | None]


class ChangeOrganisation(TypedDict):
    """Changes of an organisation. With ``jinja_prompts`` its prompts may be written in sandboxed Jinja."""

    name: NotRequired[str | None]
    jinja_prompts: NotRequired[bool | None]


class ChangeProject(TypedDict):
    """Changes of a project. Keys of an archived project can only read."""

    name: NotRequired[str | None]
    archived: NotRequired[bool | None]


class ChangeSchedule(TypedDict):
    """Fields to change; omitted fields stay. ``cron`` replaces ``interval_s`` and vice versa."""

    name: NotRequired[str | None]
    project: NotRequired[str | None]
    workflow_name: NotRequired[str | None]
    workflow_version: NotRequired[int | None]
    inputs: NotRequired[dict[str, Any] | None]
    tags: NotRequired[dict[str, str] | None]
    budget_cents: NotRequired[float | Decimal | int | str | None]
    cron: NotRequired[str | None]
    interval_s: NotRequired[int | None]
    time_zone: NotRequired[str | None]
    overlap: NotRequired[Literal["skip", "queue_one", "allow", "cancel_previous"] | None]
    catchup: NotRequired[Literal["all", "latest", "none"] | None]
    catchup_limit: NotRequired[int | None]
    paused: NotRequired[bool | None]


class ChangeSecret(TypedDict):
    """Fields that are left out stay. ``version`` puts one in force that is kept."""

    hosts: NotRequired[list[str] | None]
    tools: NotRequired[list[str] | None]
    version: NotRequired[int | None]


class ChangeTrigger(TypedDict):
    """Fields that are left out stay. Where it reads, and how it is signed, cannot change: make another trigger."""

    name: NotRequired[str | None]
    workflow_name: NotRequired[str | None]
    workflow_version: NotRequired[int | None]
    inputs: NotRequired[dict[str, str] | None]
    filter: NotRequired[str | None]
    source: NotRequired[str | None]
    idempotency: NotRequired[str | None]
    subject: NotRequired[str | None]
    tags: NotRequired[dict[str, str] | None]
    project: NotRequired[str | None]
    budget_cents: NotRequired[float | Decimal | int | str | None]
    idempotency_header: NotRequired[str | None]
    cloudevents: NotRequired[bool | None]
    requests_per_minute: NotRequired[int | None]
    max_bytes: NotRequired[int | None]
    paused: NotRequired[bool | None]


class ChangeWebhook(TypedDict):
    """Fields that are left out stay. A webhook that is enabled again gets what was pending."""

    url: NotRequired[str | None]
    events: NotRequired[list[str] | None]
    description: NotRequired[str | None]
    enabled: NotRequired[bool | None]


class FailedStep(TypedDict):
    """The reason of a failed attempt. ``code`` is stable; a retryable one is retried as the node's policy says."""

    code: str
    message: NotRequired[str]
    retryable: NotRequired[bool]
    retry_after_ms: NotRequired[int | None]


class StatedCost(TypedDict):
    """The cost of the work: it counts towards the run and its budgets. Without it a step costs nothing."""

    usd: float | str
    provider: NotRequired[str]
    model: NotRequired[str]


class CompleteStep(TypedDict):
    """The outcome of a leased attempt: an ``output``, any JSON value, or an ``error``."""

    of: NotRequired[Literal["organisation", "installation"]]
    lease: str
    output: NotRequired[Any]
    error: NotRequired[FailedStep | None]
    cost: NotRequired[StatedCost | None]


class CreateBudget(TypedDict):
    """A spending limit for one window of one scope."""

    name: NotRequired[str | None]
    scope: NotRequired[
        Literal["org", "project", "workflow", "node", "prompt", "provider", "model", "api_key", "user", "tag"]
    ]
    target: NotRequired[str | None]
    period: NotRequired[Literal["minute", "hour", "day", "week", "month", "quarter", "total"]]
    timezone: NotRequired[str]
    week_start: NotRequired[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]]
    sliding: NotRequired[bool]
    limit_cents: NotRequired[float | Decimal | int | str | None]
    limit_usd: NotRequired[float | Decimal | int | str | None]
    soft_limit_cents: NotRequired[float | Decimal | int | str | None]
    soft_limit_usd: NotRequired[float | Decimal | int | str | None]
    on_exceeded: NotRequired[Literal["reject", "wait", "step_down", "alert"]]
    thresholds: NotRequired[list[int]]
    allow_unknown: NotRequired[bool]


class Scorer(TypedDict):
    """A scorer of answers. ``name`` is its kind where it is empty, and no other scorer of the evaluation has it."""

    kind: Literal[
        "exact",
        "contains",
        "regex",
        "json_schema",
        "numeric",
        "similarity",
        "bleu",
        "chrf",
        "rouge_l",
        "latency",
        "cost",
        "llm_judge",
        "custom",
    ]
    name: NotRequired[str]
    weight: NotRequired[float]
    options: NotRequired[dict[str, Any]]


class CreateEvaluation(TypedDict):
    """An evaluation to run: a version of a prompt, by the cases of a dataset."""

    prompt: str
    version: NotRequired[int | str | None]
    against: NotRequired[int | str | None]
    dataset: str
    scorers: list[Scorer]
    repeats: NotRequired[int]
    quality: NotRequired[Literal["gold", "silver", "bronze"]]
    provider: NotRequired[str | None]
    model: NotRequired[str | None]
    max_tokens: NotRequired[int | None]
    budget_cents: NotRequired[float | Decimal | int | str | None]
    fail_under: NotRequired[float | None]
    fail_on: NotRequired[list[Literal["better", "worse", "undecided"]]]
    teach_routes: NotRequired[bool]
    only: NotRequired[list[str]]
    project: NotRequired[str | None]


class CreateKey(TypedDict):
    """A new key of the caller's organisation. ``admin`` may manage keys, ``write`` submit, ``read`` query."""

    name: str
    permissions: NotRequired[list[Literal["read", "write", "admin"]]]
    project: NotRequired[str | None]
    scopes: NotRequired[list[str]]
    expires_at: NotRequired[str | None]
    requests_per_minute: NotRequired[int | None]


class CreateOrganisation(TypedDict):
    """A new organisation. ``id`` names its submissions topic, so letters, digits, ``-`` and ``_`` only."""

    id: str
    name: NotRequired[str]


class CreatePolicy(TypedDict):
    """A new version of the policy that the document names."""

    document: dict[str, Any] | str


class PriceEntry(TypedDict):
    """The prices of one model in US dollars. A kind without a price costs what the kind around it costs."""

    provider: str
    model: str
    input_usd_per_mtok: float | str
    output_usd_per_mtok: float | str
    cache_read_usd_per_mtok: NotRequired[float | str | None]
    cache_write_usd_per_mtok: NotRequired[float | str | None]
    cache_write_1h_usd_per_mtok: NotRequired[float | str | None]
    reasoning_usd_per_mtok: NotRequired[float | str | None]
    citation_usd_per_mtok: NotRequired[float | str | None]
    tool_usd_per_mtok: NotRequired[float | str | None]
    input_audio_usd_per_mtok: NotRequired[float | str | None]
    output_audio_usd_per_mtok: NotRequired[float | str | None]
    cache_audio_read_usd_per_mtok: NotRequired[float | str | None]
    input_image_usd_per_mtok: NotRequired[float | str | None]
    output_image_usd_per_mtok: NotRequired[float | str | None]
    cache_image_read_usd_per_mtok: NotRequired[float | str | None]
    input_video_usd_per_mtok: NotRequired[float | str | None]
    output_video_usd_per_mtok: NotRequired[float | str | None]
    usd_per_request: NotRequired[float | str]
    usd_per_web_search: NotRequired[float | str | None]
    usd_per_storage_search: NotRequired[float | str | None]
    usd_per_billed_unit: NotRequired[float | str | None]
    picture_tokens: NotRequired[int | None]
    context_tokens: NotRequired[int | None]


class PricedAs(TypedDict):
    """Calls of a model without a price cost what another model's calls cost. ``model`` may be ``*``."""

    provider: str
    model: str
    as_provider: str
    as_model: str


class CreatePriceList(TypedDict):
    """A new version of the organisation's price list, whole."""

    prices: NotRequired[list[PriceEntry]]
    priced_as: NotRequired[list[PricedAs]]
    cost_source: NotRequired[dict[str, Literal["computed", "provider"]]]
    effective_from: NotRequired[str | None]


class CreateProject(TypedDict):
    """A new project of the caller's organisation. Submissions and budgets name it by its ``id``."""

    id: str
    name: NotRequired[str]


class PromptMessage(TypedDict):
    """One message of a prompt in chat form. ``images`` names the inputs that are images shown with it."""

    role: Literal["system", "developer", "user", "assistant"]
    template: str
    images: NotRequired[list[str]]


class PromptParameters(TypedDict):
    """Parameters of the call that a version gives; a field of the node goes before. ``None`` leaves it to the node."""

    provider: NotRequired[str | None]
    model: NotRequired[str | None]
    max_tokens: NotRequired[int | None]
    temperature: NotRequired[float | None]
    top_p: NotRequired[float | None]
    stop: NotRequired[list[str]]
    seed: NotRequired[int | None]
    reasoning_effort: NotRequired[Literal["none", "minimal", "low", "medium", "high"] | None]


class CreatePrompt(TypedDict):
    """A new version of a prompt. The server numbers it when ``version`` is not given."""

    name: str
    template: NotRequired[str | None]
    messages: NotRequired[list[PromptMessage]]
    dialect: NotRequired[Literal["agentflow", "mustache", "jinja"]]
    version: NotRequired[int | None]
    schema: NotRequired[dict[str, Any] | None]
    output_schema: NotRequired[dict[str, Any] | None]
    repair: NotRequired[bool]
    parameters: NotRequired[PromptParameters]
    tools: NotRequired[list[str]]
    project: NotRequired[str | None]
    message: NotRequired[str]
    parent: NotRequired[int | None]
    labels: NotRequired[list[str]]


class CreateSchedule(TypedDict):
    """A schedule: ``cron`` (five fields) with a ``time_zone``, or ``interval_s``, and the submission of each slot."""

    name: str
    project: NotRequired[str | None]
    workflow_name: str
    workflow_version: NotRequired[int | None]
    inputs: NotRequired[dict[str, Any]]
    tags: NotRequired[dict[str, str]]
    budget_cents: NotRequired[float | Decimal | int | str | None]
    cron: NotRequired[str | None]
    interval_s: NotRequired[int | None]
    time_zone: NotRequired[str]
    overlap: NotRequired[Literal["skip", "queue_one", "allow", "cancel_previous"]]
    catchup: NotRequired[Literal["all", "latest", "none"]]
    catchup_limit: NotRequired[int]
    paused: NotRequired[bool]
    subject: NotRequired[str | None]


class CreateStop(TypedDict):
    """Calls to stop: those of the whole organisation, or of a workflow, provider or model (``target``)."""

    scope: NotRequired[Literal["org", "workflow", "provider", "model"]]
    target: NotRequired[str | None]
    mode: NotRequired[Literal["stop", "pause"]]
    reason: str
    allow_unknown: NotRequired[bool]


class TopicHow(TypedDict):
    """The topic that is read, its format, and where reading begins: with records from ``now`` on, or the earliest."""

    name: str
    format: NotRequired[Literal["json", "avro", "protobuf"]]
    start: NotRequired[Literal["now", "earliest"]]


class WebhookHow(TypedDict):
    """How requests are known to be of who may send them, and how many may come."""

    scheme: NotRequired[Literal["url", "standard", "github", "stripe"]]
    secret: NotRequired[str | None]
    signature_header: NotRequired[str]
    idempotency_header: NotRequired[str]
    cloudevents: NotRequired[bool]
    requests_per_minute: NotRequired[int]
    max_bytes: NotRequired[int]


class CreateTrigger(TypedDict):
    """A trigger: a request by ``webhook``, or a record in ``topic``, submits a run of ``workflow_name``."""

    name: str
    workflow_name: str
    workflow_version: NotRequired[int | None]
    inputs: NotRequired[dict[str, str]]
    filter: NotRequired[str]
    source: NotRequired[str]
    idempotency: NotRequired[str]
    subject: NotRequired[str]
    tags: NotRequired[dict[str, str]]
    project: NotRequired[str | None]
    budget_cents: NotRequired[float | Decimal | int | str | None]
    webhook: NotRequired[WebhookHow | None]
    topic: NotRequired[TopicHow | None]
    paused: NotRequired[bool]


class CreateWebhook(TypedDict):
    """An address for events of the organisation. ``events`` are types, or patterns of them such as ``run.*``."""

    url: str
    events: NotRequired[list[str]]
    description: NotRequired[str]


class DeclareQueueTool(TypedDict):
    """The declaration of a tool, which policies read. ``of`` says whose queue of that name it is on."""

    of: NotRequired[Literal["organisation", "installation"]]
    source: NotRequired[list[str]]
    fields: NotRequired[dict[str, list[str]]]
    readers: NotRequired[dict[str, str]]
    effects: NotRequired[bool | None]
    sinks: NotRequired[dict[str, Literal["recipient", "url", "amount", "path", "command", "content"]]]
    pure: NotRequired[bool]
    reads_when: NotRequired[dict[str, list[str]]]


class RunGroup(TypedDict):
    """Runs by filter, the newest ``limit`` of them. Times are RFC 3339, or spans back from now (``24h``)."""

    workflow: NotRequired[str | None]
    status: NotRequired[Literal["queued", "running", "succeeded", "failed", "canceled"] | None]
    tags: NotRequired[dict[str, str]]
    project: NotRequired[str | None]
    since: NotRequired[str | None]
    until: NotRequired[str | None]
    limit: NotRequired[int]


class DiffRequest(TypedDict):
    """Two runs, or two groups of runs. ``a`` and ``b`` are ids of runs or traces, or filters, both of one form."""

    a: str | RunGroup
    b: str | RunGroup
    outputs: NotRequired[bool]


class TermWeights(TypedDict):
    """The weights of a score's four terms."""

    cost: NotRequired[float]
    latency: NotRequired[float]
    quality: NotRequired[float]
    reliability: NotRequired[float]


class JudgedPolicy(TypedDict):
    """Another way to choose routes: exactly one of a named policy, weights of a score, or fixed shares of routes."""

    by: NotRequired[Literal["cheapest", "fastest", "best", "balanced", "learn"] | None]
    weights: NotRequired[TermWeights | None]
    shares: NotRequired[dict[str, float] | None]


class EvaluateRoutes(TypedDict):
    """Which decisions to judge by, and the other policy. A reward is score - cost - lateness by these weights."""

    prompt: str
    tier: Literal["gold", "silver", "bronze"]
    policy: JudgedPolicy
    days: NotRequired[int]
    cost_per_usd: NotRequired[float | int | str]
    lateness: NotRequired[float]


class ExpireAudit(TypedDict):
    """Which entries lose what they say: those of a kind that are older than a time."""

    kind: str
    before: str


class ExtendLease(TypedDict):
    """A heartbeat."""

    of: NotRequired[Literal["organisation", "installation"]]
    lease: str
    progress: NotRequired[Any]


class FactsEntry(TypedDict):
    """Facts of the routes that a pattern names."""

    regions: NotRequired[list[str] | None]
    retention_days: NotRequired[int | None]
    trains: NotRequired[bool | None]
    certifications: NotRequired[list[str] | None]
    source: NotRequired[str]
    route: str


class FindOutliers(TypedDict):
    """Of which runs: those that began in a time, of one workflow or of each. ``measure`` is what is compared."""

    measure: NotRequired[Literal["duration", "cost"]]
    start: NotRequired[str | None]
    end: NotRequired[str]
    workflow: NotRequired[str | None]
    project: NotRequired[str | None]
    limit: NotRequired[int]


ForkRun = TypedDict("ForkRun", {"from": "NotRequired[str | None]", "inputs": "NotRequired[dict[str, Any]]"})
"""Inputs to merge over those of the run. Without ``from`` nothing is reused."""


class HoldAudit(TypedDict):
    """A legal hold. A condition that is omitted matches every entry; `from` is inclusive, `until` is not."""

    name: str
    reason: str
    kind: NotRequired[str | None]
    actor: NotRequired[str | None]
    run_id: NotRequired[str | None]
    since: NotRequired[str | None]
    until: NotRequired[str | None]


class HoldRuns(TypedDict):
    """A legal hold. A condition that is omitted matches every run; times are of submissions, `until` is exclusive."""

    name: str
    reason: str
    run_id: NotRequired[str | None]
    workflow_name: NotRequired[str | None]
    since: NotRequired[str | None]
    until: NotRequired[str | None]


class JsonValue(TypedDict):
    """JsonValue"""


class LabelAnswers(TypedDict):
    """Labels to add; the last one of an answer holds."""

    labels: list[AnswerLabel]


class LeaseSteps(TypedDict):
    """Up to ``max`` steps, each for ``lease_s`` seconds; the answer waits ``wait_s`` seconds for the first one."""

    of: NotRequired[Literal["organisation", "installation"]]
    worker_id: str
    max: NotRequired[int]
    lease_s: NotRequired[float]
    wait_s: NotRequired[float]


class MetricRuleChange(TypedDict):
    """A change of a metric's usual rule."""

    alpha: NotRequired[float | None]
    margin: NotRequired[float | None]
    tolerated: NotRequired[float | None]
    scale: NotRequired[float | None]


class MoveLabel(TypedDict):
    """The version that a label shall name."""

    version: int
    expected_version: NotRequired[int | None]


class MoveOrganisation(TypedDict):
    """A move to the cell ``to``, which CELLS_FILE names. It is aborted when it is not at its copy after ``wait_s``."""

    to: str
    wait_s: NotRequired[int]


class PinTools(TypedDict):
    """Tools by name, each with the hash that was read (or the beginning of it), or ``null`` for any."""

    tools: dict[str, str | None]


class PolicyBudget(TypedDict):
    """A budget that refuses calls. `target` is what the scope is one of, as in budgets."""

    scope: NotRequired[
        Literal["org", "project", "workflow", "node", "prompt", "provider", "model", "api_key", "user", "tag"]
    ]
    target: NotRequired[str | None]
    period: NotRequired[Literal["minute", "hour", "day", "week", "month", "quarter", "total"]]
    limit_usd: float | Decimal | int | str
    timezone: NotRequired[str]


class PolicyCache(TypedDict):
    """Answers that stand in for equal requests: as `recorded`, `off`, or `exact` for `ttl_s` seconds."""

    mode: NotRequired[Literal["recorded", "off", "exact"]]
    ttl_s: NotRequired[int]


class PolicyGuard(TypedDict):
    """Calls that are refused: with more than so many input tokens, and those that the rules of a `pack` deny."""

    max_input_tokens: NotRequired[int | None]
    pack: NotRequired[dict[str, Any] | None]


class PolicyPrices(TypedDict):
    """Other prices: `entries` replace those of their models, and `factor` multiplies every cost."""

    entries: NotRequired[list[PriceEntry]]
    factor: NotRequired[float | str]


class PolicyQuota(TypedDict):
    """How much of a provider, or of one model, may be used a minute. A call waits for `max_wait_s` at most."""

    provider: str
    model: NotRequired[str | None]
    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    max_wait_s: NotRequired[float]


class RouteRule(TypedDict):
    """Calls that match go `to` a route, `provider/model`; with `share` those of that share of runs (a canary)."""

    match: NotRequired[CallMatch]
    to: str
    share: NotRequired[float]


class PolicyDocument(TypedDict):
    """A policy. What it does not name is as it was; the first rule of `routes` that matches counts."""

    routes: NotRequired[list[RouteRule]]
    prices: NotRequired[PolicyPrices]
    cache: NotRequired[PolicyCache]
    budgets: NotRequired[list[PolicyBudget]]
    quotas: NotRequired[list[PolicyQuota]]
    guard: NotRequired[PolicyGuard]


class PurgeCache(TypedDict):
    """The answers to remove: those that match every given field, or `all`. A prompt may name its version."""

    workflow: NotRequired[str | None]
    prompt: NotRequired[str | None]
    model: NotRequired[str | None]
    tags: NotRequired[dict[str, str]]
    all: NotRequired[bool]


class PutCredentials(TypedDict):
    """The key that the organisation's calls of the provider are made with."""

    api_key: str


class PutLimits(TypedDict):
    """All limits of the organisation; an omitted limit is unlimited. 0 lets nothing start."""

    max_running_runs: NotRequired[int | None]
    workflows: NotRequired[dict[str, int]]
    projects: NotRequired[dict[str, int]]
    allow_unknown: NotRequired[bool]


class PutMcpServer(TypedDict):
    """A server that speaks MCP over streamable HTTP. Headers name secrets as ``${SECRET:NAME}``."""

    url: str
    headers: NotRequired[dict[str, str]]
    description: NotRequired[str]
    integrity: NotRequired[Literal["trusted", "user", "third_party", "web"]]
    classes: NotRequired[list[str]]
    timeout_ms: NotRequired[int]
    enabled: NotRequired[bool]


class PutProviderFacts(TypedDict):
    """All facts of providers that the organisation states: the next version, in place of the one before."""

    providers: list[FactsEntry]


class QuotaLimits(TypedDict):
    """The limits of one provider or model, or of all that an organisation calls when neither is named."""

    provider: NotRequired[str | None]
    model: NotRequired[str | None]
    requests_per_minute: NotRequired[int | None]
    requests_per_day: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    tokens_per_day: NotRequired[int | None]
    input_tokens_per_minute: NotRequired[int | None]
    input_tokens_per_day: NotRequired[int | None]
    output_tokens_per_minute: NotRequired[int | None]
    output_tokens_per_day: NotRequired[int | None]
    max_concurrent: NotRequired[int | None]


class PutQuotas(TypedDict):
    """All quotas of the organisation; an empty list limits nothing."""

    limits: list[QuotaLimits]
    allow_unknown: NotRequired[bool]


class PutSecret(TypedDict):
    """A value, and what may use it. Without ``hosts`` or ``tools`` those of the version before stay."""

    value: str
    hosts: NotRequired[list[str] | None]
    tools: NotRequired[list[str] | None]


class QueryTraces(TypedDict):
    """Which traces, or spans, of a time are wanted. What is not given does not filter."""

    start: NotRequired[str | None]
    end: NotRequired[str]
    level: NotRequired[Literal["trace", "span"] | None]
    run_id: NotRequired[str | None]
    workflow: NotRequired[str | None]
    status: NotRequired[Literal["running", "succeeded", "failed", "canceled", "ok", "error", "unset"] | None]
    provider: NotRequired[str | None]
    model: NotRequired[str | None]
    type: NotRequired[str | None]
    error_code: NotRequired[str | None]
    prompt: NotRequired[str | None]
    text: NotRequired[str | None]
    session_id: NotRequired[str | None]
    user_id: NotRequired[str | None]
    project: NotRequired[str | None]
    tags: NotRequired[dict[str, str]]
    min_cost_usd: NotRequired[float | Decimal | int | str | None]
    max_cost_usd: NotRequired[float | Decimal | int | str | None]
    min_duration: NotRequired[float | None]
    max_duration: NotRequired[float | None]
    min_tokens: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    group_by: NotRequired[list[str]]
    sort: NotRequired[Literal["start", "cost", "duration", "tokens", "count", "errors"] | None]
    order: NotRequired[Literal["desc", "asc"]]
    limit: NotRequired[int]
    cursor: NotRequired[str | None]


class ReleaseLease(TypedDict):
    """A step that its worker cannot do now; another one may lease it at once."""

    of: NotRequired[Literal["organisation", "installation"]]
    lease: str


class ReplayPolicy(TypedDict):
    """A policy, and the window of calls that it is replayed over: times as RFC 3339, or `24h` for a span back."""

    policy: PolicyDocument
    since: NotRequired[str]
    until: NotRequired[str | None]
    workflow: NotRequired[str | None]


RestartRun = TypedDict("RestartRun", {"from": "NotRequired[str | None]"})
"""The start of a restart: the node ``from`` and everything after it is executed again."""


class RetryLetters(TypedDict):
    """Which letters return to their topics: by position, or all of a topic with a reason."""

    positions: NotRequired[list[str] | None]
    topic: NotRequired[str | None]
    reason: NotRequired[str | None]
    since: NotRequired[str | None]
    limit: NotRequired[int]
    dry_run: NotRequired[bool]


class RotateKey(TypedDict):
    """For how many seconds the secret before the new one still works; 0 ends it within five seconds."""

    overlap_s: NotRequired[int]


class RotateTrigger(TypedDict):
    """Both are good for ``overlap_s`` seconds: the sender takes the new one meanwhile."""

    overlap_s: NotRequired[int]
    secret: NotRequired[str | None]


class RotateVaultKey(TypedDict):
    """Which key to rotate, and whether to begin a rotation or only to continue one."""

    key: Literal["organisation", "master"]
    begin: NotRequired[bool]


class RotateWebhook(TypedDict):
    """Requests are signed with both secrets for ``overlap_s`` seconds: the receiver takes the new one meanwhile."""

    overlap_s: NotRequired[int]


class ScoreStep(TypedDict):
    """A score of a step's answer, from 0 (useless) to 1 (as good as can be)."""

    step_id: str
    score: float
    name: NotRequired[str]
    attempt: NotRequired[int | None]


class SetLiveJudge(TypedDict):
    """The most that a judge of live answers may spend: within 24 hours, and on one answer."""

    cents_per_day: float | str
    cents_per_call: float | str
    calibration: NotRequired[str | None]


class SetScoring(TypedDict):
    """The share of a prompt's live answers that is scored, 0 to 1, and by what."""

    sample: float
    scorers: list[Scorer]
    version: NotRequired[int | str | None]
    judge: NotRequired[SetLiveJudge | None]


class StartDeployment(TypedDict):
    """A version for an environment, which is a label of the prompt such as ``production``."""

    version: NotRequired[int | str | None]
    environment: str
    mode: NotRequired[Literal["all", "canary", "ab", "shadow"] | None]
    steps: NotRequired[list[float] | None]
    entity: NotRequired[str | None]
    metrics: NotRequired[list[Literal["score", "errors", "cost", "latency"]] | None]
    rules: NotRequired[dict[str, MetricRuleChange]]
    step_runs: NotRequired[int | None]
    step_ms: NotRequired[int | None]
    least_runs: NotRequired[int | None]
    least_ms: NotRequired[int | None]
    most_ms: NotRequired[int | None]
    outcome_ms: NotRequired[int | None]
    score_ms: NotRequired[int | None]
    message: NotRequired[str]


class StepDeployment(TypedDict):
    """The share of a later step of the plan, to which a deployment moves before the plan would."""

    share: float


class SubmitRun(TypedDict):
    """One run to start. A CloudEvent's ``data`` has the same shape."""

    workflow_name: str
    workflow_version: NotRequired[int | None]
    inputs: NotRequired[dict[str, Any]]
    tags: NotRequired[dict[str, str]]
    budget_cents: NotRequired[float | Decimal | int | str | None]
    deadline_ms: NotRequired[int | None]
    project: NotRequired[str | None]
    end_user: NotRequired[str | None]
    session: NotRequired[str | None]
    subject: NotRequired[str | None]


class TestPolicy(TypedDict):
    """A document, or a stored version by ``name`` and ``version``, and further ``cases`` after its own tests."""

    document: NotRequired[dict[str, Any] | str | None]
    name: NotRequired[str | None]
    version: NotRequired[int | None]
    cases: NotRequired[list[dict[str, Any]]]


class TryTrigger(TypedDict):
    """Something that could arrive: the answer says what would become of it. Nothing is submitted."""

    payload: JsonValue
    headers: NotRequired[dict[str, str]]
    query: NotRequired[dict[str, str]]
    key: NotRequired[str]


class WaitingOf(TypedDict):
    """The runs whose wait reasons are requested."""

    ids: list[str]
