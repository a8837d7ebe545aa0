"""What another policy would have earned, judged from the log of this one: IPS, SNIPS and a doubly robust estimate.

Each logged choice carries the probability with which its route was chosen. Its importance is the other policy's
probability of that route over the logged one, at most ``CLIP``: no route of three with the bandit's floor reaches it,
and a cut at 20 left the true value out of two in five intervals. An *effective sample* under ``LEAST_SAMPLE`` is
refused: then the log says nothing about that policy.

All estimates are means per choice. Their intervals hold 95% by the normal approximation.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean

from msgspec import Struct

from schemas.errors import Rejected

CLIP = 60.0
LEAST_SAMPLE = 100.0
_Z = NormalDist().inv_cdf(0.975)


class Logged(Struct, frozen=True, kw_only=True):
    """One logged choice: its route, the probability that it had, the reward that it got.

    ``other`` is what the judged policy would choose there, by route; ``features`` name the group of choices that a
    reward model should not mix, e.g. an arm group.
    """

    route: str
    propensity: float
    reward: float
    other: Mapping[str, float]
    features: str = ""


class Estimate(Struct, frozen=True, kw_only=True):
    """The value of a policy per choice, with a 95% interval."""

    value: float
    low: float
    high: float


class Judged(Struct, frozen=True, kw_only=True):
    """The value of another policy by each method. ``clipped`` is the share of choices whose importance was cut."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    choices: int
    effective_sample: float
    clipped: float


def judged(log: Sequence[Logged]) -> Judged:
    """Return what the other policy would have earned. Raises ``Rejected`` for a log that cannot tell."""
    if not log:
        raise Rejected("the log has no choice to judge by; let prompts with policy.route: learn run first")
    _check(log)
    raw = [one.other.get(one.route, 0.0) / one.propensity for one in log]
    weights = [min(CLIP, weight) for weight in raw]
    sample = effective_sample(weights)
    if sample < LEAST_SAMPLE:
        raise Rejected(
            f"the effective sample is {sample:.0f} of {len(log)} choices, at least {LEAST_SAMPLE:.0f} are needed: the "
            "judged policy chooses what was hardly tried; judge a policy closer to the logged one, or log more"
        )
    rewards = [one.reward for one in log]
    return Judged(
        ips=mean_of([weight * reward for weight, reward in zip(weights, rewards, strict=True)]),
        snips=_snips(weights, rewards),
        doubly_robust=mean_of(_doubly_robust(log, weights)),
        choices=len(log),
        effective_sample=sample,
        clipped=sum(weight > CLIP for weight in raw) / len(log),
    )


def effective_sample(weights: Sequence[float]) -> float:
    """Return how many equally weighted choices tell as much: the squared sum over the sum of squares."""
    squares = sum(weight * weight for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def _check(log: Sequence[Logged]) -> None:
    for place, one in enumerate(log):
        if not 0 < one.propensity <= 1:
            raise Rejected(
                f"choice {place} has propensity {one.propensity}; it must be over 0 and at most 1, as it was logged"
            )
        if not math.isclose(sum(one.other.values()), 1.0, abs_tol=1e-6):
            raise Rejected(f"choice {place}: the judged policy's probabilities sum to {sum(one.other.values())}, not 1")


def mean_of(terms: Sequence[float]) -> Estimate:
    """Return the mean of what was observed, with its interval."""
    value = fmean(terms)
    variance = sum((term - value) ** 2 for term in terms) / max(1, len(terms) - 1)
    return _interval(value, math.sqrt(variance / len(terms)))


def _snips(weights: Sequence[float], rewards: Sequence[float]) -> Estimate:
    """Return the self-normalised estimate; its error by the delta method."""
    total = sum(weights)
    value = sum(weight * reward for weight, reward in zip(weights, rewards, strict=True)) / total
    spread = sum((weight * (reward - value)) ** 2 for weight, reward in zip(weights, rewards, strict=True))
    return _interval(value, math.sqrt(spread) / total)


def _doubly_robust(log: Sequence[Logged], weights: Sequence[float]) -> list[float]:
    """Return per choice what a reward model says of the other policy, corrected by the logged reward.

    The model is the mean reward per route and features over the other half of the log, so that no choice predicts
    itself.
    """
    models = [_model(log[half::2]) for half in (1, 0)]
    terms = []
    for place, (one, weight) in enumerate(zip(log, weights, strict=True)):
        means = models[place % 2]
        expected = sum(share * _predicted(means, one, route) for route, share in one.other.items())
        terms.append(expected + weight * (one.reward - _predicted(means, one, one.route)))
    return terms


def _model(log: Sequence[Logged]) -> dict[tuple[str, str], float]:
    groups: dict[tuple[str, str], list[float]] = {}
    for one in log:
        for key in ((one.features, one.route), ("*", one.route), ("*", "*")):
            groups.setdefault(key, []).append(one.reward)
    return {key: fmean(rewards) for key, rewards in groups.items()}


def _predicted(means: Mapping[tuple[str, str], float], one: Logged, route: str) -> float:
    """Return the mean of the route in its features, else of the route, else of all."""
    for key in ((one.features, route), ("*", route), ("*", "*")):
        if key in means:
            return means[key]
    return 0.0


def _interval(value: float, error: float) -> Estimate:
    return Estimate(value=value, low=value - _Z * error, high=value + _Z * error)
