"""What redacts for an attempt: the section ``privacy`` of the policy that its run has pinned."""

from connectors.ports.engine import Clock
from schemas.errors import StepError, Unavailable
from schemas.records.steps import StepRequest
from schemas.spec.error_codes import POLICY_FAILED
from services.calls.security.private import Private
from services.calls.timeouts import PATIENCE_S, Deferred
from services.privacy.redact.errors import PRIVACY_FAILED
from services.privacy.redact.redactor import Of
from services.privacy.redact.redactors import Redactors
from services.security.enforcement.ports import Policies


class AttemptPrivacy:
    """Finds what redacts. Without ``redactors`` nothing may be done under a policy that wants it."""

    def __init__(self, policies: Policies, redactors: Redactors | None, clock: Clock) -> None:
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
