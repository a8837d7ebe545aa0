"""``step-requests.*``: one attempt of one step, complete enough that a worker needs no look-up. Key: run id:step id."""

from typing import ClassVar, Literal

from schemas.ids import idempotency_key, request_id
from schemas.payload import PathPart, Payload
from schemas.privacy.wants import Want
from schemas.records.base import Attempt, ErrorInfo, Int64, Json, Millis, NanoDollars, Part, Record
from schemas.records.run_events import Capture
from schemas.records.security.pinned import Approval, Mode, ToolSecurity
from schemas.rollouts.plan import Arm
from schemas.spec.policy import BatchMode, Effort, Idempotency, OnUnknown, PromptCache, RouteBy, Tier


class Link(Part, frozen=True, kw_only=True):
    """A place in ``args`` whose value is stored bytes: put ``payload`` (walked by ``path``) at ``at``.

    With an empty ``at`` the value, an object, is all of ``args``.
    """

    at: list[PathPart]
    payload: Payload
    path: list[PathPart] = []


class RouteWish(Part, frozen=True, kw_only=True):
    """How a call's route is chosen, among which models. ``ceiling_nano`` bounds the mean cost of calls that learn.

    A call that fails is sent to ``fallbacks`` other routes at most; with ``hedge`` a slow one is sent to another, too.
    """

    by: RouteBy
    models: list[str] = []
    ceiling_nano: NanoDollars = 0
    fallbacks: Int64 = 0
    hedge: bool = False


class SemanticWish(Part, frozen=True, kw_only=True):
    """Which other prompts' answers will do: of those that differ in one variable and are similar enough."""

    variable: str
    threshold: float
    tools: bool = False
    images: bool = False


class CacheWish(Part, frozen=True, kw_only=True):
    """How earlier answers are used, where a node says more than that they are; see ``schemas.spec.caching``.

    ``space`` has the bound ``max_bytes``: the workflow, or its node.
    """

    ttl_s: Int64 | None = None
    stale_s: Int64 = 0
    negative_s: Int64 = 60
    space: str = ""
    max_bytes: Int64 = 0
    semantic: SemanticWish | None = None


class TemplateMessage(Part, frozen=True, kw_only=True):
    """One message of a prompt in chat form. ``images`` names the args that are images shown with it."""

    role: Literal["system", "developer", "user", "assistant"]
    template: str
    images: list[str] = []


class TemplatePart(Part, frozen=True, kw_only=True):
    """A text that templates include; ``refs`` is what its own references mean."""

    template: str
    refs: dict[str, str] = {}


class TemplateForm(Part, frozen=True, kw_only=True):
    """How a prompt's texts are read, where it is more than one template: see ``schemas.prompts.form``."""

    dialect: Literal["agentflow", "mustache", "jinja"] = "agentflow"
    messages: list[TemplateMessage] = []
    refs: dict[str, str] = {}
    parts: dict[str, TemplatePart] = {}
    input_schema: dict[str, Json] | None = None
    repair: bool = False


class CallRollout(Part, frozen=True, kw_only=True):
    """Which arm of a deployment a call belongs to. ``run_id`` is the run whose exposure it is, empty for its own.

    ``other`` is the call with the other version, an agent's with ``other_tools``: of a canary it is made in place of
    the call once the canary is withdrawn; with ``shadow`` it is made as well, and nobody gets its answer.
    """

    environment: str
    deployment_id: str
    arm: Arm
    step: Int64 = 0
    entity: str = ""
    run_id: str = ""
    shadow: bool = False
    other: "LlmCall | None" = None
    other_tools: list[str] = []


class LlmCall(Part, frozen=True, kw_only=True, tag_field="kind", tag="llm"):
    """Render ``template`` with the args and ask a model, which is shown those of the args that ``images`` names."""

    kind: ClassVar[str] = "llm"
    prompt_name: str
    prompt_version: Int64
    prompt_hash: str
    template: str
    provider: str | None = None
    model: str | None = None
    max_tokens: Int64 = 1024
    temperature: float | None = None
    cache: bool = False
    images: list[str] = []
    system: str = ""
    output_schema: dict[str, Json] | None = None
    stop: list[str] = []
    seed: Int64 | None = None
    reasoning_effort: Effort | None = None
    route: RouteWish | None = None
    data_class: str = ""
    stream: bool = False
    top_p: float | None = None
    parallel_tools: bool | None = None
    provider_options: dict[str, dict[str, Json]] = {}
    prompt_cache: PromptCache = "never"
    cache_wish: CacheWish | None = None
    batch: BatchMode = "never"
    form: TemplateForm | None = None
    rollout: CallRollout | None = None


class ToolCall(Part, frozen=True, kw_only=True, tag_field="kind", tag="tool"):
    """Call the tool ``name``, made with ``config``, with the args. What it gives must follow ``output_schema``."""

    kind: ClassVar[Literal["tool"]] = "tool"
    name: str
    config: dict[str, Json] = {}
    output_schema: dict[str, Json] | None = None


class FunctionCall(Part, frozen=True, kw_only=True, tag_field="kind", tag="function"):
    """Call the pure function ``name``, made with ``config``, with the args. ``output_schema`` as of a tool."""

    kind: ClassVar[Literal["function"]] = "function"
    name: str
    config: dict[str, Json] = {}
    output_schema: dict[str, Json] | None = None


class ToolResult(Part, frozen=True, kw_only=True):
    """What became of a call that an agent asked for: its output, or why it failed for good."""

    output: Payload | None = None
    error: ErrorInfo | None = None


class TurnBefore(Part, frozen=True, kw_only=True):
    """An earlier turn of an agent: its output, an object with ``text`` and ``tool_calls``, and the calls' results."""

    said: Payload
    results: list[ToolResult] = []


class AgentTurn(Part, frozen=True, kw_only=True, tag_field="kind", tag="agent"):
    """Ask a model that may call ``tools``, after all that was said before."""

    kind: ClassVar[str] = "agent"
    call: LlmCall
    tools: list[str]
    before: list[TurnBefore] = []


Work = LlmCall | ToolCall | FunctionCall | AgentTurn


class OutputLink(Part, frozen=True, kw_only=True):
    """A place in a chained step's ``args`` for what ``path`` finds in the output of the step ``node``."""

    at: list[PathPart]
    node: str
    path: list[PathPart] = []


class ChainedStep(Part, frozen=True, kw_only=True):
    """A step that is chained to the request of one before it: what differs from that request.

    ``outputs`` are outputs of steps of the same chain, which nobody knows yet; all else is bound. ``security`` has the
    labels of its arguments, those of such outputs not yet, and what is declared of its tool. ``wants`` as of a request.
    """

    node_id: str
    work: Work
    args: dict[str, Json] = {}
    links: list[Link] = []
    outputs: list[OutputLink] = []
    timeout_ms: Int64 | None = None
    sla_ms: Int64 | None = None
    on_unknown: OnUnknown = "retry"
    idempotency: Idempotency = "step"
    retry_on: list[str] = []
    security: "StepSecurity | None" = None
    wants: list[Want] = []


class StepSecurity(Part, frozen=True, kw_only=True):
    """What a step's data is labelled with, and what decides on its effects.

    ``args`` are labels of the arguments by path, ``control`` is the label of what chose that the step runs, and
    ``context`` that of all that an agent has read before. ``policy_hash`` names the policy. ``tool`` is what is
    declared of the tool that is called, ``tools`` of an agent's, by name. ``approvals`` are what people said yes to,
    ``trusted`` are texts labelled ``user`` or better that the caller has read.
    """

    policy: str = ""
    policy_hash: str = ""
    mode: Mode = "enforce"
    args: dict[str, list[str]] = {}
    control: list[str] = []
    context: list[str] = []
    tool: ToolSecurity | None = None
    tools: dict[str, ToolSecurity] = {}
    agent: bool = False
    approvals: list[Approval] = []
    trusted: list[str] = []


class StepRequest(Record, frozen=True, kw_only=True, tag_field="type", tag="step.request"):
    """One attempt of one step, and the steps that a worker may go on with by itself.

    ``args`` are the node's bound values with ``links`` still to be filled in. ``run_budget_nano`` is what is
    left of the run's own cap when the request was made. ``deferral`` counts how often this attempt was given back
    unstarted. ``idempotency_key`` is stable over deliveries of the attempt and, unless ``idempotency`` is ``attempt``,
    over the step's attempts. ``retry_on`` are the codes that the node wants retried: an error with one is retryable.

    ``security`` is there in runs whose data is labelled. ``subject`` is the run's: the output is sealed with that
    person's key, after what ``wants`` ask of it was decided.

    ``caps`` are the caps that what it spends counts against, by run: that of its run and of those that started it.

    ``compensation``: the run has ended, and this step runs because of that.

    ``inline_most`` is up to how many bytes of JSON the output may travel inside its record, where that is less than for
    any step: a turn of an agent, or a call, of whose transcript much is there already.

    ``continuation`` is what may follow it, in order: first attempts of steps that need nothing but outputs of the ones
    before. A worker that goes on makes the next request from it, with ``args_hash`` for the outcome to name; a request
    in the log has none. ``queue`` is whose topic it is on, when that is not its tier's.
    """

    type: ClassVar[str] = "step.request"
    run_id: str
    org_id: str
    workflow_name: str
    workflow_version: Int64
    step_id: str
    node_id: str
    attempt: Attempt
    deferral: Int64 = 0
    tier: Tier
    work: Work
    args: dict[str, Json] = {}
    links: list[Link] = []
    timeout_ms: Int64 | None = None
    sla_ms: Int64 | None = None
    tags: dict[str, str] = {}
    run_budget_nano: NanoDollars | None = None
    capture: Capture = "full"
    requested_at_ms: Millis
    continuation: list[ChainedStep] = []
    args_hash: str = ""
    on_unknown: OnUnknown = "retry"
    queue: str = ""
    compensation: bool = False
    inline_most: Int64 | None = None
    idempotency: Idempotency = "step"
    retry_on: list[str] = []
    caps: dict[str, NanoDollars] = {}
    tracestate: str = ""
    security: StepSecurity | None = None
    subject: str = ""
    wants: list[Want] = []

    @property
    def request_id(self) -> str:
        """The id of the attempt, which is the claim's key."""
        return request_id(self.run_id, self.step_id, self.attempt)

    @property
    def idempotency_key(self) -> str:
        """The key that the attempt's calls of tools and providers carry."""
        return self.request_id if self.idempotency == "attempt" else idempotency_key(self.run_id, self.step_id)
