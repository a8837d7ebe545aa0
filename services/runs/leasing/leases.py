"""Leases of steps for users' own workers, as the API gives them.

Invariants:

- A step has one recorded outcome. It is stored in the attempt's claim by the worker whose lease the claim has, and by
  nobody else; what is appended are the stored bytes.
- A lease that ends without an outcome means that its worker is dead: the attempt is leased again, with the last
  progress. The former worker's outcome is refused from then on (409).
- A heartbeat of a step whose run is over says so.
- A step costs nothing unless its worker states a cost.

Only new leases need the role of leases: heartbeats and outcomes work on the claim itself. An outcome that this process
stored and did not append, since it died, is appended by the role.
"""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from connectors.redis.claims.lease_desk import Ask, LeaseDesk, Offer
from connectors.redis.claims.lent_attempts import Extended, Lease, Lent, LentAttempts, read_lease
from schemas import clock
from schemas.errors import Conflict, PrivacyRefused, StepError, Unavailable
from schemas.payload import INLINE_LIMIT, Reference
from schemas.privacy.wants import Sealing
from schemas.records.base import Record
from schemas.records.definitions import AuditEvent
from schemas.records.hashes import value_hash
from schemas.records.money import CostEvent
from schemas.records.spans import TraceSpans
from schemas.records.steps import FunctionCall, LlmCall, StepRequest, ToolCall
from schemas.spec.error_codes import POLICY_FAILED
from services.calls.ledger import Ledger, ToolRun
from services.calls.ports import Objects
from services.privacy.subjects.outcomes import OutcomeSeals, erased
from services.runs.attempts.fitting import fitting
from services.runs.attempts.lent_private import LentPrivacy
from services.runs.attempts.lent_results import LentResults
from services.runs.attempts.outcome import Outcome, error_info
from services.runs.attempts.stated import book_stated
from services.runs.bound_args import bound_args
from services.runs.leasing.inbox import LeaseInbox, Waiter
from services.runs.outcome_records import outcome_records, pack, unpack
from topics import catalogue
from topics.codec import decode, encode

#: After the first lease: the others of one request come within this.
GATHER_S = 0.05
#: For leases that were given while the request was withdrawn.
LATE_S = 0.3
LOST = (
    "this lease is over: it ended without a heartbeat, and another worker has the attempt or has completed it; "
    "discard this work and lease again"
)


@dataclass(frozen=True)
class LeaseRequest:
    """A worker that asks for up to ``most`` steps of a queue's topic, and waits ``wait_s`` seconds for the first."""

    topic: str
    worker_id: str
    most: int
    lease_ms: int
    wait_s: float


@dataclass(frozen=True)
class Leased:
    """A leased step, its arguments bound. ``progress`` is JSON, or empty."""

    lease: str
    request: StepRequest
    args: dict[str, Any]
    starts: int
    progress: bytes


@dataclass(frozen=True)
class Cost:
    """What a worker says that its work has cost."""

    nano: int
    provider: str
    model: str


@dataclass(frozen=True)
class Completion:
    """How an attempt ended: with ``error``, or else with ``output``."""

    output: Any = None
    error: StepError | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class LentRules:
    """What the policies of runs ask of leased steps: ``private`` redacts, ``results`` decide on outputs.

    Without ``results`` a step of a run with a policy fails.
    """

    private: LentPrivacy | None = None
    results: LentResults | None = None


class StepLeases:
    """Leases steps to workers. Every method raises ``Unavailable``."""

    def __init__(
        self,
        desk: LeaseDesk,
        claims: LentAttempts,
        objects: Objects,
        appender: Appender,
        seals: OutcomeSeals | None = None,
        rules: LentRules = LentRules(),
    ) -> None:
        """``seals`` seal the records of runs with a data subject."""
        self._seals = seals
        self._results = rules.results
        self._private = rules.private
        self._desk = desk
        self._claims = claims
        self._objects = objects
        self._appender = appender
        self._inbox = LeaseInbox(desk, self._stray)
        self._closing = False

    def close(self) -> None:
        """Answer everybody who waits, so that the server can stop."""
        self._closing = True
        self._inbox.end_waits()

    async def stop(self) -> None:
        """End what is done in the background."""
        await self._inbox.stop()

    async def lease(self, wish: LeaseRequest) -> list[Leased]:
        """Return leased steps, none if none came in time."""
        ask = Ask(uuid.uuid4().hex, self._inbox.name, wish.worker_id, wish.lease_ms)
        waiter = self._inbox.open(ask.ask_id)
        try:
            await self._desk.ask(wish.topic, ask, wish.most)
            await self._gather(waiter, wish)
            missing = wish.most - len(waiter.offers)
            if missing and await self._desk.withdraw(wish.topic, ask) < missing - len(waiter.offers):
                await self._changed(waiter, LATE_S)
        finally:
            self._inbox.close(ask.ask_id)
        bound = [await self._bound(offer) for offer in waiter.offers]
        return [leased for leased in bound if leased is not None]

    async def extend(self, topic: str, lease: str, progress: bytes) -> Extended:
        """Extend a lease, and keep progress, JSON or empty. Raises ``Conflict`` when it was lost or completed.

        Progress is kept as it may be in the log: redacted, and sealed in a run with a data subject. Raises
        ``PrivacyRefused`` for what the run's policy refuses.
        """
        whose = _of(lease, topic)
        if progress:
            progress = await self._kept(whose, progress)
        extended = await self._claims.extend(whose, progress)
        if extended.kind == "lost":
            raise Conflict(LOST)
        if extended.kind == "completed":
            raise Conflict("this lease is over: its outcome is stored; lease another step")
        return extended

    async def _kept(self, lease: Lease, progress: bytes) -> bytes:
        """Return progress as it may be kept; empty where nothing may be."""
        lent = await self._claims.find(lease)
        if lent is None or not lent.is_running:
            return b""
        request = _request(lease.topic, lent.request)
        if self._private is not None:
            said = orjson.loads(progress)
            try:
                kept = await self._private.progress(request, said)
            except StepError as exc:
                raise PrivacyRefused(f"progress: {exc}", ()) from exc
            progress = progress if kept == said else orjson.dumps(kept)
        if not request.subject:
            return progress
        return b"" if self._seals is None else await self._seals.progress(request.org_id, request.subject, progress)

    async def release(self, topic: str, lease: str) -> bool:
        """Return a step; ``False`` when the lease was over before."""
        return await self._claims.release(_of(lease, topic))

    async def complete(self, topic: str, lease: str, completion: Completion) -> bool:
        """Store and append an outcome; return whether this lease had stored one before, which counts.

        Raises ``Conflict`` when the lease was lost, and ``Undecodable`` for an output that no record can carry.
        """
        whose = _of(lease, topic)
        lent = await self._claims.find(whose)
        if lent is None:
            raise Conflict(LOST)
        if not lent.is_running:
            await self._append_stored(whose)
            return True
        records = _routed(await self._records(whose, lent, completion))
        stored = await self._claims.complete(whose, pack(records))
        if stored == "lost":
            raise Conflict(LOST)
        await self._append_stored(whose)
        return stored == "repeated"

    async def _append_stored(self, lease: Lease) -> None:
        result = await self._claims.result(lease.run_id, lease.request_id)
        if result is not None:
            await self._appender.append(unpack(result))
            await self._claims.published(lease.run_id, lease.request_id)

    async def _records(self, lease: Lease, lent: Lent, completion: Completion) -> list[Record]:
        request, ledger, now_ms = _request(lease.topic, lent.request), Ledger(), clock.now_ms()
        if completion.cost is not None:
            cost = completion.cost
            book_stated(ledger, request, (cost.provider, cost.model, cost.nano), lent.since_ms, now_ms)
        completion = await self._ruled(request, _fitting(request, completion), ledger)
        decided = [] if self._results is None else self._results.events(request, ledger)
        completion = await self._private_of(request, completion, ledger)
        if completion.error is not None:
            completion.error.retryable = completion.error.retryable or completion.error.code in request.retry_on
            outcome = Outcome(lent.since_ms, now_ms, error=error_info(completion.error, request.step_id))
            ledger.tool = ToolRun(lent.since_ms, now_ms, failed=True)
        else:
            most = INLINE_LIMIT
            if request.inline_most is not None and isinstance(request.work, ToolCall):
                most = request.inline_most
            sealing = Sealing(request.subject, request.wants) if request.subject else None
            payload = await self._objects.to_payload(request.org_id, completion.output, most=most, sealing=sealing)
            if labels := ledger.output_labels:
                payload = msgspec.structs.replace(payload, labels=labels)
            outcome = Outcome(lent.since_ms, now_ms, output=payload)
            ledger.tool = ToolRun(lent.since_ms, now_ms)
            if isinstance(payload, Reference):
                ledger.output_hash = value_hash(completion.output)
        records = [*decided, *outcome_records(request, outcome, ledger, lent.worker_id)]
        if not request.subject:
            return records
        if self._seals is None:
            return [erased(record) for record in records]
        return await self._seals.sealed(request.org_id, request.subject, records)

    async def _ruled(self, request: StepRequest, completion: Completion, ledger: Ledger) -> Completion:
        """Return what a worker said as the run's policy lets it be given."""
        if completion.error is not None or request.security is None:
            return completion
        if self._results is None:
            said = "leases given here know no policies, and this step has one"
            return replace(completion, output=None, error=StepError(POLICY_FAILED, said))
        try:
            return replace(completion, output=await self._results.given(request, completion.output, ledger))
        except StepError as exc:
            return replace(completion, output=None, error=exc)

    async def _private_of(self, request: StepRequest, completion: Completion, ledger: Ledger) -> Completion:
        """Return what a worker said as it may be in the log: what may not be there is the attempt's failure."""
        if self._private is None:
            return completion
        if completion.error is not None:
            return replace(completion, error=await self._private.error(request, completion.error))
        try:
            return replace(completion, output=await self._private.output(request, completion.output, ledger))
        except StepError as exc:
            return replace(completion, output=None, error=exc)

    async def _gather(self, waiter: Waiter, wish: LeaseRequest) -> None:
        """Wait for the first lease, then a moment for the others."""
        await self._changed(waiter, wish.wait_s)
        while waiter.offers and len(waiter.offers) < wish.most and await self._changed(waiter, GATHER_S):
            pass

    async def _changed(self, waiter: Waiter, seconds: float) -> bool:
        if self._closing:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await waiter.changed.wait()
        changed = waiter.changed.is_set()
        waiter.changed.clear()
        return changed

    async def _bound(self, offer: Offer) -> Leased | None:
        """Return a lease with its arguments; one whose arguments are nowhere is failed."""
        request = _request(offer.topic, offer.request)
        try:
            args = await bound_args(self._objects, request)
            if self._private is not None:
                args = await self._private.arguments(request, args)
            progress = offer.progress
            if progress and request.subject and self._seals is not None:
                progress = await self._seals.progress_opened(request.org_id, request.subject, progress)
        except StepError as exc:
            await self.complete(offer.topic, offer.lease, Completion(error=exc))
            return None
        except Unavailable:
            await self._stray(offer)
            return None
        return Leased(offer.lease, request, args, offer.starts, progress)

    async def give_back(self, topic: str, leases: Sequence[Leased]) -> None:
        """Return steps to the queue whose worker left before it had the answer."""
        for leased in leases:
            with suppress(Unavailable):
                await self.release(topic, leased.lease)

    async def _stray(self, offer: Offer) -> None:
        with suppress(Unavailable):
            await self.release(offer.topic, offer.lease)


def _of(text: str, topic: str) -> Lease:
    lease = read_lease(text, topic)
    if lease is None:
        raise Conflict("this text is no lease of the queue; send the `lease` of the answer that leased the step")
    return lease


def _request(topic: str, value: bytes) -> StepRequest:
    request = decode(topic, value)
    if not isinstance(request, StepRequest):
        raise TypeError(f"{topic} takes step requests, not {type(request).__name__}")
    return request


def _routed(records: Sequence[Record]) -> list[OutRecord]:
    """Return an outcome's records as they are appended."""
    return [OutRecord(*_place(record), encode(record)) for record in records]


def _place(record: Any) -> tuple[str, bytes]:
    match record:
        case AuditEvent():
            return catalogue.AUDIT_EVENTS, record.org_id.encode()
        case CostEvent():
            return catalogue.COST_EVENTS, record.org_id.encode()
        case TraceSpans():
            return catalogue.TRACE_SPANS, record.trace_id.encode()
        case _:
            return catalogue.RUN_EVENTS, record.run_id.encode()


def _fitting(request: StepRequest, completion: Completion) -> Completion:
    """Return what a worker said, or that its output breaks the schema of its node."""
    if completion.error is not None or not isinstance(request.work, ToolCall | FunctionCall | LlmCall):
        return completion
    try:
        fitting(request.work, completion.output)
    except StepError as exc:
        return replace(completion, output=None, error=exc)
    return completion
