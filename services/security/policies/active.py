"""Which policy is active in each organisation, as of a moment ago: every submission asks.

One query for all organisations, at most one in ``KNOWN_FOR_S``: a submission without a policy costs none of its own.
Nothing stands in for an answer that PostgreSQL does not give. A run would get no labels, and so no policy at all.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cachetools import LRUCache

from connectors.aio.batching import SingleFlight
from connectors.postgres.policies.activations import Activation
from connectors.postgres.policies.versions import PolicyVersion
from schemas.policies.document import Policy
from schemas.records.security.pinned import Mode

#: An activation in another process counts here within this time.
KNOWN_FOR_S = 1.0
MAX_POLICIES = 1_000


class Activations(Protocol):
    """Where activations are, see ``connectors.postgres.policies``."""

    async def active(self) -> Mapping[str, Activation]:
        """Return what counts in each organisation that has an active policy. Raises ``Unavailable``."""
        ...


class Versions(Protocol):
    """Where versions are, see ``connectors.postgres.policies``."""

    async def get(self, org_id: str, name: str, version: int) -> PolicyVersion:
        """Return a version. Raises ``NotFound`` and ``Unavailable``."""
        ...


@dataclass(frozen=True)
class Active:
    """An organisation's active policy. ``mode`` is that of its activation, ``hash`` that of its document."""

    policy: Policy
    version: int
    mode: Mode
    hash: str

    @property
    def name(self) -> str:
        """``name@version``."""
        return f"{self.policy.name}@{self.version}"


class ActivePolicies:
    """The active policies of all organisations."""

    def __init__(
        self, activations: Activations, versions: Versions, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._activations = activations
        self._versions = versions
        self._monotonic = monotonic
        self._until = 0.0
        self._active: Mapping[str, Activation] = {}
        self._asking: SingleFlight[None, Mapping[str, Activation]] = SingleFlight()
        self._policies: LRUCache[tuple[str, str, int], Policy] = LRUCache(MAX_POLICIES)

    async def of(self, org_id: str) -> Active | None:
        """Return an organisation's active policy, ``None`` without one. Raises ``Unavailable``."""
        known = self._active
        if self._until <= self._monotonic():
            known = await self._asking.do(None, self._ask)
        found = known.get(org_id)
        if found is None:
            return None
        key = (org_id, found.name, found.version)
        policy = self._policies.get(key)
        if policy is None:
            policy = self._policies[key] = (await self._versions.get(*key)).policy
        return Active(policy, found.version, found.mode, found.hash)

    def forget(self) -> None:
        """Query again; called after an activation in this process."""
        self._until = 0.0
        # A query in flight may return the earlier state: its answer is neither shared nor stored.
        self._asking = SingleFlight()

    async def _ask(self) -> Mapping[str, Activation]:
        asking, at = self._asking, self._monotonic()
        found = await self._activations.active()
        if asking is self._asking:
            self._active, self._until = found, at + KNOWN_FOR_S
        return found
