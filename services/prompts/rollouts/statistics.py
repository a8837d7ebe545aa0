"""What a rollout's statistics say, from the table of its fold or from a decision's record: pure functions.

The figures are those that the fold decides by (``schemas.rollouts``), so what people read is what decides. Means of
costs and latencies are geometric ones, in dollars and milliseconds, since their logarithms are compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp
from typing import Literal

from schemas.records.rollouts.deployments import DeploymentDecided, MetricNumbers
from schemas.rollouts.comparison import Difference, compared
from schemas.rollouts.looks import LEAST_CLUSTERS, margin_of, numbers_of
from schemas.rollouts.plan import Metric, Plan
from schemas.rollouts.sequential import SPLIT_ALPHA, needed
from schemas.tables.deployments import Head, Pair

#: ``worse`` rolls back, ``not_worse`` allows the promotion, ``too_few`` are runs that no test of means may use yet.
Verdict = Literal["worse", "not_worse", "undecided", "too_few"]
Unit = Literal["score", "share", "usd", "ms"]

_UNITS: dict[Metric, Unit] = {"score": "score", "errors": "share", "cost": "usd", "latency": "ms"}
_NANO = 1_000_000_000

#: The sums of each metric, one pair for each step that has values.
Sums = Mapping[Metric, tuple[Pair, ...]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The logarithm of an e-value, and how much of it decides."""

    has: float
    needed: float

    @property
    def decides(self) -> bool:
        """Whether it is enough."""
        return self.has >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFigures:
    """One metric of both arms.

    ``stable`` and ``canary`` are means in ``unit``. ``harm`` is the difference that is tested, positive when the canary
    is worse; of cost and latency it is one of logarithms: 0.1 is about 10%. It is between ``low`` and ``high`` at every
    look at once, each with the probability ``1 - alpha``.
    """

    metric: Metric
    unit: Unit
    stable_runs: int
    canary_runs: int
    stable: float
    canary: float
    harm: float
    low: float
    high: float
    tolerated: float
    margin: float
    alpha: float
    worse: Evidence
    not_worse: Evidence
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How units (runs, or entities) were split, and the evidence that it was not by the plan. ``alarmed`` stays."""

    stable: int
    canary: int
    wrong: Evidence
    alarmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A rollout's figures: of all steps together, and where it is.

    ``runs`` are those whose outcome was counted; ``awaited_outcomes`` and ``awaited_scores`` are exposures that wait,
    none once it is over. ``step_runs`` are counted canary runs of each step. ``step_ms`` is when the step began, in
    milliseconds.
    """

    metrics: tuple[MetricFigures, ...]
    split: Split
    brake: Evidence
    runs: int
    awaited_outcomes: int = 0
    awaited_scores: int = 0
    step_runs: tuple[int, ...] = ()
    step_ms: int | None = None


def figures_of_table(head: Head, sums: Sums) -> Figures:
    """Return the figures as the fold's table has them now."""
    found, runs_still = differences(head.plan, sums), head.status == "running"
    return Figures(
        metrics=_metrics(head.plan, numbers_of(head.plan, found), found),
        split=Split(
            stable=sum(units.stable for units in head.units),
            canary=sum(units.canary for units in head.units),
            wrong=Evidence(head.ratio_alarm, needed(SPLIT_ALPHA)),
            alarmed=head.ratio_alarmed,
        ),
        brake=Evidence(head.brake, needed(head.plan.brake_alpha)),
        runs=head.outcomes_at,
        awaited_outcomes=head.next - head.outcomes_at if runs_still else 0,
        awaited_scores=head.outcomes_at - head.scores_at if runs_still else 0,
        step_runs=head.canary_runs,
        step_ms=head.step_ms,
    )


def figures_of_decision(decided: DeploymentDecided) -> Figures:
    """Return the figures that a decision was made by."""
    wrong = Evidence(decided.ratio_alarm, needed(SPLIT_ALPHA))
    return Figures(
        metrics=_metrics(decided.plan, decided.metrics, {}),
        split=Split(stable=decided.stable_units, canary=decided.canary_units, wrong=wrong, alarmed=wrong.decides),
        brake=Evidence(decided.brake, needed(decided.plan.brake_alpha)),
        runs=decided.runs,
    )


def differences(plan: Plan, sums: Sums) -> dict[Metric, Difference | None]:
    """Return the differences of all metrics that the plan judges, as the fold compares them."""
    return {metric: compared(metric, sums.get(metric, ()), clustered=plan.sticky) for metric in plan.rules}


def _metrics(
    plan: Plan, numbers: Iterable[MetricNumbers], found: Mapping[Metric, Difference | None]
) -> tuple[MetricFigures, ...]:
    return tuple(_metric(plan, one, found.get(one.metric)) for one in numbers)


def _metric(plan: Plan, one: MetricNumbers, found: Difference | None) -> MetricFigures:
    rule = plan.rules[one.metric]
    worse = Evidence(one.against, needed(rule.alpha))
    not_worse = Evidence(one.not_inferior, needed(plan.promotion_alpha))
    clusters = min(one.stable_runs, one.canary_runs) if found is None else found.clusters
    return MetricFigures(
        metric=one.metric,
        unit=_UNITS[one.metric],
        stable_runs=one.stable_runs,
        canary_runs=one.canary_runs,
        stable=_shown(one.metric, one.stable),
        canary=_shown(one.metric, one.canary),
        harm=one.harm,
        low=one.harm - one.bound,
        high=one.harm + one.bound,
        tolerated=rule.tolerated,
        margin=margin_of(plan, one.metric),
        alpha=rule.alpha,
        worse=worse,
        not_worse=not_worse,
        verdict=_verdict(clusters, worse, not_worse),
    )


def _verdict(clusters: int, worse: Evidence, not_worse: Evidence) -> Verdict:
    if clusters < LEAST_CLUSTERS:
        return "too_few"
    if worse.decides:
        return "worse"
    return "not_worse" if not_worse.decides else "undecided"


def _shown(metric: Metric, mean: float) -> float:
    if metric == "cost":
        return exp(mean) / _NANO
    return exp(mean) if metric == "latency" else mean
