"""Nodes of type ``llm``, ``tool`` and ``function``: a worker does what the step asks for.

The first request is made when the step is ready, another one for each retry and after each deferral. A backstop timer
ends an attempt of which no worker says anything.
"""

from collections.abc import Callable

import msgspec

from schemas.errors import BadRecord
from schemas.metrics import STEP_RETRIES_TOTAL
from schemas.money import NANO_PER_CENT
from schemas.policies.closed_schemas import is_closed
from schemas.prompts.effective import effective
from schemas.prompts.form import PLAIN, PromptForm
from schemas.prompts.refs import parse_prompt_ref
from schemas.records.base import ErrorInfo
from schemas.records.steps import (
    CacheWish,
    FunctionCall,
    LlmCall,
    RouteWish,
    SemanticWish,
    TemplateForm,
    TemplateMessage,
    TemplatePart,
    ToolCall,
)
from schemas.records.timers import ApprovalTimeout, Backstop, Defer, Retry
from schemas.spec.caching import CachePolicy, size_of
from schemas.spec.model import AgentNode, FunctionNode, LlmNode, PinnedPrompt, ToolNode, WorkflowSpec
from schemas.spec.policy import RoutePolicy, Tier
from streams.core.commands import Count
from streams.core.runs.nodes import approval
from streams.core.runs.nodes.kind import NO_TIMER, Compiled, Compiling, Ended, KindRules, OnTimer
from streams.core.runs.plan.arguments import Datum
from streams.core.runs.plan.model import Other, PlanNode
from streams.core.runs.requests.step_request import asked_again, request, timeout_timer
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step

Ask = Callable[[RunChanges, str, Step], None]
_PLAIN_TEXT = TemplateForm()


def compile_llm(node: LlmNode, compiling: Compiling) -> Compiled:
    """Return the call of a model."""
    call = llm_call(node, compiling)
    others = {one.version: Other(call_with(node, compiling, one)) for one in other_versions(node, compiling)}
    calls = (call, *(one.call for one in others.values())) if node.config.quarantined else ()
    opened = frozenset(one.prompt_version for one in calls if not is_closed(one.output_schema))
    return Compiled(work=call, call=call, takes_inputs=True, label=label_of(node), others=others, open_versions=opened)


def compile_tool(node: ToolNode, _compiling: Compiling) -> Compiled:
    """Return the call of a tool."""
    config = node.config
    work = ToolCall(name=config.tool_name, config=config.tool_config, output_schema=config.output_schema)
    return Compiled(work=work, args=config.tool_args, takes_inputs=True)


def compile_function(node: FunctionNode, _compiling: Compiling) -> Compiled:
    """Return the call of a function."""
    config = node.config
    work = FunctionCall(name=config.function_name, config=config.function_config, output_schema=config.output_schema)
    return Compiled(work=work, args=config.function_args, takes_inputs=True)


def llm_call(node: LlmNode | AgentNode, compiling: Compiling) -> LlmCall:
    """Return the call of a node that asks a model. Raises ``BadRecord`` for a prompt that is not pinned."""
    prompt = compiling.resolved.prompts.get(node.config.prompt_ref)
    if prompt is None:
        raise BadRecord("bad_spec", f"node '{node.id}' has the prompt {node.config.prompt_ref}, which is not pinned")
    return call_with(node, compiling, prompt)


def label_of(node: LlmNode | AgentNode) -> str:
    """Return the label by which a node names its prompt, empty for a version or the newest one."""
    return parse_prompt_ref(node.config.prompt_ref).label or ""


def other_versions(node: LlmNode | AgentNode, compiling: Compiling) -> list[PinnedPrompt]:
    """Return the versions of a node's prompt that are pinned beside the one that its label names."""
    if not label_of(node):
        return []
    prompts = compiling.resolved.prompts
    own = prompts[node.config.prompt_ref]
    return [
        one
        for ref, one in prompts.items()
        if one.name == own.name and one.version != own.version and ref == f"{one.name}@{one.version}"
    ]


def call_with(node: LlmNode | AgentNode, compiling: Compiling, prompt: PinnedPrompt) -> LlmCall:
    """Return the call of a node with a version of its prompt."""
    is_cached, cache_wish = _cache(node, compiling.resolved.spec)
    config = effective(node, prompt)
    return LlmCall(
        prompt_name=prompt.name,
        prompt_version=prompt.version,
        prompt_hash=prompt.hash,
        template=prompt.template,
        provider=config.provider,
        model=config.model,
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        cache=is_cached,
        images=list(config.images),
        system=config.system,
        output_schema=config.output_schema,
        stop=list(config.stop),
        seed=config.seed,
        reasoning_effort=config.reasoning_effort,
        route=_route_wish(node.policy.route, node.policy.quality),
        data_class=node.policy.data_class,
        stream=node.policy.stream,
        top_p=config.top_p,
        parallel_tools=config.parallel_tools,
        provider_options=node.policy.provider_options,
        prompt_cache=node.policy.prompt_cache,
        batch=node.policy.batch,
        cache_wish=cache_wish,
        form=_template_form(prompt.form, repair=config.repair),
    )


def _template_form(form: PromptForm | None, *, repair: bool) -> TemplateForm | None:
    """Return how a prompt's texts are read and its values and answers checked; ``None`` for a plain text."""
    form = PLAIN if form is None else form
    made = TemplateForm(
        dialect=form.dialect,
        messages=[TemplateMessage(**one.model_dump()) for one in form.messages],
        refs=form.refs,
        parts={name: TemplatePart(**one.model_dump()) for name, one in form.parts.items()},
        input_schema=form.input_schema,
        repair=repair,
    )
    return None if made == _PLAIN_TEXT else made


def _cache(node: LlmNode | AgentNode, spec: WorkflowSpec) -> tuple[bool, CacheWish | None]:
    """Return whether a node's earlier answers are used, and how. What it says goes before what its workflow says."""
    config, space = node.config, f"{spec.name}/{node.id}"
    is_cached, policy = config.cache, config.cache_policy
    if not is_cached and policy is None and isinstance(node, LlmNode):
        is_cached, policy, space = spec.cache, spec.cache_policy, spec.name
    return is_cached, _cache_wish(policy, space) if is_cached and policy is not None else None


def _cache_wish(policy: CachePolicy, space: str) -> CacheWish:
    semantic, most = policy.semantic, policy.max_size
    return CacheWish(
        ttl_s=policy.ttl,
        stale_s=policy.stale,
        negative_s=policy.negative_ttl,
        space=space if most is not None else "",
        max_bytes=0 if most is None else size_of(most),
        semantic=None if semantic is None else SemanticWish(**semantic.model_dump()),
    )


def _route_wish(policy: RoutePolicy | None, tier: Tier) -> RouteWish | None:
    if policy is None:
        return None
    return RouteWish(
        by=policy.by,
        models=policy.models,
        ceiling_nano=int((policy.mean_cost_cents or 0) * NANO_PER_CENT),
        fallbacks=policy.max_fallbacks,
        hedge=policy.hedge == "auto" or (policy.hedge is None and tier == "gold"),
    )


def start(run: RunChanges, _node: PlanNode, step_id: str, step: Step, item: Datum | None) -> Step:
    """Ask for the first attempt. Raises ``BindingError``."""
    request(run, step_id, step, item)
    return step


def outstanding(run: RunChanges, step_id: str, step: Step) -> None:
    """Request an attempt again that was requested. Raises ``BindingError``."""
    if step.state == "running":
        request(run, step_id, step)


def count_retry(run: RunChanges, step: Step) -> None:
    """Count an attempt that follows a failed one."""
    labels = (("workflow", run.header.workflow_name), ("node", run.node_of(step).name))
    run.commands.append(Count(STEP_RETRIES_TOTAL, labels))


def ask_again(run: RunChanges, step_id: str, step: Step, attempt: int, deferral: int, ask: Ask = request) -> None:
    """Ask for an attempt after the first request. ``ask`` makes the request. Raises ``BindingError``."""
    timer, due_ms = timeout_timer(run.node_of(step), step_id, attempt, run.now_ms)
    again = run.change(
        step_id,
        step,
        state="running",
        attempt=attempt,
        deferral=deferral,
        timer=timer,
        due_ms=due_ms,
        waiting_for=None,
        **asked_again(run, step),
    )
    ask(run, step_id, again)
    if timer is not None and due_ms is not None:
        run.arm(timer, due_ms)


def retry(run: RunChanges, step_id: str, step: Step, ask: Ask = request) -> None:
    """Ask for the next attempt."""
    count_retry(run, step)
    ask_again(run, step_id, step, step.attempt + 1, 0, ask)


def deferred(run: RunChanges, step_id: str, step: Step, ask: Ask = request) -> None:
    """Ask again for an attempt that was given back."""
    ask_again(run, step_id, step, step.attempt, step.deferral, ask)


def time_out(run: RunChanges, step_id: str, step: Step) -> Ended:
    """End an attempt that nobody answered. Its cost may still come."""
    error = ErrorInfo(
        code="timeout",
        message=f"no worker gave a result of attempt {step.attempt} in time; see whether workers run and keep up",
        retryable=True,
        step_id=step_id,
    )
    if run.node_of(step).policy.on_unknown != "retry" and step.gather is None:
        # This attempt may have had its effect, and the node allows no other one while nobody knows.
        error = msgspec.structs.replace(error, code="outcome_unknown", retryable=False)
    return Ended(step_id, error=error, changes=gone(run, step))


def gone(run: RunChanges, step: Step) -> dict[str, object]:
    """Return the fields of a step whose open attempt ends without an outcome."""
    return {"unsettled": (*step.unsettled, step.attempt), "finished_at_ms": run.now_ms, **NO_TIMER}


ON_TIMER: OnTimer = {Retry: retry, Defer: deferred, Backstop: time_out, ApprovalTimeout: approval.time_out}

LLM = KindRules(compile_llm, start, ON_TIMER, outstanding=outstanding)
TOOL = KindRules(compile_tool, start, ON_TIMER, outstanding=outstanding)
FUNCTION = KindRules(compile_function, start, ON_TIMER, outstanding=outstanding)
