"""Personal data in steps that users' own workers lease: named arguments get values back, outcomes are redacted."""

from collections.abc import Awaitable, Callable, Sequence

from connectors.aio.clock import WallClock
from connectors.ports.engine import Clock
from schemas.errors import StepError, Unavailable
from schemas.records.base import Json
from schemas.records.definitions import AuditEvent
from schemas.records.steps import StepRequest, ToolCall
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.privacy.redact.redactors import Redactors
from services.runs.attempts.lent_policies import LentPolicies
from services.runs.attempts.private import AttemptPrivacy
from services.security.enforcement.audit import attempt_event

Say = Callable[[Sequence[AuditEvent]], Awaitable[None]]
"""Appends events; returns when they are acknowledged. Raises ``Unavailable``."""


class LentPrivacy:
    """What is done for steps that are leased. Every method raises ``Unavailable`` and ``StepError``."""

    def __init__(self, policies: LentPolicies, redactors: Redactors, say: Say, clock: Clock | None = None) -> None:
        self._policies = policies
        self._say = say
        self._clock = clock or WallClock()
        self._privacy = AttemptPrivacy(policies, redactors, self._clock)

    async def arguments(self, request: StepRequest, args: dict[str, Json]) -> dict[str, Json]:
        """Return a step's arguments as its worker gets them. What is put back is in the audit log before."""
        if not isinstance(request.work, ToolCall) or await self._private(request) is None:
            return args
        ledger = Ledger()
        restoring = self._privacy.restoring(request, request.work.name, args, ledger)
        if restoring is None:
            return args
        try:
            found = await restoring.values(args)
        except StepError as exc:
            raise _later(exc) from exc
        await self._audit(request, ledger, "lent")
        return found

    async def output(self, request: StepRequest, value: Json, ledger: Ledger, when: str = "completed") -> Json:
        """Return an output as it may be in the log; its labels are in the ledger.

        Raises ``Unavailable`` while the vault is down: the worker says it again.
        """
        private = await self._private(request)
        if private is None:
            return value
        noted = Ledger()
        try:
            found = await private.at(
                "log", value, noted, point="output", subject=request.node_id, influenced="tool_result"
            )
        except StepError as exc:
            await self._audit(request, noted, when)
            raise _later(exc) from exc
        ledger.found = found.labels
        await self._audit(request, noted, when)
        return found.value

    async def progress(self, request: StepRequest, value: Json) -> Json:
        """Return progress as it may be kept, as an output may be in the log. Raises as ``output`` does."""
        return await self.output(request, value, Ledger(), "heartbeat")

    async def error(self, request: StepRequest, error: StepError) -> StepError:
        """Return an error as it may be in the log."""
        return error if await self._private(request) is None else await self._privacy.error(request, error, Ledger())

    async def _private(self, request: StepRequest) -> Private | None:
        await self._policies.read(request)
        return self._privacy.of(request)

    async def _audit(self, request: StepRequest, ledger: Ledger, when: str) -> None:
        if ledger.decisions:
            await self._say([attempt_event(request, ledger.decisions, when, self._clock.now_ms())])


def _later(error: StepError) -> Exception:
    """Return an error that the worker may try again as such."""
    return Unavailable("vault", str(error)) if error.retryable else error
