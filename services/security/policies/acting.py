"""Acts of administration: the rules at ``admin`` of the policy that is active now, before an act takes effect.

Only an organisation with an active policy that has such rules is asked anything. What no rule denies may be done, by
those whose key has the permission: rules take away, and give nothing.
"""

from typing import Protocol

from cachetools import LRUCache

from schemas.errors import Unavailable
from schemas.policies.compiled import PolicySet, compile_policy
from schemas.policies.facts import AdminFacts
from schemas.policies.rulings import ERROR, Ruling
from schemas.records.security.pinned import Decision, Mode
from services.security.policies.active import Active

#: Compiled policies that are kept.
MAX_COMPILED = 256


class Activated(Protocol):
    """Which policies are active, see ``active``."""

    async def of(self, org_id: str) -> Active | None:
        """Return an organisation's active policy. Raises ``Unavailable``."""
        ...


class Acting:
    """Decides on acts of administration."""

    def __init__(self, active: Activated) -> None:
        self._active = active
        self._compiled: LRUCache[tuple[str, Mode], PolicySet] = LRUCache(MAX_COMPILED)

    async def ruling(self, facts: AdminFacts) -> tuple[Ruling, str] | None:
        """Return what the policy says of an act, and the policy's name; ``None`` where no rule decides on acts.

        A policy that cannot decide denies. Raises ``Unavailable`` when nobody knows whether there is a policy.
        """
        active = await self._active.of(facts.where.org)
        if active is None or not any(rule.at == "admin" for rule in active.policy.rules):
            return None
        try:
            return self._set(active).admin(facts), active.name
        except Unavailable:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever goes wrong here, nothing was allowed
            reason = f"policy {active.name} could not decide: {str(exc) or type(exc).__name__}"
            enforced = active.mode == "enforce"
            one = Decision(point="admin", rule=ERROR, verdict="deny", reason=reason, enforced=enforced)
            return Ruling(verdict="deny" if enforced else "allow", said="deny", decisions=(one,)), active.name

    def _set(self, active: Active) -> PolicySet:
        key = (active.hash, active.mode)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = compile_policy(active.policy, active.mode)
        return compiled
