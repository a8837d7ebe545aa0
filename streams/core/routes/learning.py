"""How an arm group learns from one outcome: every earlier outcome counts less, the route's sums grow, the price moves.

Outcomes are discounted by ``DISCOUNT`` each, so about the last 300 of an arm group count: a provider that changes is
judged again within some hundred calls, and a route that was not chosen for long is tried again. On the market of
``bench.routing`` 0.998 gives the same reward, and a fifth more calls to a provider that has just degraded.

The ceiling on the mean cost is kept by two means. ``price`` rises with each call above the ceiling and falls with each
one below (a dual ascent), so that dear routes are chosen as often as they can be paid. ``debt`` is the exact sum of
what was spent over the ceiling; a router with debt takes no route above the ceiling (``services.routing.bandit``).
"""

from msgspec import Struct, structs

from schemas.tables.routes import Arm, Learned

DISCOUNT = 0.997
#: Arms that count less than this are forgotten.
_LEAST_WEIGHT = 1e-3
#: How fast the price follows the cost: a call at twice the ceiling raises it by this much quality.
PRICE_STEP = 0.01
PRICE_MOST = 20.0
#: Savings that may be spent later, in calls at the ceiling.
SAVED_MOST = 20.0


class Observed(Struct, frozen=True, kw_only=True):
    """What one call of a route showed. ``late`` is ``max(0, latency / sla - 1)``; ``ceiling_nano`` 0 is no ceiling."""

    route: str
    score: float
    cost_nano: int
    estimate_nano: int
    latency_ms: float
    late: float = 0.0
    failed: bool = False
    ceiling_nano: int = 0


def learned_with(known: Learned, one: Observed) -> Learned:
    """Return what is known after one more outcome."""
    arms = {route: kept for route, arm in known.arms.items() if (kept := _discounted(arm)).weight >= _LEAST_WEIGHT}
    arms[one.route] = _added(arms.get(one.route, Arm()), one)
    over = one.cost_nano / one.ceiling_nano - 1 if one.ceiling_nano else 0.0
    return Learned(
        count=known.count + 1,
        price=min(PRICE_MOST, max(0.0, known.price + PRICE_STEP * over)) if one.ceiling_nano else 0.0,
        debt=max(-SAVED_MOST, known.debt + over) if one.ceiling_nano else 0.0,
        arms=arms,
    )


def rescored(known: Learned, route: str, number: int, before: float, after: float) -> Learned:
    """Return what is known when the ``number``-th outcome turns out to have another score than it counted with."""
    arm = known.arms.get(route)
    if arm is None:
        return known
    weight = DISCOUNT ** (known.count - number)
    changed = structs.replace(
        arm,
        score=arm.score + weight * (after - before),
        squares=arm.squares + weight * (after * after - before * before),
    )
    return structs.replace(known, arms=known.arms | {route: changed})


def _discounted(arm: Arm) -> Arm:
    return Arm(*(DISCOUNT * value for value in structs.astuple(arm)))


def _added(arm: Arm, one: Observed) -> Arm:
    return Arm(
        arm.weight + 1,
        arm.score + one.score,
        arm.squares + one.score * one.score,
        arm.cost + one.cost_nano,
        arm.estimated + one.estimate_nano,
        arm.late + one.late,
        arm.latency_ms + one.latency_ms,
        arm.failed + one.failed,
    )
