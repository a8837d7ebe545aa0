"""What enforcement needs of the policies that a process knows."""

from typing import Protocol

from schemas.policies.compiled import PolicySet
from schemas.records.security.pinned import Mode


class Policies(Protocol):
    """The policies that this process knows."""

    def of(self, org_id: str, policy_hash: str, mode: Mode) -> PolicySet:
        """Return a policy by its hash, in the mode that its run has pinned.

        Raises ``Unavailable`` for one that is not known here, or not yet, and ``InvalidInput`` for one that is wrong.
        """
        ...
