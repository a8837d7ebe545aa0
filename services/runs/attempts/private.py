"""What redacts for an attempt: the section ``privacy`` of the policy that its run has pinned."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from connectors.ports.engine import Clock
from connectors.providers.base import ModelResponse
from schemas.errors import StepError, Unavailable
from schemas.policies.document import Policy
from schemas.privacy.document import Influenced
from schemas.records.base import Json
from schemas.records.security.pinned import Mode
from schemas.records.steps import StepRequest
from schemas.spec.error_codes import POLICY_DENIED, POLICY_FAILED, PRIVACY_FAILED, PRIVACY_REFUSED
from services.calls.ledger import Ledger
from services.calls.security.private import Private
from services.calls.timeouts import PATIENCE_S, Deferred
from services.privacy.redact.redactor import Of, Redactor
from services.privacy.redact.redactors import Redactors
from services.runs.attempts.restoring import Restoring, restoring

T = TypeVar("T")
#: An output waits so long for the vault: it may be paid for, and a tool may not be called twice.
VAULT_PATIENCE_MS = 60_000
#: Errors whose words are ours alone.
_OURS = frozenset({POLICY_DENIED, POLICY_FAILED, PRIVACY_FAILED, PRIVACY_REFUSED})


class Holds(Protocol):
    """What has a policy."""

    @property
    def policy(self) -> Policy: ...


class Pinned(Protocol):
    """The policies that this process knows, see ``enforcement.ports.Policies``."""

    def of(self, org_id: str, policy_hash: str, mode: Mode, /) -> Holds:
        """Return a policy by its hash. Raises ``Unavailable`` for one that is not known here, or not yet."""
        ...


class AttemptPrivacy:
    """Finds what redacts. Without ``redactors`` nothing may be done under a policy that wants it."""

    def __init__(self, policies: Pinned, redactors: Redactors | None, clock: Clock) -> None:
        self._policies = policies
        self._redactors = redactors
        self._clock = clock

    def of(self, request: StepRequest) -> Private | None:
        """Return what redacts for an attempt; ``None`` without a policy, or with one that has no section.

        Raises ``Deferred`` for a policy that this process does not know yet, and a ``StepError`` for one that cannot be
        read, or whose detectors cannot be made here. In shadow mode neither changes anything.
        """
        security = request.security
        if security is None:
            return None
        is_shadow = security.mode == "shadow"
        try:
            policy = self._policies.of(request.org_id, security.policy_hash, security.mode).policy
        except Unavailable as exc:
            if is_shadow:
                return None
            raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc
        except Exception as exc:
            if is_shadow:
                return None
            raise StepError(POLICY_FAILED, f"policy {security.policy} cannot be read: {exc}") from exc
        if policy.privacy is None:
            return None
        try:
            redactor = self._made(request, policy)
        except StepError:
            if is_shadow:
                return None
            raise
        return None if redactor is None else Private(redactor, _of(request), self._clock)

    def restoring(self, request: StepRequest, tool: str, args: dict[str, Json], ledger: Ledger) -> Restoring | None:
        """Return what a call of a tool gets back; ``None`` for nothing. Raises as ``of`` does."""
        private = self.of(request)
        if private is None or self._redactors is None or not private.redactor.plan.restored_arguments(tool):
            return None
        return restoring(private, self._redactors.tokens, request, tool, args, ledger)

    async def logged(self, request: StepRequest, value: Json, ledger: Ledger, influenced: Influenced) -> Json:
        """Return an output as it may be in the log; what was found is in the ledger, for its labels.

        Its work is done, so a vault that is down is waited for. Raises ``StepError``.
        """
        private = self.of(request)
        return value if private is None else await self._applied(private, request, value, ledger, influenced)

    async def turn(self, request: StepRequest, response: ModelResponse, ledger: Ledger) -> ModelResponse:
        """Return a turn of an agent as it may be in the log. What its provider wants back is left out if it is not."""
        private = self.of(request)
        if private is None:
            return response
        return await self._patient(lambda: private.response(response, "log", ledger, influenced="answer"))

    async def error(self, request: StepRequest, error: StepError, ledger: Ledger) -> StepError:
        """Return an error whose message may be in the log; one that cannot be redacted has none of its words."""
        if error.code in _OURS:
            return error
        try:
            private = self.of(request)
            if private is None:
                return error
            said = {"message": str(error), "details": error.details}
            found = (await private.at("log", said, ledger, point="output", subject="error")).value
        except (StepError, Deferred):
            found = {"message": "what went wrong is not said: its words could not be redacted", "details": {}}
        return StepError(
            error.code,
            found["message"],
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
            details=found["details"],
        )

    async def _applied(
        self, private: Private, request: StepRequest, value: Json, ledger: Ledger, influenced: Influenced
    ) -> Json:
        found = await self._patient(
            lambda: private.at("log", value, ledger, point="output", subject=request.node_id, influenced=influenced)
        )
        if found.labels is not None:
            ledger.find(found.labels)
        return found.value

    async def _patient(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of work that needs the vault, which is waited for."""
        until_ms = self._clock.now_ms() + VAULT_PATIENCE_MS
        while True:
            try:
                return await work()
            except StepError as exc:
                if not exc.retryable or self._clock.now_ms() >= until_ms:
                    raise
                await self._clock.sleep(min((exc.retry_after_ms or 1_000) / 1000, PATIENCE_S))

    def _made(self, request: StepRequest, policy: Policy) -> Redactor | None:
        if self._redactors is None:
            raise StepError(PRIVACY_FAILED, "this process has no vault, and the run's policy wants data to be redacted")
        security = request.security
        assert security is not None
        return self._redactors.of(policy, security.policy_hash, security.mode, request.workflow_name, request.node_id)


def _of(request: StepRequest) -> Of:
    return Of(request.org_id, request.run_id, request.subject)
