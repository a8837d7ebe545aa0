"""Does the work of attempts with fakes, as a worker does it with the real things."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentflow import engine
from agentflow.testing import model_calls
from agentflow.testing.fakes import Call, Fails, Fakes, MissingFake, Takes, ToolUses


@dataclass(frozen=True)
class Read:
    """An answer whose text was read by its schema already."""

    value: Any


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
        try:
            took_ms, answer = self._answered(request, call)
        except Fails as exc:
            ended_ms = now_ms + round(exc.after_s * 1000)
            return ended_ms, engine.StepFailed(error=_info(request, exc), **_common(request, now_ms, ended_ms))
        output, uses = _output(answer, call)
        self.calls[-1].output = output
        common = _common(request, now_ms, now_ms + took_ms)
        return now_ms + took_ms, engine.StepSucceeded(output=engine.inline(output), tool_calls=uses, **common)

    def _answered(self, request: engine.StepRequest, call: Call) -> tuple[int, Any]:
        """Return how long an attempt takes in milliseconds, and its answer. Raises ``Fails``."""
        took_ms, answer = self._asked(request, call)
        work = model_calls.work_of(request)
        if work is None:
            _misfit(request, call, answer, took_ms)
            return took_ms, answer
        if not model_calls.has_answered(work, answer):
            return took_ms, answer
        value, problem = model_calls.checked(work, answer)
        if problem is None:
            return took_ms, Read(value)
        call.output, call.error = problem.text, problem.code
        is_late = request.timeout_ms is not None and took_ms >= request.timeout_ms
        if not model_calls.repairs(work) or is_late:
            raise model_calls.refused(problem, took_ms / 1000)
        return self._repaired(request, call, problem, took_ms)

    def _repaired(
        self, request: engine.StepRequest, call: Call, first: engine.InvalidOutput, spent_ms: int
    ) -> tuple[int, Any]:
        work = model_calls.work_of(request)
        second = model_calls.again(call, first, spent_ms / 1000)
        try:
            took_ms, answer = self._asked(request, second, spent_ms)
        except Fails as exc:
            raise model_calls.refused(first, exc.after_s, exc) from exc
        if work is None or not model_calls.has_answered(work, answer):
            return took_ms, answer
        value, problem = model_calls.checked(work, answer)
        if problem is None:
            return took_ms, Read(value)
        second.output, second.error = problem.text, problem.code
        problem.details = problem.details | {"repair": "the second answer breaks it, too"}
        raise model_calls.refused(problem, took_ms / 1000)

    def _asked(self, request: engine.StepRequest, call: Call, spent_ms: int = 0) -> tuple[int, Any]:
        """Return what a fake answers, and when, from the attempt's start. Raises ``Fails`` with that time."""
        self.calls.append(call)
        try:
            work = model_calls.work_of(request)
            if work is not None and not call.is_repair:
                model_calls.render(work, call)
            return _timed(request, self._fakes.answer(call), spent_ms)
        except MissingFake:
            raise
        except Exception as exc:  # a fake is user code, and what it raises fails its attempt
            failed = _limited(request, exc if isinstance(exc, Fails) else _raised(request, exc), spent_ms)
            call.error = failed.code
            raise failed from exc


def _call(request: engine.StepRequest, elapsed_ms: int) -> Call:
    turn = len(request.work.before) if isinstance(request.work, engine.AgentTurn) else 0
    work = request.work.call if isinstance(request.work, engine.AgentTurn) else request.work
    return Call(
        kind="model" if isinstance(work, engine.LlmCall) else work.kind,
        name=f"{work.prompt_name}@{work.prompt_version}" if isinstance(work, engine.LlmCall) else work.name,
        run_id=request.run_id,
        step_id=request.step_id,
        node_id=request.node_id,
        attempt=request.attempt,
        args=request.args,
        idempotency_key=request.idempotency_key,
        at_s=elapsed_ms / 1000,
        system=work.system if isinstance(work, engine.LlmCall) else "",
        parameters=model_calls.parameters_of(work) if isinstance(work, engine.LlmCall) else {},
        tier=request.tier,
        turn=turn,
        config={} if isinstance(work, engine.LlmCall) else work.config,
    )


def _timed(request: engine.StepRequest, answer: Any, spent_ms: int) -> tuple[int, Any]:
    """Return when an answer is there in milliseconds, and the answer. Raises ``Fails`` at the node's time limit."""
    if not isinstance(answer, Takes):
        return spent_ms, answer
    took_ms = spent_ms + round(answer.seconds * 1000)
    if request.timeout_ms is not None and took_ms > request.timeout_ms:
        raise Fails("timeout", after_s=answer.seconds)
    return took_ms, answer.answer


def _limited(request: engine.StepRequest, error: Fails, spent_ms: int) -> Fails:
    """Return a failure with its time from the attempt's start, or that of the node's time limit."""
    took_ms = spent_ms + round(error.after_s * 1000)
    if request.timeout_ms is not None and took_ms > request.timeout_ms:
        said = f"took longer than {request.timeout_ms / 1000:g} s; allow more time (policy.timeout_ms)"
        return Fails("timeout", said, after_s=request.timeout_ms / 1000)
    more: dict[str, Any] = {"retryable": error.retryable, "retry_after_s": error.retry_after_s}
    return Fails(error.code, str(error), after_s=took_ms / 1000, details=error.details, **more)


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
        details=error.details,
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
    if isinstance(answer, Read):
        return answer.value, []
    if not isinstance(answer, ToolUses):
        return (engine.read_answer(answer) if call.kind == "model" and isinstance(answer, str) else answer), []
    asked = [(f"call_{call.turn + 1}_{n}", name, args) for n, (name, args) in enumerate(answer.uses, start=1)]
    uses = [engine.ToolUse(id=id_, name=name, args=dict(args)) for id_, name, args in asked]
    calls: list[Mapping[str, Any]] = [{"id": id_, "name": name, "args": dict(args)} for id_, name, args in asked]
    return {"text": answer.text, "tool_calls": calls}, uses


def _misfit(request: engine.StepRequest, call: Call, value: Any, took_ms: int) -> None:
    """Raise ``Fails`` for what a tool or function gave, if it breaks the schema of its node."""
    work = request.work
    if not isinstance(work, engine.ToolCall | engine.FunctionCall) or work.output_schema is None:
        return
    if found := engine.misfits(work.output_schema, value):
        call.error, said = "bad_output", "; ".join(f"{at}: {what}" for at, what in found)
        message = f"the output of {work.kind} '{work.name}' breaks `output_schema`: {said}"
        raise Fails("bad_output", message, retryable=False, after_s=took_ms / 1000)
