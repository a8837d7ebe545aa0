"""A step's attempt as a call of a model.

An ``llm`` step makes one, a turn of an agent makes one with its transcript, and so does an ``image_analyzer`` with a
model once the tool has measured. The call runs under the attempt's own claim, which names it; the tool knows nothing
of it.
"""

from typing import Any

from connectors.providers.base import OutputSchema
from connectors.providers.images import ImageInput
from connectors.redis.claims.leases import Granted
from connectors.tools.builtin.images import ANALYZER, LOOK, MAX_TOKENS
from schemas.ids import content_hash, span_id, trace_id
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest, ToolCall
from services.calls.call import Call, Content, Origin, Template, Trace
from services.calls.ledger import Ledger
from services.calls.timeouts import MODEL_TIMEOUT_S
from services.calls.transcript import Transcript
from services.routing.router import Pin
from services.security.enforcement.reading import classes_of

NOTHING_BEFORE = Transcript()


def call_of(request: StepRequest, granted: Granted, ledger: Ledger, content: Content) -> Call:
    """Return the call that an attempt makes."""
    call_id = granted.call_id
    if ledger.aside:
        call_id += ledger.key_suffix
    return Call(
        org_id=request.org_id,
        call_id=call_id,
        idempotency_key=request.idempotency_key + ledger.key_suffix,
        origin=_origin(request, ledger),
        trace=_trace(request, call_id, ledger),
        tier=request.tier,
        content=content,
        ledger=ledger,
        timeout_s=timeout_s(request, MODEL_TIMEOUT_S),
        cap_nano=request.run_budget_nano,
        caps=request.caps,
        tags=request.tags,
        capture=request.capture,
        cancel_key=None if ledger.aside else cancel_key(request),
        sla_ms=request.sla_ms,
        data_class=_data_class(request),
        security=request.security,
        repeatable=request.on_unknown == "retry",
        subject=request.subject,
    )


def _trace(request: StepRequest, call_id: str, ledger: Ledger) -> Trace:
    """Return where the call's span belongs: below the attempt, and beside its run in a trace of its own."""
    if ledger.aside:
        own = f"{request.request_id}{ledger.key_suffix}"
        return Trace(trace_id=trace_id(own), span_id=span_id(own, part=call_id), state=request.tracestate)
    run_id, step_id, attempt = request.run_id, request.step_id, request.attempt
    return Trace(
        trace_id=trace_id(run_id),
        span_id=span_id(run_id, step_id, attempt, call_id),
        parent_span_id=span_id(run_id, step_id, attempt),
        state=request.tracestate,
    )


def _origin(request: StepRequest, ledger: Ledger) -> Origin:
    """Return what the call is made for; of one beside its run, nothing that would be booked to it."""
    if ledger.aside:
        return Origin(request_id=f"{request.request_id}{ledger.key_suffix}", workflow_name=request.workflow_name)
    return Origin(
        request_id=request.request_id,
        workflow_name=request.workflow_name,
        run_id=request.run_id,
        step_id=request.step_id,
        attempt=request.attempt,
        node_id=request.node_id,
        deferral=request.deferral,
    )


def content_of(
    work: LlmCall,
    args: dict[str, Any],
    pictures: tuple[ImageInput, ...] = (),
    before: Transcript = NOTHING_BEFORE,
    given: dict[str, Any] | None = None,
) -> Content:
    """Return what a node asks a model, after the transcript before it where it is a turn.

    ``given`` are the values as they were bound, where ``args`` names pictures in their place.
    """
    return Content(
        max_tokens=work.max_tokens,
        template=_template(work, args, given),
        temperature=work.temperature,
        cache=work.cache,
        cache_wish=work.cache_wish,
        pinned=Pin(work.provider, work.model),
        tools=before.tools,
        turns=before.turns,
        pictures=pictures,
        system=work.system,
        output_schema=None if work.output_schema is None else OutputSchema(work.output_schema),
        stop=tuple(work.stop),
        seed=work.seed,
        reasoning_effort=work.reasoning_effort,
        wish=work.route,
        stream=work.stream,
        options=work.provider_options,
        prompt_cache=work.prompt_cache,
        batch=work.batch,
        repair=work.form is not None and work.form.repair,
        top_p=work.top_p,
        parallel_tools=work.parallel_tools,
    )


def _template(work: LlmCall, args: dict[str, Any], given: dict[str, Any] | None) -> Template:
    return Template(
        name=work.prompt_name,
        version=work.prompt_version,
        text=work.template,
        args=args,
        form=work.form,
        given=given,
    )


def timeout_s(request: StepRequest, most_s: float) -> float:
    """Return the attempt's time limit in seconds: its policy's ``timeout_ms``, at most ``most_s``."""
    return most_s if request.timeout_ms is None else min(request.timeout_ms / 1000, most_s)


def model_call_of(request: StepRequest) -> LlmCall | None:
    """Return the call of a model that a step or a turn of an agent is, ``None`` for other work."""
    work = request.work
    asked = work.call if isinstance(work, AgentTurn) else work
    return asked if isinstance(asked, LlmCall) else None


def _data_class(request: StepRequest) -> str:
    """Return the class of the data that a call sends: the node's, then those that its labels have."""
    asked = model_call_of(request)
    own = "" if asked is None else asked.data_class
    return own if request.security is None else ",".join([own, *classes_of(request.security)]).rstrip(",")


def cancel_key(request: StepRequest) -> str | None:
    """Return what breaks the attempt off when it ends: its run, unless it runs because that has ended."""
    return None if request.compensation else request.run_id


def analyzer_question(work: ToolCall | FunctionCall) -> LlmCall | None:
    """Return what a node asks a model about its image; ``None`` where no model is configured."""
    config = work.config
    if work.kind != "tool" or work.name != ANALYZER or not config.get("model"):
        return None
    prompt = str(config.get("prompt") or LOOK)
    return LlmCall(
        prompt_name=ANALYZER,
        prompt_version=1,
        prompt_hash=content_hash(prompt.encode()),
        template=prompt,
        provider=config.get("provider"),
        model=str(config["model"]),
        max_tokens=int(config.get("max_tokens") or MAX_TOKENS),
    )
