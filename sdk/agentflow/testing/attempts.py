"""Does the work of attempts with fakes, as a worker does it with the real things."""

from collections.abc import Mapping
from typing import Any

from agentflow import engine
from agentflow.testing.fakes import Call, Fails, Fakes, MissingFake, Takes, ToolUses, read_answer


class Attempts:
    """Turns requests into results. ``calls`` has every call of a fake, in order."""

    def __init__(self, fakes: Fakes) -> None:
        self.calls: list[Call] = []
        self._fakes = fakes

    def result(
        self, request: engine.StepRequest, now_ms: int, elapsed_ms: int
    ) -> tuple[int, engine.StepSucceeded | engine.StepFailed]:
        """Return the result of an attempt, and when it is there."""
        call = _call(request, elapsed_ms)
        self.calls.append(call)
        took_ms, answer, error = 0, None, None
        try:
            call.prompt = _rendered(request, call)
            took_ms, answer = _timed(request, self._fakes.answer(call))
        except MissingFake:
            raise
        except Fails as exc:
            took_ms, error = _limited(request, exc)
        except Exception as exc:  # noqa: BLE001 - a fake is user code, and what it raises fails its attempt
            error = _raised(request, exc)
        call.error = None if error is None else error.code
        common = _common(request, now_ms, now_ms + took_ms)
        if error is not None:
            return now_ms + took_ms, engine.StepFailed(error=_info(request, error), **common)
        call.output, uses = _output(answer, call)
        succeeded = engine.StepSucceeded(output=engine.inline(call.output), tool_calls=uses, **common)
        return now_ms + took_ms, succeeded


def _call(request: engine.StepRequest, elapsed_ms: int) -> Call:
    turn = len(request.work.before) if isinstance(request.work, engine.AgentTurn) else 0
    work = request.work.call if isinstance(request.work, engine.AgentTurn) else request.work
    is_model = isinstance(work, engine.LlmCall)
    return Call(
        kind="model" if is_model else work.kind,
        name=f"{work.prompt_name}@{work.prompt_version}" if isinstance(work, engine.LlmCall) else work.name,
        run_id=request.run_id,
        step_id=request.step_id,
        node_id=request.node_id,
        attempt=request.attempt,
        args=request.args,
        idempotency_key=request.idempotency_key,
        at_s=elapsed_ms / 1000,
        system=work.system if isinstance(work, engine.LlmCall) else "",
        tier=request.tier,
        turn=turn,
        config={} if isinstance(work, engine.LlmCall) else work.config,
    )


def _rendered(request: engine.StepRequest, call: Call) -> str:
    work = request.work.call if isinstance(request.work, engine.AgentTurn) else request.work
    if not isinstance(work, engine.LlmCall):
        return ""
    try:
        return engine.render_text(work.template, work.form, dict(call.args))
    except engine.MissingVariable as exc:
        raise Fails("missing_variable", f"prompt {call.name}: {exc}", retryable=False) from exc
    except engine.TemplateError as exc:
        raise Fails("bad_template", f"prompt {call.name}: {exc}", retryable=False) from exc


def _timed(request: engine.StepRequest, answer: Any) -> tuple[int, Any]:
    """Return how long an answer takes in milliseconds, and the answer. Raises ``Fails`` at the node's time limit."""
    if not isinstance(answer, Takes):
        return 0, answer
    took_ms = round(answer.seconds * 1000)
    if request.timeout_ms is not None and took_ms > request.timeout_ms:
        raise Fails("timeout", after_s=answer.seconds)
    return took_ms, answer.answer


def _limited(request: engine.StepRequest, error: Fails) -> tuple[int, Fails]:
    """Return how long a failure takes in milliseconds, and the failure, or that of the node's time limit."""
    took_ms = round(error.after_s * 1000)
    if request.timeout_ms is None or took_ms <= request.timeout_ms:
        return took_ms, error
    said = f"took longer than {request.timeout_ms / 1000:g} s; allow more time (policy.timeout_ms)"
    return request.timeout_ms, Fails("timeout", said)


def _raised(request: engine.StepRequest, exc: Exception) -> Fails:
    """Return the error of a call that raised: a function's is final, since it would raise the same again."""
    retryable = not isinstance(request.work, engine.FunctionCall)
    return Fails("exception", f"{type(exc).__name__}: {exc}", retryable=retryable)


def _info(request: engine.StepRequest, error: Fails) -> engine.ErrorInfo:
    after_ms = None if error.retry_after_s is None else round(error.retry_after_s * 1000)
    return engine.ErrorInfo(
        code=error.code,
        message=str(error),
        retryable=error.retryable or error.code in request.retry_on,
        retry_after_ms=after_ms,
        step_id=request.step_id,
    )


def _common(request: engine.StepRequest, started_ms: int, finished_ms: int) -> dict[str, Any]:
    return {
        "run_id": request.run_id,
        "org_id": request.org_id,
        "step_id": request.step_id,
        "attempt": request.attempt,
        "worker_id": "simulator",
        "started_at_ms": started_ms,
        "finished_at_ms": finished_ms,
    }


def _output(answer: Any, call: Call) -> tuple[Any, list[engine.ToolUse]]:
    if not isinstance(answer, ToolUses):
        return (read_answer(answer) if call.kind == "model" and isinstance(answer, str) else answer), []
    asked = [(f"call_{call.turn + 1}_{n}", name, args) for n, (name, args) in enumerate(answer.uses, start=1)]
    uses = [engine.ToolUse(id=id_, name=name, args=dict(args)) for id_, name, args in asked]
    calls: list[Mapping[str, Any]] = [{"id": id_, "name": name, "args": dict(args)} for id_, name, args in asked]
    return {"text": answer.text, "tool_calls": calls}, uses
