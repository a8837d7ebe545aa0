"""What becomes of one request of a queue when a user's worker asks for a lease.

1. ask the policy of its run, if it has one: it may deny the step, hide arguments, or ask a person first
2. claim it for that worker, as one of our workers would
3. describe the lease in the claim, and read the progress of an earlier start
4. hand it over

From 4 on the worker itself extends, completes or releases it over the API, on the same claim; the role only watches. A
crash after 2 or 3 leaves a lease that nobody has: it ends, and the attempt is leased again.
"""

import logging
from dataclasses import dataclass

from connectors.aio.retry import until_available
from connectors.ports.engine import Clock, InRecord, OutRecord
from connectors.redis.claims.lease_desk import Ask, LeaseDesk, Offer
from connectors.redis.claims.leases import Busy, Done, Ended, Granted, Published
from connectors.redis.claims.lent_attempts import Lease, LentAttempts, LentRequest, attempt_before, new_secret
from schemas.errors import StepError
from schemas.records.steps import StepRequest
from services.calls.ledger import Ledger
from services.calls.timeouts import Deferred
from services.runs.attempts.asking import Asked
from services.runs.attempts.outcome import Outcome, error_info
from services.runs.outcome_records import deferred_record, outcome_records, pack, unpack
from streams.roles.leases.guard import LendingGuard
from streams.roles.worker.attempt import MAX_STARTS
from streams.roles.worker.producer import Outbox
from streams.roles.worker.unknown_outcome import CODE, LOST
from streams.roles.worker.watermark import Ticket
from streams.runtime.dead_letters import dead_letter
from streams.runtime.routing import to_out
from topics.codec import encode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """A request that the role has read and not finished."""

    record: InRecord
    request: StepRequest
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Given:
    """A lease of this process, as its claim has it."""

    lease: Lease
    owner: str
    granted: Granted
    lent: LentRequest


@dataclass(frozen=True, slots=True)
class Lent:
    """A request that somebody has: a worker to whom it was given here, or another one."""

    held: Held
    given: Given | None = None


class Lending:
    """Gives requests of one queue's topic to workers. ``worker_id`` names the role where it fails an attempt itself."""

    def __init__(
        self,
        worker_id: str,
        claims: LentAttempts,
        desk: LeaseDesk,
        outbox: Outbox,
        clock: Clock,
        guard: LendingGuard,
    ) -> None:
        self._worker_id = worker_id
        self._guard = guard
        self._claims = claims
        self._desk = desk
        self._outbox = outbox
        self._clock = clock

    async def lend(self, held: Held, ask: Ask) -> Lent | None:
        """Lease a request to the worker that asks; ``None`` when there is nothing left to do for it.

        The answer without a lease (``given``) means that another one has the attempt, and that the ask is still open.
        """
        try:
            decided = await self._guard.decide(held.request)
        except Deferred as wait:
            await self._give_back(held, wait)
            return None
        request, secret = decided.request, new_secret()
        lease = Lease(request.run_id, request.request_id, held.record.topic, secret)
        owner = f"{ask.worker_id}/{secret}"
        answer = await until_available(
            lambda: self._claims.take(
                request.run_id, request.request_id, owner, ask.lease_ms, also_ended=request.compensation
            ),
            self._clock,
        )
        match answer:
            case Granted():
                if (error := _never(answer, request) or decided.error) is not None:
                    return await self._fail(held, answer, owner, error, decided.ledger)
                given = Given(lease, owner, answer, self._lent(held, ask, request))
                await self._hand_over(request, given, ask)
                return Lent(held, given)
            case Busy():
                return Lent(held)
            case Done(result=result):
                await self.publish(held, result)
                return None
            case Published() | Ended():
                return None

    async def publish(self, held: Held, result: bytes) -> None:
        """Append a stored outcome, and mark its claim. The same bytes may be in the log by then, which is no harm."""
        await self._append(unpack(result))
        request = held.request
        await until_available(lambda: self._claims.published(request.run_id, request.request_id), self._clock)

    async def put_back(self, lent: Lent) -> bool:
        """Put back the claim of a lease that Redis lost; ``False`` when the attempt is somebody else's by now."""
        given = lent.given
        if given is None:
            return False
        return await until_available(
            lambda: self._claims.put_back(given.granted, given.owner, given.lease, given.lent), self._clock
        )

    async def _hand_over(self, request: StepRequest, given: Given, ask: Ask) -> None:
        lease, before = given.lease, attempt_before(request.run_id, request.step_id, request.attempt)
        progress = await until_available(lambda: self._claims.describe(lease, given.lent, before), self._clock)
        offer = Offer(ask.ask_id, lease.text, lease.topic, given.lent.request, progress, given.granted.starts)
        await until_available(lambda: self._desk.answer(ask, offer), self._clock)

    def _lent(self, held: Held, ask: Ask, request: StepRequest) -> LentRequest:
        said = (held.record.value or b"") if request is held.request else encode(request)
        return LentRequest(said, ask.lease_ms, self._clock.now_ms(), also_ended=request.compensation)

    async def _give_back(self, held: Held, wait: Deferred) -> None:
        """Give an attempt back that nobody may have now: until later, or until a person has said yes."""
        request, asked = held.request, wait if isinstance(wait, Asked) else None
        until_ms = self._clock.now_ms() + int(wait.wait_s * 1000)
        question = None if asked is None else asked.question
        said = deferred_record(request, until_ms, wait.reason, self._worker_id, question)
        decided = [] if asked is None else asked.decided
        await self._append([to_out(one) for one in (*decided, said)])

    async def _fail(self, held: Held, granted: Granted, owner: str, error: StepError, ledger: Ledger) -> Lent | None:
        """Fail an attempt that nobody may make again."""
        request, now_ms = held.request, self._clock.now_ms()
        log.error("step %s of run %s: %s", request.step_id, request.run_id, error, extra={"action": error.code})
        outcome = Outcome(now_ms, now_ms, error=error_info(error, request.step_id))
        records = [to_out(one) for one in outcome_records(request, outcome, ledger, self._worker_id)]
        result = pack(records)
        if not await until_available(lambda: self._claims.finish(granted, owner, result), self._clock):
            return Lent(held)
        await self.publish(held, result)
        if error.code == "poison":
            letter = dead_letter(held.record, error.code, str(error), now_ms)
            await self._append([letter])
        return None

    async def _append(self, records: list[OutRecord]) -> None:
        await self._outbox.send(records)


def _never(granted: Granted, request: StepRequest) -> StepError | None:
    """Return why an attempt is not started once more; ``None`` if it is."""
    deaths = granted.starts - 1
    if deaths >= MAX_STARTS:
        return StepError(
            "poison",
            f"this attempt was leased {deaths} times, and each lease ended without an outcome; look in the workers' "
            "logs for the reason (a crash, no heartbeats, a lease that is too short), fix it, and submit the run again",
        )
    if deaths and request.on_unknown == "fail":
        return StepError(
            CODE,
            f"nobody knows whether this attempt did its work ({LOST}); look for its idempotency key "
            f"{request.idempotency_key} where it would have worked, then restart the run from this step",
            details={"outcome": "unknown"},
        )
    return None
