"""Doing the work of one attempt and saying how it ended. Whatever goes wrong here becomes an outcome."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.aio.retry import until_available
from connectors.ports.engine import Clock
from connectors.redis.claims.leases import Granted
from connectors.tools.context import ToolContext
from connectors.tools.effects import Reconciled, Unknown
from connectors.tools.environment import World
from connectors.tools.raised import contain, described, one_line, user_frames
from connectors.tools.registry import Registry
from connectors.tools.thread_pool import Progress
from schemas.errors import BadRecord, Rejected, StepError, TryLater, Unavailable, Undecodable
from schemas.payload import INLINE_LIMIT, Payload
from schemas.prompts.answers import read_answer
from schemas.records.base import Json, Record
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest, ToolCall
from services.calls.answers.answer import output_of, uses_of
from services.calls.call import Content, Proceed
from services.calls.cancellation import Cancellations
from services.calls.images import shown
from services.calls.ledger import Ledger
from services.calls.ports import Objects
from services.calls.timeouts import PATIENCE_S, Deferred, limited
from services.calls.transcript import read_transcript
from services.runs.bound_args import bound_args
from services.runs.outcome_records import Outcome, error_info, outcome_records
from streams.roles.worker.inputs import picture_in
from streams.roles.worker.model_call import analyzer_question, call_of, cancel_key, content_of, timeout_s
from streams.roles.worker.unknown_outcome import settled

log = logging.getLogger(__name__)

#: The longest that a tool or function may work when its node does not say.
CALL_TIMEOUT_S = 300.0
#: The longest that an attempt may take with all that it waits for: its call, two look-ups of an unknown outcome, a
#: question to a model. Nothing but a defect takes longer, and its partition must go on.
ATTEMPT_MOST_S = 1_200.0


@dataclass(frozen=True, slots=True)
class Executed:
    """What an attempt leaves: records to append, its result last, and what to count once."""

    records: list[Record]
    counts: Mapping[str, int]
    error_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tooling:
    """The tools and functions of this worker, and what they may reach."""

    registry: Registry
    documents_dir: Path
    world: World = field(default_factory=World)


class Executor:
    """Works on attempts. ``worker_id`` names this worker in results, ``call_model`` makes calls of models."""

    def __init__(
        self,
        worker_id: str,
        tooling: Tooling,
        *,
        call_model: Proceed,
        objects: Objects,
        clock: Clock,
        aborts: Cancellations,
    ) -> None:
        self._worker_id = worker_id
        self._registry = tooling.registry
        self._documents_dir = tooling.documents_dir
        self._world = tooling.world
        self._call_model = call_model
        self._objects = objects
        self._clock = clock
        self._aborts = aborts

    async def execute(self, request: StepRequest, granted: Granted | None) -> Executed:
        """Return what became of the attempt. ``granted`` is its claim; only functions need none.

        Raises ``Deferred`` when nothing was done and the attempt must wait.
        """
        ledger, started_ms = Ledger(), self._clock.now_ms()
        try:
            value = await self._bounded(request, self._settled(request, granted, ledger))
            outcome = Outcome(started_ms, self._clock.now_ms(), output=await self._payload(request, value, ledger))
        except Deferred:
            raise
        except BaseException as exc:
            if isinstance(exc, asyncio.CancelledError) and _is_canceled():
                raise
            error = _as_wanted(request, _as_step_error(request, contain(exc)))
            outcome = Outcome(started_ms, self._clock.now_ms(), error=error_info(error, request.step_id))
        return self._executed(request, outcome, ledger)

    def is_quick(self, request: StepRequest) -> bool:
        """Return whether an attempt is a pure function that waits for nothing."""
        return isinstance(request.work, FunctionCall) and self._registry.is_quick("function", request.work.name)

    def failed(self, request: StepRequest, error: StepError) -> Executed:
        """Return the outcome of an attempt that is not worked on."""
        now_ms = self._clock.now_ms()
        return self._executed(request, Outcome(now_ms, now_ms, error=error_info(error, request.step_id)), Ledger())

    async def _bounded(self, request: StepRequest, work: Awaitable[Json]) -> Json:
        """Return the result of an attempt, which ends whatever it waits for."""
        if not request.links and self.is_quick(request):
            return await work
        return await limited(work, ATTEMPT_MOST_S, f"the attempt {request.request_id}")

    async def _settled(self, request: StepRequest, granted: Granted | None, ledger: Ledger) -> Json:
        return await settled(
            request, granted, lambda: self._reconcile(request), lambda: self._value(request, granted, ledger)
        )

    async def _reconcile(self, request: StepRequest) -> Reconciled:
        """Ask the tool what became of this attempt's call. What the hook raises leaves it unknown."""
        work, args = request.work, await self._args(request)
        if not isinstance(work, ToolCall):
            return Unknown(f"a step of kind {work.kind} has no reconcile hook")
        asked = self._registry.reconcile(work.name, args, self._context(request), work.config)
        try:
            return await limited(asked, timeout_s(request, CALL_TIMEOUT_S), f"reconcile of {work.name!r}")
        except Exception as exc:  # noqa: BLE001 - the hook is user code
            _log_raised(f"reconcile of {request.request_id}", exc, "reconcile")
            return Unknown(f"its reconcile hook raised {described(exc)}")

    async def _value(self, request: StepRequest, granted: Granted | None, ledger: Ledger) -> Json:
        args = await self._args(request)
        match request.work:
            case AgentTurn() as work if granted is not None:
                return await self._turn(request, work, args, granted, ledger)
            case LlmCall() as work if granted is not None:
                pictures, named = await shown(self._context(request), work.images, args)
                return await self._answer(request, granted, ledger, content_of(work, named, pictures, given=args))
            case (ToolCall() | FunctionCall()) as work:
                return await self._tool(request, work, args, granted, ledger)
        raise StepError("bad_request", "a model is never called without a claim")

    async def _tool(
        self,
        request: StepRequest,
        work: ToolCall | FunctionCall,
        args: dict[str, Json],
        granted: Granted | None,
        ledger: Ledger,
    ) -> Json:
        context = self._context(request)
        if self._registry.is_quick(work.kind, work.name):
            return await self._registry.call(work.kind, work.name, args, context, work.config)
        async with self._aborts.breakable(cancel_key(request)):
            value = await self._limited(request, work, args, context)
        if granted is None or (question := analyzer_question(work)) is None:
            return value
        content = content_of(question, args, (await picture_in(context, args),))
        return {**value, "description": await self._answer(request, granted, ledger, content)}

    async def _limited(
        self, request: StepRequest, work: ToolCall | FunctionCall, args: dict[str, Json], context: ToolContext
    ) -> Json:
        progress, seconds = Progress(), timeout_s(request, CALL_TIMEOUT_S)
        call = self._registry.call(work.kind, work.name, args, context, work.config, progress)
        try:
            return await limited(call, seconds, f"{work.kind} {work.name!r}")
        except StepError as exc:
            if exc.code != "timeout" or progress.started:
                raise
            raise _not_started(work, seconds) from exc

    async def _answer(self, request: StepRequest, granted: Granted, ledger: Ledger, content: Content) -> Json:
        answer = await self._call_model(call_of(request, granted, ledger, content))
        return read_answer(answer.response.text, has_schema=content.output_schema is not None)

    async def _turn(
        self, request: StepRequest, work: AgentTurn, args: dict[str, Json], granted: Granted, ledger: Ledger
    ) -> Json:
        """Return what an agent's turn records: the answer, or the text with the calls that it asks for."""
        try:
            before = await read_transcript(self._objects, self._registry, request.org_id, work)
        except Unavailable as exc:
            raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc
        pictures, named = await shown(self._context(request), work.call.images, args)
        content = content_of(work.call, named, pictures, before, args)
        response = (await self._call_model(call_of(request, granted, ledger, content))).response
        if not response.asked:
            return read_answer(response.text, has_schema=content.output_schema is not None)
        ledger.tool_calls = uses_of(response)
        return output_of(response)

    async def _args(self, request: StepRequest) -> dict[str, Json]:
        try:
            return await bound_args(self._objects, request)
        except Unavailable as exc:
            raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc

    def _context(self, request: StepRequest) -> ToolContext:
        return ToolContext(
            org_id=request.org_id,
            run_id=request.run_id,
            step_id=request.step_id,
            idempotency_key=request.idempotency_key,
            documents_dir=self._documents_dir,
            objects=self._objects,
            world=self._world,
        )

    async def _payload(self, request: StepRequest, value: Any, ledger: Ledger) -> Payload:
        """Return the output as it travels. It may be paid for, so a store that is down is waited for."""
        # An agent's answer is a node's output; it is not part of a transcript.
        in_transcript = isinstance(request.work, ToolCall) or bool(ledger.tool_calls)
        most = request.inline_most if request.inline_most is not None and in_transcript else INLINE_LIMIT
        try:
            return await until_available(
                lambda: self._objects.to_payload(request.org_id, value, most=most), self._clock
            )
        except Undecodable as exc:
            raise StepError("bad_output", f"the output is not a JSON value that a record can carry: {exc}") from exc

    def _executed(self, request: StepRequest, outcome: Outcome, ledger: Ledger) -> Executed:
        records = outcome_records(request, outcome, ledger, self._worker_id)
        return Executed(records, ledger.counts, outcome.error.code if outcome.error else None)


def _as_step_error(request: StepRequest, exc: Exception) -> StepError:
    match exc:
        case StepError():
            return _checked(exc)
        case TryLater():
            return StepError("unavailable", str(exc), retryable=True, retry_after_ms=int(exc.retry_after_s * 1000))
        case Rejected() | BadRecord():
            return StepError("rejected", str(exc))
    _log_raised(f"step {request.step_id} of run {request.run_id}", exc, "step_raised")
    # A function is pure, so that what it raised once it raises again; the world of a tool may be better then.
    retryable = not isinstance(request.work, FunctionCall)
    return StepError("exception", described(exc), retryable=retryable)


def _as_wanted(request: StepRequest, error: StepError) -> StepError:
    """Return the error of an attempt, retryable if its node wants its code retried."""
    if error.code in request.retry_on:
        error.retryable = True
    return error


def _checked(exc: StepError) -> StepError:
    """Return a step's error as a record can carry it: user code may have put anything into its fields."""
    after_ms, details = exc.retry_after_ms, exc.details
    is_named = type(exc.code) is str and exc.code != "" and type(details) is dict
    if is_named and (after_ms is None or (type(after_ms) is int and 0 <= after_ms < 1 << 53)):
        return exc
    return StepError(
        "exception",
        f"it raised a StepError with code {exc.code!r:.100} and retry_after_ms {after_ms!r:.100}; "
        f"a code is a text and a time a number of milliseconds: {described(exc)}",
        retryable=bool(exc.retryable),
    )


def _log_raised(what: str, exc: Exception, action: str) -> None:
    """Write one line with the frames of the user's code, since ours tell its author nothing."""
    frames = user_frames(exc) or "no frame of its own"
    log.warning("%s raised %s; at %s", what, one_line(described(exc)), one_line(frames), extra={"action": action})


def _not_started(work: ToolCall | FunctionCall, seconds: float) -> StepError:
    return StepError(
        "not_started",
        f"{work.kind} {work.name!r} was not called: every place for plain calls was taken for {seconds:g} s; "
        "run more workers, or allow more time (policy.timeout_ms)",
        retryable=True,
    )


def _is_canceled() -> bool:
    """Return true if the worker itself ends this attempt."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
