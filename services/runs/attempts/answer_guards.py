"""Which guards look at the answers of an attempt: those of the policy that its run has pinned."""

from collections.abc import Mapping

from cachetools import LRUCache

from schemas.errors import StepError, Unavailable
from schemas.records.steps import StepRequest
from schemas.spec.error_codes import POLICY_FAILED
from services.calls.timeouts import PATIENCE_S, Deferred
from services.security.enforcement.ports import Policies
from services.security.guards.checks import Scorer
from services.security.guards.guarded import Guards, guards_of

#: Guards that are kept ready: their words are compiled.
_READY_MOST = 256
_Key = tuple[str, str, str, str, str]


class AnswerGuards:
    """Finds the guards of attempts. ``scorers`` are functions of installed packages."""

    def __init__(self, policies: Policies, scorers: Mapping[str, Scorer]) -> None:
        self._policies = policies
        self._scorers = scorers
        self._ready: LRUCache[_Key, Guards | None] = LRUCache(_READY_MOST)

    def of(self, request: StepRequest) -> Guards | None:
        """Return the guards; ``None`` in a run without a policy, or of a policy without any.

        Raises ``Deferred`` for a policy that this process does not know yet, and a final ``StepError``
        ``policy_failed`` for one that cannot be read. In shadow mode neither changes anything.
        """
        security = request.security
        if security is None:
            return None
        key = (request.org_id, security.policy_hash, security.mode, request.workflow_name, request.node_id)
        if key in self._ready:
            return self._ready[key]
        try:
            policy = self._policies.of(request.org_id, security.policy_hash, security.mode).policy
        except Unavailable as exc:
            if security.mode == "shadow":
                return None
            raise Deferred(max(exc.retry_after_s, PATIENCE_S), str(exc)) from exc
        except Exception as exc:
            if security.mode == "shadow":
                return None
            raise StepError(POLICY_FAILED, f"policy {security.policy} cannot be read: {exc}") from exc
        found = guards_of(
            policy.guards, request.workflow_name, request.node_id, policy.name, self._scorers, security.mode
        )
        self._ready[key] = found
        return found
