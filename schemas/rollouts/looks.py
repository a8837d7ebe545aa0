"""One look at the data of a rollout: roll back, promote, take the next step, stop, or change nothing."""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.records.rollouts.deployments import MetricNumbers
from schemas.rollouts.comparison import Difference
from schemas.rollouts.plan import Metric, MetricRule, Plan, Status
from schemas.rollouts.sequential import bound, evidence, needed
from schemas.tables.deployments import Head

#: Fewer clusters of an arm are no mean with a normal distribution. The brake needs none.
LEAST_CLUSTERS = 30

Differences = Mapping[Metric, Difference | None]


class Verdict(NamedTuple):
    """What a look decides: the state and the step from now on, and why."""

    status: Status
    step: int
    reason: str


def harmed(plan: Plan, metric: Metric, found: Difference | None) -> bool:
    """Return whether a metric is certainly worse than is tolerated."""
    rule = plan.rules.get(metric)
    if rule is None or found is None or found.clusters < LEAST_CLUSTERS:
        return False
    return evidence(found.harm - rule.tolerated, found.variance, rule.scale) >= needed(rule.alpha)


def look(head: Head, found: Differences, now_ms: int) -> Verdict | None:
    """Return what is decided now, if anything. The order is that of safety: harm first, promotion last."""
    plan = head.plan
    if head.brake >= needed(plan.brake_alpha):
        return Verdict("rolled_back", head.step, "brake")
    for metric in plan.rules:
        if harmed(plan, metric, found.get(metric)):
            return Verdict("rolled_back", head.step, f"worse:{metric}")
    if now_ms - head.started_ms >= plan.most_ms:
        return Verdict("stopped", head.step, "undecided")
    if head.ratio_alarmed or plan.mode == "shadow":
        return None
    if head.step + 1 < len(plan.steps):
        return _next_step(head, now_ms)
    return Verdict("promoted", head.step, "not_worse") if _promotes(head, found, now_ms) else None


def _next_step(head: Head, now_ms: int) -> Verdict | None:
    plan = head.plan
    if head.canary_runs[head.step] < plan.step_runs or now_ms - head.step_ms < plan.step_ms:
        return None
    return Verdict("running", head.step + 1, "step")


def _promotes(head: Head, found: Differences, now_ms: int) -> bool:
    """Return whether every metric is certainly not worse by its margin.

    All of them must be, so each is tested at the whole level (Berger, "Multiparameter hypothesis testing", 1982).
    """
    plan = head.plan
    if now_ms - head.started_ms < plan.least_ms:
        return False
    return all(_not_inferior(plan, metric, found.get(metric)) for metric in plan.rules)


def _not_inferior(plan: Plan, metric: Metric, found: Difference | None) -> bool:
    if found is None or min(found.stable_runs, found.canary_runs) < plan.least_runs:
        return False
    return promotion_evidence(plan, metric, found) >= needed(plan.promotion_alpha)


def promotion_evidence(plan: Plan, metric: Metric, found: Difference) -> float:
    """Return the evidence that a metric is not worse by its margin; in mode ``ab``, that the score is better."""
    margin = margin_of(plan, metric)
    return evidence(margin - found.harm, found.variance, margin or plan.rules[metric].scale)


def margin_of(plan: Plan, metric: Metric) -> float:
    """Return the harm that a promotion must exclude: in mode ``ab`` any harm to the score, since it must be better."""
    return 0.0 if plan.mode == "ab" and metric == "score" else plan.rules[metric].margin


def numbers_of(plan: Plan, found: Differences) -> tuple[MetricNumbers, ...]:
    """Return the metrics as a decision's record shows them."""
    return tuple(_numbers(plan, metric, rule, one) for metric, rule in plan.rules.items() if (one := found.get(metric)))


def _numbers(plan: Plan, metric: Metric, rule: MetricRule, found: Difference) -> MetricNumbers:
    return MetricNumbers(
        metric=metric,
        stable_runs=found.stable_runs,
        canary_runs=found.canary_runs,
        stable=rounded(found.stable),
        canary=rounded(found.canary),
        harm=rounded(found.harm),
        bound=rounded(bound(found.variance, rule.scale, rule.alpha)),
        against=rounded(evidence(found.harm - rule.tolerated, found.variance, rule.scale)),
        not_inferior=rounded(promotion_evidence(plan, metric, found)),
        alpha=rule.alpha,
    )


def rounded(value: float) -> float:
    """Return a number with 9 digits: another machine's last bits do not change a record."""
    return float(f"{value:.9g}")
