"""One call of a model, as it passes through the stages of ``services.calls.pipeline``.

A call names its caller, its content and its limits, and knows nothing of steps: a worker builds it from a step's
attempt (``streams.roles.worker.model_call``), any other caller from its own request.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

from connectors.providers.base import ModelRequest, ModelResponse, OutputSchema
from connectors.providers.conversation import Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from schemas.errors import StepError
from schemas.records.run_events import Capture
from schemas.records.steps import CacheWish, RouteWish, StepSecurity, TemplateForm
from schemas.spec.policy import BatchMode, Effort, PromptCache, Tier
from schemas.trace_context import context_headers
from services.calls.answers.streamed import OnDelta
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.routing.choice import Choice, Excluded
from services.routing.router import Pin, Route
from services.security.guards.guarded import Guards


class Origin(Struct, frozen=True, kw_only=True):
    """What a call is made for, as records name it. One that no run makes has a request id alone.

    ``deferral`` counts how often its step was deferred before.
    """

    request_id: str
    workflow_name: str = ""
    run_id: str = ""
    step_id: str = ""
    attempt: int = 0
    node_id: str = ""
    deferral: int = 0


class Trace(Struct, frozen=True, kw_only=True):
    """Where the call's span belongs; ids and ``state`` as in W3C Trace Context."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    state: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request that is made within the span."""
        return context_headers(self.trace_id, self.span_id, self.state)


class Template(Struct, frozen=True, kw_only=True):
    """A registered prompt and the values of its variables.

    ``form`` is how its texts are read, where it is more than one template. ``given`` are the values as they were bound,
    where ``args`` has others in their place, such as names of pictures.
    """

    name: str
    version: int
    text: str
    args: dict[str, Any]
    form: TemplateForm | None = None
    given: dict[str, Any] | None = None


class Content(Struct, frozen=True, kw_only=True):
    """What a model is asked. ``prompt`` is rendered from ``template`` where there is one.

    ``cache``: an earlier answer to the same content will do, as ``cache_wish`` says more exactly; ``wish`` is how its
    route is chosen where none is pinned; ``stream``: the provider is asked for a stream; ``options`` are fields of a
    provider's wire, by provider; ``batch`` is whether it goes by batch. An answer that breaks ``output_schema`` is
    none; with ``repair`` it is read leniently, else requested once more. The fields from ``system`` to
    ``parallel_tools`` are those of ``ModelRequest``.
    """

    max_tokens: int
    template: Template | None = None
    prompt: str = ""
    temperature: float | None = None
    cache: bool = False
    cache_wish: CacheWish | None = None
    pinned: Pin = Pin()
    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[Turn, ...] = ()
    pictures: tuple[ImageInput, ...] = ()
    system: str = ""
    developer: str = ""
    history: tuple[Said, ...] = ()
    tool_choice: str = "auto"
    output_schema: OutputSchema | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: Effort | None = None
    top_p: float | None = None
    parallel_tools: bool | None = None
    wish: RouteWish | None = None
    stream: bool = False
    options: dict[str, dict[str, Any]] = {}
    prompt_cache: PromptCache = "never"
    batch: BatchMode = "never"
    repair: bool = False

    def request(
        self,
        model: str,
        idempotency_key: str,
        timeout_s: float,
        attempt: int = 0,
        trace_headers: Mapping[str, str] | None = None,
    ) -> ModelRequest:
        """Return what a model is asked."""
        return ModelRequest(
            model=model,
            prompt=self.prompt,
            max_tokens=self.max_tokens,
            idempotency_key=idempotency_key,
            temperature=self.temperature,
            timeout_s=timeout_s,
            tools=self.tools,
            turns=self.turns,
            pictures=self.pictures,
            attempt=attempt,
            system=self.system,
            developer=self.developer,
            history=self.history,
            tool_choice=self.tool_choice,
            output_schema=self.output_schema,
            stop=self.stop,
            seed=self.seed,
            reasoning_effort=self.reasoning_effort,
            options=self.options,
            prompt_cache=self.prompt_cache,
            top_p=self.top_p,
            parallel_tools=self.parallel_tools,
            trace_headers=trace_headers or {},
        )


class Trial(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the tries of a call: the first, one after a failure, one beside a slow call, or the ``repair`` of a try.

    ``why`` says what led to it, ``skipped`` are routes that were passed over for it. It is ended as one of two
    that race by its ``race_key``; ``None`` when it does not race.
    """

    number: int = 0
    kind: Literal["first", "fallback", "hedge", "repair"] = "first"
    why: str = ""
    skipped: tuple[Excluded, ...] = ()
    race_key: str | None = None


FIRST = Trial()


class Reserved(Struct, frozen=True):
    """The money that is held for a call, in nano-dollars, and the time whose windows it is booked in.

    ``counters`` are those of budgets under which it is held, ``priced_as`` is the route whose price stands in for a
    model without one.
    """

    amount_nano: int = 0
    booked_at_ms: int = 0
    price_version: str = ""
    counters: tuple[str, ...] = ()
    priced_as: str = ""


UNROUTED = Route("", "")
NOTHING_RESERVED = Reserved()


class Call(Struct, frozen=True, kw_only=True):
    """A call. The budgets that apply to it follow from organisation, workflow, route and tags.

    ``idempotency_key`` is stable over retries, ``call_id`` is not. ``cap_nano`` is what the run's own cap leaves to
    it; ``None`` without one; ``caps`` are those that its cost counts against, by run. ``timeout_s`` bounds the
    provider's answer. ``cancel_key`` names what breaks the call off when it ends (``cancellation.Cancellations``);
    ``None`` when nothing does. ``sla_ms`` is how long an answer should take at most. What is done is booked in
    ``ledger``. ``on_delta`` takes the answer as it comes, which makes it a stream; of a
    ``watched`` call it only looks on, so the call falls back, is hedged, repaired and sent by batch as without it.
    ``choice`` is there when the route
    was chosen by a policy, ``asked_tier`` when the call was stepped down from it. ``data_class`` is that of what is
    sent, and answers are shared within one only. ``security`` is there when a policy of security decides. A call that
    is not ``repeatable`` is never made twice, by a fallback after an unknown outcome or a hedge. ``trial`` says which
    of the tries of one call this is. ``guards`` look at the answer, with those of the process. ``private`` takes out of
    texts what the run's policy does not want there. With a ``subject``, the pseudonym of a person, what is recorded is
    sealed, no answer is shared and none goes by batch.
    """

    org_id: str
    call_id: str
    idempotency_key: str
    origin: Origin
    trace: Trace
    tier: Tier
    content: Content
    ledger: Ledger
    timeout_s: float
    cap_nano: int | None = None
    tags: dict[str, str] = {}
    capture: Capture = "full"
    cancel_key: str | None = None
    sla_ms: int | None = None
    data_class: str = ""
    security: StepSecurity | None = None
    caps: dict[str, int] = {}
    repeatable: bool = True
    asked_tier: Tier | None = None
    on_delta: OnDelta | None = None
    watched: bool = False
    guards: Guards | None = None
    subject: str = ""
    private: Private | None = None
    operation: Literal["chat", "embeddings"] = "chat"
    #: Of the stages ``route`` (``input_tokens`` is an upper bound) and ``hold``; until then as here.
    route: Route = UNROUTED
    choice: Choice | None = None
    trial: Trial = FIRST
    input_tokens: int = 0
    reserved: Reserved = NOTHING_RESERVED
    #: Of the stages ``render`` and ``policy``, where there is security: the content before it was rendered, and the
    #: routes that a policy lets the call go.
    unrendered: Content | None = None
    cleared: tuple[Route, ...] = ()

    @property
    def pinned(self) -> Pin:
        """What the caller fixes of the route."""
        return self.content.pinned

    @property
    def delivers(self) -> bool:
        """Whether the caller uses the pieces of the answer, so that no other answer may follow them."""
        return self.on_delta is not None and not self.watched

    @property
    def prompt_name(self) -> str:
        """The prompt that the call renders; empty without one."""
        return "" if self.content.template is None else self.content.template.name


class Answer(Struct, frozen=True, kw_only=True):
    """What a model answered, or had answered before (``cached``).

    ``at_s`` is when the answer was there, ``first_s`` when its first piece came, by ``time.perf_counter``; the latter
    is known of streams only. ``blocked`` is the reason why it cannot be used: of a guard that withholds it, or that it
    has no text; it is paid for in any case. ``route`` is where it is from.
    """

    response: ModelResponse
    route: Route = UNROUTED
    at_s: float = 0.0
    first_s: float | None = None
    cached: bool = False
    blocked: StepError | None = None


Proceed = Callable[[Call], Awaitable[Answer]]
"""Does the stages that follow."""


class Stage(Protocol):
    """One stage of a call."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Return the answer: of ``proceed``, asked once (more often by ``route``, ``repair`` and ``step_down``), or of
        this stage.

        Raises ``StepError``, and ``Deferred`` when nothing was done and the call must wait.
        """
        ...
