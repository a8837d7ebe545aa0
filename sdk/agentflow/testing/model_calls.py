"""What a call of a model says, and whether its answer is one, by the rules of a worker."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentflow import engine
from agentflow.testing.fakes import Call, Fails, ToolUses

_BREAK = "\n\n"
_PARAMETERS = ("provider", "model", "temperature", "top_p", "stop", "seed", "reasoning_effort")


def work_of(request: engine.StepRequest) -> engine.LlmCall | None:
    """Return what a request asks a model, ``None`` if it asks none."""
    work = request.work.call if isinstance(request.work, engine.AgentTurn) else request.work
    return work if isinstance(work, engine.LlmCall) else None


def parameters_of(work: engine.LlmCall) -> Mapping[str, Any]:
    """Return the parameters of a call that are given, and ``max_tokens``, which always is."""
    given = {name: getattr(work, name) for name in _PARAMETERS}
    return {"max_tokens": work.max_tokens} | {name: value for name, value in given.items() if value not in (None, [])}


def render(work: engine.LlmCall, call: Call) -> None:
    """Fill in what a call says. Raises ``Fails`` with the code of a worker."""
    try:
        said = engine.rendered_for(call.name, work.template, work.form, dict(call.args))
    except engine.StepError as exc:
        raise _failed(exc) from exc
    call.prompt, call.developer, call.history = said.prompt, said.developer, said.history
    call.system = _BREAK.join(filter(None, (work.system, said.system)))


def has_answered(work: engine.LlmCall | None, answer: Any) -> bool:
    """Return true for an answer that a schema judges: a turn that asks for tools has not answered yet."""
    return work is not None and work.output_schema is not None and not isinstance(answer, ToolUses)


def checked(work: engine.LlmCall, answer: Any) -> tuple[Any, engine.InvalidOutput | None]:
    """Return the value of an answer to a call with a schema, or its text and what is wrong about it."""
    text = answer if isinstance(answer, str) else engine.write_json(answer).decode()
    found = engine.checked_output(text, work.output_schema or {}, lenient=repairs(work))
    if found.problem is not None:
        return text, found.problem
    return engine.read_answer(found.text, has_schema=True), None


def repairs(work: engine.LlmCall) -> bool:
    """Return true if an answer that breaks its schema is read leniently, else requested once more."""
    return work.form is not None and work.form.repair


def again(call: Call, first: engine.InvalidOutput, after_s: float) -> Call:
    """Return the second call, with the answer to the first and what is wrong about it."""
    prompt, history = engine.correction(first.found), call.history
    if call.turn:
        prompt = engine.correction_in_turn(call.prompt, first.text, first.found)
    else:
        history = (*history, ("user", call.prompt), ("assistant", first.text))
    key = engine.repair_idempotency_key(call.idempotency_key)
    second = replace(call, prompt=prompt, history=history, idempotency_key=key, at_s=call.at_s + after_s)
    second.is_repair, second.output, second.error = True, None, None
    return second


def refused(problem: engine.InvalidOutput, after_s: float, second: Fails | None = None) -> Fails:
    """Return the failure of an attempt without a valid answer. ``second`` is why the second call has none."""
    details = dict(problem.details)
    if second is not None:
        details["repair"] = f"no second answer: {second.code}: {second}"
    retryable = second is not None and second.retryable
    return Fails(problem.code, str(problem), retryable=retryable, after_s=after_s, details=details)


def _failed(error: engine.StepError) -> Fails:
    return Fails(error.code, str(error), retryable=error.retryable, details=error.details)
