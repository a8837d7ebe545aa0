"""Policies of steps that users' own workers lease: the API reads the one that a run has pinned by its hash."""

from collections.abc import Callable
from typing import Protocol

from cachetools import LRUCache

from schemas.errors import NotFound, StepError, Unavailable
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.document import Policy
from schemas.records.security.pinned import Mode
from schemas.records.steps import StepRequest
from schemas.spec.error_codes import POLICY_FAILED

#: Versions that are remembered; one never changes.
_KEPT = 256


class Stored(Protocol):
    """A stored version of a policy."""

    @property
    def policy(self) -> Policy: ...


class Versions(Protocol):
    """Where versions of policies are, see ``connectors.postgres.policies.versions``."""

    async def of_hash(self, org_id: str, policy_hash: str) -> Stored:
        """Return a version by the hash of its document. Raises ``NotFound`` and ``Unavailable``."""
        ...


class LentPolicies:
    """Reads them, and compiles one when it is needed first. Errors are those of ``enforcement.ports.Policies``."""

    def __init__(self, versions: Versions, compiled: Callable[[Policy, Mode], PolicySet] = compile_policy) -> None:
        self._versions = versions
        self._compile = compiled
        self._known: LRUCache[tuple[str, str], Policy] = LRUCache(_KEPT)
        self._compiled: LRUCache[tuple[str, str, Mode], PolicySet] = LRUCache(_KEPT)

    async def read(self, request: StepRequest) -> None:
        """Have the policy of a step's run, if it has one.

        Raises ``Unavailable``, and a final ``StepError`` for one that is nowhere. In shadow mode that changes nothing.
        """
        security = request.security
        if security is None or (key := (request.org_id, security.policy_hash)) in self._known:
            return
        try:
            self._known[key] = (await self._versions.of_hash(*key)).policy
        except NotFound as exc:
            if security.mode == "enforce":
                raise StepError(POLICY_FAILED, f"policy {security.policy} of the run cannot be found: {exc}") from exc

    def of(self, org_id: str, policy_hash: str, mode: Mode, /) -> PolicySet:
        """Return a policy that was read before. Raises ``Unavailable`` for another one."""
        found = self._compiled.get((org_id, policy_hash, mode))
        if found is None:
            policy = self._known.get((org_id, policy_hash))
            if policy is None:
                raise Unavailable("policies", "the run's policy was not read")
            found = self._compiled[org_id, policy_hash, mode] = self._compile(policy, mode)
        return found
