"""What a submission pays for policies: the look-up where there is none, and what it pins where there is one."""

import time
from dataclasses import dataclass

from connectors.postgres.policies.activations import Activation
from connectors.postgres.policies.versions import PolicyLine, PolicyVersion
from schemas.labels.label import Integrity
from schemas.policies.packs import PACKS
from schemas.policies.read import read_policy
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.hash import resolve
from schemas.spec.model import ResolvedSpec, WorkflowSpec
from services.security.policies.active import ActivePolicies
from services.security.policies.pinning import Pinning

_ORG = "acme"
_MAIL = ToolSecurity(source=["third_party"], effects=True, sinks={"to": "recipient", "body": "content"})


class Store:
    """Activations and versions in memory, with the number of queries. ``policy`` is there if it is given."""

    def __init__(self, *, active: bool) -> None:
        document = {"name": "support", "extends": sorted(PACKS), "inputs": {"*": {"$.page": ["web"]}}}
        self.policy = read_policy(document) if active else None
        self.queries = 0

    async def active(self) -> dict[str, Activation]:
        """Return the activation."""
        self.queries += 1
        if self.policy is None:
            return {}
        return {_ORG: Activation(_ORG, 1, self.policy.name, 1, self.policy.hash, "enforce", "key", 0)}

    async def get(self, org_id: str, name: str, version: int) -> PolicyVersion:
        """Return the version."""
        self.queries += 1
        assert self.policy is not None
        return PolicyVersion(PolicyLine(name, version, self.policy.hash, "key", 0), self.policy)


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor for one submission, and queries of all together."""

    us: float
    queries: int
    pinned: bool


async def pinning_cost(times: int, *, active: bool) -> Cost:
    """Pin so many submissions within what counts as one second."""
    store = Store(active=active)
    pinning = Pinning(ActivePolicies(store, store, lambda: 1.0), _declared)
    spec = _workflow()
    await pinning.of(_ORG, Integrity.USER, spec)
    started = time.process_time()
    found = None
    for _ in range(times):
        found = await pinning.of(_ORG, Integrity.USER, spec)
    return Cost((time.process_time() - started) / times * 1e6, store.queries, found is not None)


def _declared(_kind: str, _name: str) -> ToolSecurity:
    return _MAIL


def _workflow() -> ResolvedSpec:
    nodes = [{"id": f"n{at}", "type": "tool", "config": {"tool_name": f"mail.{at}"}} for at in range(10)]
    return resolve(WorkflowSpec.model_validate({"name": "w", "version": 1, "dag": {"nodes": nodes, "edges": []}}), {})
