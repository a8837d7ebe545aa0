"""Policies before a step is lent: a user's own worker does what the step says, and nobody asks it again.

What is decided is in the audit log, acknowledged, before anybody gets the step.
"""

from dataclasses import dataclass, field

from msgspec import structs

from connectors.ports.engine import Clock
from schemas.errors import StepError, Unavailable
from schemas.records.base import Json
from schemas.records.steps import LlmCall, StepRequest, ToolCall, Work
from services.calls.ledger import Ledger
from services.calls.ports import Objects
from services.calls.timeouts import PATIENCE_S, Deferred
from services.runs.attempts.model_guard import LentModelGuard
from services.runs.attempts.tool_guard import Say, ToolGuard
from services.runs.bound_args import bound_args
from services.security.enforcement.audit import audit_events


@dataclass(frozen=True, slots=True)
class Decided:
    """What may be lent, or why the attempt fails. What was decided of a failure is in the ledger."""

    request: StepRequest
    error: StepError | None = None
    ledger: Ledger = field(default_factory=Ledger)


class LendingGuard:
    """Asks the policy of a run before one of its calls of a tool or a model is lent."""

    def __init__(self, guard: ToolGuard, models: LentModelGuard, objects: Objects, say: Say, clock: Clock) -> None:
        self._guard = guard
        self._models = models
        self._objects = objects
        self._say = say
        self._clock = clock

    async def decide(self, request: StepRequest) -> Decided:
        """Return the request that may be lent. Raises ``Deferred`` when it cannot be decided now."""
        if request.security is None or not isinstance(request.work, ToolCall | LlmCall):
            return Decided(request)
        ledger = Ledger()
        try:
            args = await bound_args(self._objects, request)
            work, allowed = await self._allowed(request, request.work, args, ledger)
            await self._say(audit_events(request, ledger.decisions, ledger.audited, self._clock.now_ms()))
        except StepError as exc:
            return Decided(request, exc, ledger)
        except Unavailable as exc:
            raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc
        if allowed is not args:
            request = structs.replace(request, args=allowed, links=[])
        return Decided(request if work is request.work else structs.replace(request, work=work))

    async def _allowed(
        self, request: StepRequest, work: ToolCall | LlmCall, args: dict[str, Json], ledger: Ledger
    ) -> tuple[Work, dict[str, Json]]:
        if isinstance(work, LlmCall):
            return self._models.allowed(request, work, args, ledger)
        return work, await self._guard.allowed(request, work, args, ledger)
