"""The plan of a rollout: how a prompt's new version gets its share of the runs, and what decides over it.

The new version is the *canary*, the one that it may replace is *stable*. A plan belongs to one deployment, in one
environment, and never changes while the deployment runs.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Struct

#: ``all`` moves to the new version at once. ``canary`` raises its share in steps. ``ab`` asks for a better version, not
#: for one that is not worse. ``shadow`` calls both versions for each run and shows the answer of stable alone.
Mode = Literal["all", "canary", "ab", "shadow"]
#: Which arm a run got.
Arm = Literal["stable", "canary"]
STABLE: Final[Arm] = "stable"
CANARY: Final[Arm] = "canary"

#: More is better of ``score``, less of all others. Costs are compared as logarithms of nano-dollars, latencies of
#: milliseconds, both of successful calls alone: a difference of 0.1 is about 10%.
Metric = Literal["score", "errors", "cost", "latency"]

#: ``running`` has both versions. All others are over: ``promoted`` has the new version, the other two have stable.
Status = Literal["running", "promoted", "rolled_back", "stopped"]

Ratio = Annotated[float, msgspec.Meta(gt=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
DurationMs = Annotated[int, msgspec.Meta(ge=0, le=90 * 86_400_000)]
_Alpha = Annotated[float, msgspec.Meta(gt=0, lt=0.5)]
_Difference = Annotated[float, msgspec.Meta(ge=0)]

MOST_STEPS: Final = 20
#: These bounds keep every number of a decision finite.
LEAST_RATIO: Final = 0.0001
LEAST_ALPHA: Final = 1e-9
MOST_ALPHA: Final = 0.5
LEAST_SCALE: Final = 1e-6
MOST_DIFFERENCE: Final = 100.0
BOUNDS: Final = f"alpha from {LEAST_ALPHA:g}, scale from {LEAST_SCALE:g}, and no difference above {MOST_DIFFERENCE:g}"


class MetricRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one metric is judged. Differences are in the metric's own unit, harm counts as positive.

    ``alpha`` is its part of the probability to roll back a version that is not worse. A harm up to ``tolerated`` never
    rolls back. To promote, a harm of ``margin`` must be excluded. ``scale`` is the difference that the test is the most
    sensitive to; every scale is valid.
    """

    alpha: _Alpha
    margin: _Difference
    scale: Annotated[float, msgspec.Meta(gt=0)]
    tolerated: _Difference = 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether all numbers are within bounds."""
        most = max(self.margin, self.tolerated, self.scale)
        return self.alpha >= LEAST_ALPHA and self.scale >= LEAST_SCALE and most <= MOST_DIFFERENCE


#: The parts of 5% that a false rollback may take; 0.004 is the brake's. The score has the weakest signal and gets most.
DEFAULT_RULES: Final[dict[Metric, MetricRule]] = {
    "score": MetricRule(alpha=0.028, margin=0.05, scale=0.06),
    "errors": MetricRule(alpha=0.009, margin=0.02, scale=0.1),
    "cost": MetricRule(alpha=0.0045, margin=0.1, scale=0.2),
    "latency": MetricRule(alpha=0.0045, margin=0.1, scale=0.3),
}
BRAKE_ALPHA: Final = 0.004


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a rollout proceeds.

    ``steps`` are the canary's shares, rising. A step is left after ``step_runs`` canary runs and ``step_ms``. A
    promotion needs ``least_runs`` runs of each arm in all and ``least_ms``; what is undecided after ``most_ms`` ends
    with stable. A run is assigned by its own id, or with ``sticky`` by an entity, for example a user: then all runs of
    one entity count as one cluster. An outcome that is missing after ``outcome_ms`` counts as an error. A score that is
    missing after ``score_ms`` does not count; with 0, only scores that come with the outcome do. ``salt`` decides who
    is in the canary.
    """

    mode: Mode = "canary"
    steps: tuple[Ratio, ...] = (0.01, 0.1, 0.5)
    salt: str = ""
    sticky: bool = False
    rules: dict[Metric, MetricRule] = msgspec.field(default_factory=lambda: dict(DEFAULT_RULES))
    brake_alpha: _Alpha = BRAKE_ALPHA
    promotion_alpha: _Alpha = 0.05
    step_runs: Count = 50
    step_ms: DurationMs = 600_000
    least_runs: Count = 200
    least_ms: DurationMs = 3_600_000
    most_ms: DurationMs = 14 * 86_400_000
    outcome_ms: DurationMs = 600_000
    score_ms: DurationMs = 600_000

    def ratio(self, step: int) -> float:
        """Return the probability that an exposure of a step is one of the canary."""
        return 0.5 if self.mode == "shadow" else self.steps[step]

    def problem(self) -> tuple[str, str, str] | None:
        """Return what is wrong with the plan: the field, the problem, and how to fix it."""
        return self._problem_of_steps() or self._problem_of_rules()

    def _problem_of_steps(self) -> tuple[str, str, str] | None:
        if not self.steps or list(self.steps) != sorted(set(self.steps)):
            return "steps", "the shares of the canary do not rise", "give each step a larger share than the one before"
        if len(self.steps) > MOST_STEPS:
            return "steps", f"there are {len(self.steps)} steps, and {MOST_STEPS} may be", "take larger ones"
        if self.steps[0] < LEAST_RATIO:
            return "steps", f"a share is below {LEAST_RATIO:g}", "give the canary a share in which runs come"
        if self.mode in ("canary", "ab") and self.steps[-1] >= 1:
            return "steps", "a share of 1 leaves no run to compare with", "end with at most 0.5, or use the mode `all`"
        return None

    def _problem_of_rules(self) -> tuple[str, str, str] | None:
        if not self.rules:
            return "rules", "no metric is judged", "name at least one of score, errors, cost and latency"
        if self.mode == "ab" and "score" not in self.rules:
            return "rules", "mode ab compares scores, and none is judged", "add a rule for score, or use mode canary"
        if not all(rule.is_bounded for rule in self.rules.values()):
            return "rules", "a number is out of bounds", BOUNDS
        if min(self.brake_alpha, self.promotion_alpha) < LEAST_ALPHA:
            return "brake_alpha", f"an alpha is below {LEAST_ALPHA:g}", "give every alpha at least that"
        if sum(rule.alpha for rule in self.rules.values()) + self.brake_alpha > MOST_ALPHA:
            fix = "keep their sum at the false rollbacks that you accept"
            return "rules", f"the alphas add up to more than {MOST_ALPHA:g}", fix
        return None


def rollout_key(org_id: str, prompt: str, environment: str) -> str:
    """Return the name of a prompt's environment, which is the key of its records."""
    return f"{org_id}:{prompt}:{environment}"
