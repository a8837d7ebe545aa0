"""How processes that submit runs and register workflows know the active policies."""

from connectors.postgres.database import Database
from connectors.postgres.policies.activations import PolicyActivations
from connectors.postgres.policies.facts import ProviderFactsStore
from connectors.postgres.policies.versions import PolicyVersions
from connectors.tools.registry import Registry
from services.privacy.redact.standard import redactors_of
from services.privacy.vault.opening import OpenVault
from services.security.flow.ports import ActivePolicy
from services.security.policies.active import ActivePolicies
from services.security.policies.pinning import Pinning, ServerLabels
from services.tools.queue_tools import queue_tools_of


def pinning_of(
    database: Database, tools: Registry, vault: OpenVault | None, servers: ServerLabels | None = None
) -> Pinning:
    """Return what pins policies, with all of its stores in one database, and redacts what enters by a vault."""
    active = ActivePolicies(PolicyActivations(database), PolicyVersions(database))
    return Pinning(active, tools.security, redactors_of(vault), servers, queue_tools_of(database))


class ForRegistration:
    """The active policies as the check of registrations asks for them."""

    def __init__(self, active: ActivePolicies, facts: ProviderFactsStore) -> None:
        self._active = active
        self._facts = facts

    async def active(self, org_id: str) -> ActivePolicy | None:
        """Return an organisation's policy in the mode of its activation, ``None`` without. Raises ``Unavailable``."""
        found = await self._active.of(org_id)
        if found is None:
            return None
        stated = await self._facts.newest(org_id)
        policy = found.policy.model_copy(update={"mode": found.mode})
        return ActivePolicy(found.name, policy, None if stated is None else stated.stored.facts)
