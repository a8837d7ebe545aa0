"""Doing the work of one attempt and saying how it ended. Whatever goes wrong here becomes an outcome."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from connectors.aio.retry import until_available
from connectors.ports.engine import Clock
from connectors.redis.claims.leases import Granted
from connectors.tools.context import McpCaller, NoMcp, ToolContext
from connectors.tools.effects import Reconciled, Unknown, without_secrets
from connectors.tools.environment import World
from connectors.tools.isolation.raised import contain, described
from connectors.tools.isolation.thread_pool import Progress
from connectors.tools.registry import Registry
from connectors.tools.secrets import NO_SECRETS, CallSecrets
from schemas.errors import StepError, Unavailable, Undecodable
from schemas.ids import span_id, trace_id
from schemas.payload import INLINE_LIMIT, Payload, Reference
from schemas.privacy.wants import Sealing
from schemas.prompts.answers import read_answer
from schemas.records.base import Json, Record
from schemas.records.hashes import value_hash
from schemas.records.run_events import StepFailed
from schemas.records.security.pinned import Decision
from schemas.records.steps import AgentTurn, FunctionCall, LlmCall, StepRequest, ToolCall
from schemas.trace_context import context_headers
from services.calls.answers.answer import output_of, uses_of
from services.calls.call import Answer, Call, Content, Proceed
from services.calls.cancellation import Cancellations
from services.calls.images import shown
from services.calls.ledger import Ledger, ToolRun
from services.calls.ports import Objects
from services.calls.security.marked_turns import marked_transcript
from services.calls.timeouts import PATIENCE_S, Deferred, limited
from services.calls.transcript import read_transcript, transcript_hash
from services.privacy.subjects.outcomes import OutcomeSeals, erased
from services.runs.attempts.answer_guards import AnswerGuards
from services.runs.attempts.fitting import fitting
from services.runs.attempts.outcome import Outcome, error_info
from services.runs.attempts.private import AttemptPrivacy
from services.runs.attempts.spans import TOOL
from services.runs.attempts.tool_guard import ToolGuard
from services.runs.attempts.watched import Watchers
from services.runs.bound_args import bound_args
from services.runs.outcome_records import outcome_records
from services.tools.secrets import ToolSecrets
from streams.roles.worker.errors import as_step_error, as_wanted, log_raised, not_started
from streams.roles.worker.inputs import picture_in
from streams.roles.worker.model_call import analyzer_question, call_of, cancel_key, content_of, timeout_s
from streams.roles.worker.references import References
from streams.roles.worker.rollouts import Part, Rollouts, outcomes_of
from streams.roles.worker.shadows import Answers, MakeCall, ShadowPorts, Shadows
from streams.roles.worker.unknown_outcome import settled

log = logging.getLogger(__name__)

#: The longest that a tool or function may work when its node does not say.
CALL_TIMEOUT_S = 300.0
#: The longest that an attempt may take with all that it waits for: its call, two look-ups of an unknown outcome, a
#: question to a model. Nothing but a defect takes longer, and its partition must go on.
ATTEMPT_MOST_S = 1_200.0


@dataclass(frozen=True, slots=True)
class Executed:
    """What an attempt leaves: records to append, its result last, what to count once, and what policies decided."""

    records: list[Record]
    counts: Mapping[str, int]
    error_code: str | None
    decisions: Sequence[Decision] = ()
    decided_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tooling:
    """The tools and functions of this worker, and what they may reach; without ``secrets`` no organisation has any."""

    registry: Registry
    documents_dir: Path
    world: World = field(default_factory=World)
    secrets: ToolSecrets | None = None
    mcp: McpCaller = field(default_factory=NoMcp)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorPorts:
    """What attempts ask and write. ``call_model`` makes calls of models.

    ``rollouts`` knows of withdrawn versions; without it every version is called as it was requested. ``shadow_answers``
    keeps answers that nobody is shown, to be scored. ``guard`` asks policies before tools are called; ``answer_guards``
    knows which guards look at answers, ``privacy`` what redacts. ``seals`` seal the records of runs with a data
    subject; without them such a run cannot be worked on. ``watchers`` read answers as they come,
    ``references`` are asked what models were asked.
    """

    call_model: Proceed
    objects: Objects
    clock: Clock
    aborts: Cancellations
    guard: ToolGuard
    answer_guards: AnswerGuards
    privacy: AttemptPrivacy
    rollouts: Rollouts | None = None
    shadow_answers: Answers | None = None
    references: Callable[[MakeCall], References] | None = None
    seals: OutcomeSeals | None = None
    watchers: Watchers | None = None


class Executor:
    """Works on attempts. ``worker_id`` names this worker in results."""

    def __init__(self, worker_id: str, tooling: Tooling, ports: ExecutorPorts) -> None:
        self._worker_id = worker_id
        self._tooling = tooling
        self._registry = tooling.registry
        self._call_model, self._objects, self._clock = ports.call_model, ports.objects, ports.clock
        self._aborts, self._watchers = ports.aborts, ports.watchers
        self._guard, self._answer_guards = ports.guard, ports.answer_guards
        self._privacy, self._seals = ports.privacy, ports.seals
        self._rollouts = ports.rollouts
        self._references = None if ports.references is None else ports.references(self._value)
        self._shadows = None if ports.rollouts is None else self._shadowing(ports, ports.rollouts)

    def _shadowing(self, ports: ExecutorPorts, rollouts: Rollouts) -> Shadows:
        return Shadows(
            ShadowPorts(
                call=self._value,
                say=rollouts.say,
                objects=ports.objects,
                clock=ports.clock,
                answers=ports.shadow_answers,
            )
        )

    async def close(self) -> None:
        """Break off the calls that nobody waits for."""
        if self._shadows is not None:
            await self._shadows.close()
        if self._references is not None:
            await self._references.close()

    async def execute(self, request: StepRequest, granted: Granted | None, taken_ms: int | None = None) -> Executed:
        """Return what became of the attempt. ``granted`` is its claim; only functions need none.

        ``taken_ms`` is when the worker began to claim it. Raises ``Deferred`` when nothing was done and the attempt
        must wait.
        """
        ledger, started_ms = Ledger(), self._clock.now_ms()
        if taken_ms is not None:
            ledger.waited("claim", taken_ms, started_ms)
        part = Part(request) if self._rollouts is None else await self._rollouts.begin(request)
        request = part.request
        ledger.begun, ledger.key_suffix = part.expose, part.key_suffix
        try:
            value = await self._bounded(request, self._settled(request, granted, ledger))
            if self._references is not None and granted is not None:
                self._references.start(request, granted, ledger, value)
            outcome = Outcome(started_ms, self._clock.now_ms(), output=await self._payload(request, value, ledger))
        except Deferred:
            raise
        except BaseException as exc:
            if isinstance(exc, asyncio.CancelledError) and _is_canceled():
                raise
            error = as_wanted(request, as_step_error(request, contain(exc)))
            error = await self._privacy.error(request, error, ledger)
            outcome = Outcome(started_ms, self._clock.now_ms(), error=error_info(error, request.step_id))
        if ledger.rendered:
            # An earlier answer, or a prompt that cannot be rendered, asked no provider.
            await part.expose()
        if part.exposed:
            outcome = replace(outcome, exposed=True)
            # An answer of a shadow would be kept apart from its run, to be scored.
            if self._shadows is not None and granted is not None and not request.subject:
                self._shadows.start(part, granted)
        executed = self._executed(request, outcome, ledger, part)
        return executed if not request.subject else await self._sealed(request, executed)

    async def _sealed(self, request: StepRequest, executed: Executed) -> Executed:
        """Return what an attempt of a run with a data subject leaves, as the log may have it."""
        if self._seals is None:
            records: list[Record] = [erased(record) for record in executed.records]
        else:
            records = await self._seals.sealed(request.org_id, request.subject, executed.records)
        result = records[-1]
        return replace(
            executed, records=records, error_code=result.error.code if isinstance(result, StepFailed) else None
        )

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
        context = self._context(request)
        asked = self._registry.reconcile(work.name, args, context, work.config)
        try:
            found = await limited(asked, timeout_s(request, CALL_TIMEOUT_S), f"reconcile of {work.name!r}")
            return without_secrets(found, context.secrets)
        except Exception as raised:  # noqa: BLE001 - the hook is user code
            exc = context.secrets.cleaned_error(raised) or raised
            log_raised(f"reconcile of {request.request_id}", exc, "reconcile")
            return Unknown(f"its reconcile hook raised {described(exc)}")

    async def _value(self, request: StepRequest, granted: Granted | None, ledger: Ledger) -> Json:
        args = await self._args(request)
        ledger.input_hash = value_hash(args)
        match request.work:
            case AgentTurn() as work if granted is not None:
                return await self._turn(request, work, args, granted, ledger)
            case LlmCall() as work if granted is not None:
                pictures, named = await shown(self._context(request), work.images, args)
                content = content_of(work, named, pictures, given=args)
                answer = await self._answer(request, granted, ledger, content)
                return await self._privacy.logged(request, answer, ledger, "answer")
            case (ToolCall() | FunctionCall()) as work:
                value = fitting(work, await self._tool(request, work, args, granted, ledger))
                if isinstance(work, ToolCall):
                    value = self._guard.given(request, work, value, ledger)
                return await self._privacy.logged(request, value, ledger, "tool_result")
        raise StepError("bad_request", "a model is never called without a claim")

    async def _tool(
        self,
        request: StepRequest,
        work: ToolCall | FunctionCall,
        args: dict[str, Json],
        granted: Granted | None,
        ledger: Ledger,
    ) -> Json:
        if isinstance(work, ToolCall) and request.security is not None:
            args = await self._allowed(request, work, self._taken(work, args), ledger)
        value = await self._called(request, work, args, ledger)
        if granted is None or (question := analyzer_question(work)) is None:
            return value
        context = self._context(request)
        # What the tool found is not yet the output of the attempt.
        ledger.tool = ledger.tool and replace(ledger.tool, output_hash=value_hash(value))
        content = content_of(question, args, (await picture_in(context, args),))
        return {**value, "description": await self._answer(request, granted, ledger, content)}

    async def _allowed(
        self, request: StepRequest, work: ToolCall, args: dict[str, Json], ledger: Ledger
    ) -> dict[str, Json]:
        """Return the arguments that a tool is called with, values put back where its run's policy says so."""
        restoring = self._privacy.restoring(request, work.name, args, ledger)
        if restoring is None:
            return await self._guard.allowed(request, work, args, ledger)
        args = await self._guard.allowed(restoring.request, work, args, ledger)
        return await restoring.values(args)

    def _taken(self, work: ToolCall, args: dict[str, Json]) -> dict[str, Json]:
        """Return the arguments that the tool takes: a node without ``inputs`` gives it more, which it never sees."""
        names = self._registry.argument_names("tool", work.name)
        return args if names is None else {name: value for name, value in args.items() if name in names}

    async def _called(
        self, request: StepRequest, work: ToolCall | FunctionCall, args: dict[str, Json], ledger: Ledger
    ) -> Json:
        """Return what a tool or function gives, and note in the ledger when a tool was called."""
        context = self._context(request)
        if isinstance(work, FunctionCall):
            if self._registry.is_quick(work.kind, work.name):
                return await self._registry.call(work.kind, work.name, args, context, work.config)
            async with self._aborts.breakable(cancel_key(request)):
                return await self._limited(request, work, args, context)
        since_ms, failed = self._clock.now_ms(), True
        try:
            async with self._aborts.breakable(cancel_key(request)):
                value = context.secrets.cleaned(await self._limited(request, work, args, context))
            failed = False
        except Exception as exc:
            if (cleaned := context.secrets.cleaned_error(exc)) is not None:
                raise cleaned from None
            raise
        finally:
            ledger.tool = ToolRun(since_ms, self._clock.now_ms(), failed=failed)
        return value

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
            raise not_started(work, seconds) from exc

    async def _answer(self, request: StepRequest, granted: Granted, ledger: Ledger, content: Content) -> Json:
        answer = await self._ask(request, granted, ledger, content)
        return read_answer(answer.response.text, has_schema=content.output_schema is not None)

    async def _ask(self, request: StepRequest, granted: Granted, ledger: Ledger, content: Content) -> Answer:
        call = self._call(request, granted, ledger, content)
        if self._watchers is None or ledger.aside:
            return await self._call_model(call)
        return await self._watchers.ask(request, call, self._call_model)

    def _call(self, request: StepRequest, granted: Granted, ledger: Ledger, content: Content) -> Call:
        """Return a call of a model with the guards of its run's policy, and what redacts by it."""
        call = call_of(request, granted, ledger, content)
        guards, private = self._answer_guards.of(request), self._privacy.of(request)
        if guards is None and private is None:
            return call
        return structs.replace(call, guards=guards, private=private)

    async def _turn(
        self, request: StepRequest, work: AgentTurn, args: dict[str, Json], granted: Granted, ledger: Ledger
    ) -> Json:
        """Return what an agent's turn records: the answer, or the text with the calls that it asks for."""
        try:
            before = await read_transcript(self._objects, self._registry, request.org_id, work)
        except Unavailable as exc:
            raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc
        ledger.input_hash = transcript_hash(args, before)
        before = marked_transcript(before, work, request.security)
        pictures, named = await shown(self._context(request), work.call.images, args)
        content = content_of(work.call, named, pictures, before, args)
        response = (await self._ask(request, granted, ledger, content)).response
        if not response.asked:
            answer = read_answer(response.text, has_schema=content.output_schema is not None)
            return await self._privacy.logged(request, answer, ledger, "answer")
        response = await self._privacy.turn(request, response, ledger)
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
            documents_dir=self._tooling.documents_dir,
            objects=self._objects,
            world=self._tooling.world,
            trace_headers=_trace_headers(request),
            secrets=self._call_secrets(request),
            mcp=self._tooling.mcp,
        )

    def _call_secrets(self, request: StepRequest) -> CallSecrets:
        secrets = self._tooling.secrets
        if secrets is None or not isinstance(request.work, ToolCall):
            return NO_SECRETS
        return secrets.of_call(request.org_id, request.work.name)

    async def _payload(self, request: StepRequest, value: Any, ledger: Ledger) -> Payload:
        """Return the output as it travels. It may be paid for, so a store that is down is waited for."""
        # An agent's answer is a node's output; it is not part of a transcript.
        in_transcript = isinstance(request.work, ToolCall) or bool(ledger.tool_calls)
        most = request.inline_most if request.inline_most is not None and in_transcript else INLINE_LIMIT
        # What rules ask of an agent's output they ask of its answer, not of a turn that asks for calls.
        wants = () if ledger.tool_calls else request.wants
        sealing = Sealing(request.subject, wants) if request.subject else None
        try:
            payload = await until_available(
                lambda: self._objects.to_payload(request.org_id, value, most=most, sealing=sealing), self._clock
            )
        except Undecodable as exc:
            raise StepError("bad_output", f"the output is not a JSON value that a record can carry: {exc}") from exc
        if isinstance(payload, Reference):
            ledger.output_hash = value_hash(value)
        labels = ledger.output_labels
        # The fold joins them with the label of all that this step has read.
        return structs.replace(payload, labels=labels) if labels else payload

    def _executed(self, request: StepRequest, outcome: Outcome, ledger: Ledger, part: Part | None = None) -> Executed:
        records = outcome_records(request, outcome, ledger, self._worker_id)
        if part is not None:
            took_ms = float(max(0, outcome.finished_at_ms - outcome.started_at_ms))
            records = [*outcomes_of(part, ledger, ok=outcome.error is None, latency_ms=took_ms), *records]
        code = outcome.error.code if outcome.error else None
        return Executed(records, ledger.counts, code, ledger.decisions, ledger.decided_s)


def _trace_headers(request: StepRequest) -> dict[str, str]:
    """Return the headers of what a tool requests of others: its call is their parent. A function asks nobody."""
    if not isinstance(request.work, ToolCall):
        return {}
    own = span_id(request.run_id, request.step_id, request.attempt, TOOL)
    return context_headers(trace_id(request.run_id), own, request.tracestate)


def _is_canceled() -> bool:
    """Return true if the worker itself ends this attempt."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
