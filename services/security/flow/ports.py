"""What a registration needs to know of an organisation's policy."""

from dataclasses import dataclass
from typing import Protocol

from schemas.compliance.facts import FactsDocument
from schemas.policies.document import Policy


@dataclass(frozen=True, slots=True)
class ActivePolicy:
    """The policy that is active in an organisation; ``name`` is ``name@version``, ``facts`` are what it states."""

    name: str
    policy: Policy
    facts: FactsDocument | None = None


class ActivePolicies(Protocol):
    """Knows the active policies of organisations."""

    async def active(self, org_id: str) -> ActivePolicy | None:
        """Return an organisation's policy, ``None`` if it has none.

        Raises ``Unavailable``: a policy that cannot be read must not count as none.
        """
        ...
