"""What another routing policy would have earned on the logged decisions of an arm group.

The log is that of ``policy.route: learn``, which records the exact probability of each choice. The judged policy is one
of three: the static score of a named policy or with weights of its own, or fixed shares of routes. It is judged only
by decisions that had its routes among their candidates; the others are counted as ``skipped``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from connectors.clickhouse.route_log import Decision, Selection
from schemas.clock import now_ms
from schemas.errors import InvalidInput, Problem, Rejected
from schemas.spec.policy import RouteBy, Tier
from services.routing.bandit import Weights, lateness, reward
from services.routing.choice import weighed
from services.routing.off_policy import Estimate, Judged, Logged, judged, mean_of
from services.routing.scoring import TERMS, WEIGHTS

_MS_PER_DAY = 86_400_000
_FIX = "let its prompts run with policy.route: learn, and ask again"


class DecisionLog(Protocol):
    """Where decisions are read, see ``connectors.clickhouse.route_log``."""

    async def decisions(self, wanted: Selection) -> list[Decision]:
        """Return the decisions. Raises ``Unavailable``."""
        ...


class Policy(Struct, frozen=True, kw_only=True):
    """The judged policy: exactly one of its fields is set."""

    by: RouteBy | None = None
    weights: dict[str, float] | None = None
    shares: dict[str, float] | None = None


class Evaluation(Struct, frozen=True, kw_only=True):
    """How the judged policy compares to what was logged, in reward per decision."""

    judged: Judged
    logged: Estimate
    skipped: int
    scored: int


class RouteEvaluations:
    """Judges policies by the log."""

    def __init__(self, log: DecisionLog, now: Callable[[], int] = now_ms) -> None:
        self._log = log
        self._now = now

    async def evaluate(
        self, org_id: str, prompt: str, tier: Tier, days: int, policy: Policy, weights: Weights
    ) -> Evaluation:
        """Return what the policy would have earned.

        Raises ``InvalidInput`` for a log that cannot tell: no decision, or an effective sample under 100.
        """
        since_ms = self._now() - days * _MS_PER_DAY
        wanted = Selection(org_id=org_id, prompt=prompt, tier=tier, since_ms=since_ms)
        return evaluated(await self._log.decisions(wanted), policy, weights)


def evaluated(decisions: Sequence[Decision], policy: Policy, weights: Weights) -> Evaluation:
    """Return what the policy would have earned on these decisions. Raises ``InvalidInput``."""
    pairs = [(one, other) for one in decisions if (other := shares_of(policy, one))]
    if not pairs:
        raise _refused(f"none of {len(decisions)} logged decisions had a route of this policy among its candidates")
    log = [_logged(one, other, weights) for one, other in pairs]
    try:
        found = judged(log)
    except Rejected as exc:
        raise _refused(str(exc)) from exc
    return Evaluation(
        judged=found,
        logged=mean_of([one.reward for one in log]),
        skipped=len(decisions) - len(pairs),
        scored=sum(one.scored for one, _ in pairs),
    )


def shares_of(policy: Policy, one: Decision) -> Mapping[str, float]:
    """Return with which probability the policy chooses each candidate of a decision; nothing when it chooses none."""
    if policy.shares is not None:
        possible = {route: share for route, share in policy.shares.items() if route in one.shares and share > 0}
        whole = sum(possible.values())
        return {route: share / whole for route, share in possible.items()}
    weights = WEIGHTS[policy.by] if policy.by is not None else policy.weights or {}
    scores = {
        route: weighed(dict(zip(TERMS, values, strict=True)), weights)
        for route, values in one.terms.items()
        if route in one.shares
    }
    return {min(scores, key=lambda route: (-scores[route], route)): 1.0} if scores else {}


def _logged(one: Decision, other: Mapping[str, float], weights: Weights) -> Logged:
    late = lateness(one.latency_ms, one.sla_ms or None)
    return Logged(
        route=one.route,
        propensity=one.propensity,
        reward=reward(one.score, one.cost_nano, late, weights),
        other=other,
    )


def _refused(message: str) -> InvalidInput:
    why = Problem("policy", message, _FIX)
    return InvalidInput.of(why)
