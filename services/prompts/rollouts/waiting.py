"""Why a running rollout is not decided yet: the conditions of ``schemas.rollouts.looks`` that do not hold, in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.rollouts.comparison import Difference
from schemas.rollouts.looks import Differences, margin_of, promotion_evidence
from schemas.rollouts.plan import Metric
from schemas.rollouts.sequential import bound, needed
from schemas.tables.deployments import Head

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition that is missing. ``code`` is a word for programs."""

    code: str
    text: str


def reasons(head: Head, found: Differences, now_ms: int) -> list[Reason]:
    """Return what a running rollout waits for before its next step or its promotion; of one that is over, nothing.

    ``found`` are the differences as the fold compares them. With all conditions met it is decided at the next record,
    since the data are looked at when one comes.
    """
    if head.status != "running":
        return []
    return list(_missing(head, found, now_ms)) or [Reason("next_outcome", "it is decided when the next outcome comes")]


def _missing(head: Head, found: Differences, now_ms: int) -> Iterator[Reason]:
    plan = head.plan
    if now_ms - head.started_ms >= plan.most_ms:
        return  # whatever else is missing, its longest time ends it
    if head.ratio_alarmed:
        yield Reason("split", "runs are not split by the plan's shares, so nothing is compared: find the fault")
    if plan.mode == "shadow":
        yield Reason("shadow", "a shadow is not promoted by itself: decide by hand")
    elif head.step + 1 < len(plan.steps):
        yield from _of_step(head, now_ms)
    else:
        yield from _of_promotion(head, found, now_ms)


def _of_step(head: Head, now_ms: int) -> Iterator[Reason]:
    plan, runs = head.plan, head.canary_runs[head.step]
    step = f"step {head.step + 1} of {len(plan.steps)}"
    if runs < plan.step_runs:
        yield Reason("step_runs", f"{step} has {runs:,} of {plan.step_runs:,} canary runs")
    if (left := plan.step_ms - (now_ms - head.step_ms)) > 0:
        yield Reason("step_time", f"{step} takes another {span(left)}")


def _of_promotion(head: Head, found: Differences, now_ms: int) -> Iterator[Reason]:
    plan = head.plan
    if (left := plan.least_ms - (now_ms - head.started_ms)) > 0:
        yield Reason("least_time", f"the shortest time of a rollout takes another {span(left)}")
    for metric in plan.rules:
        yield from _of_metric(head, metric, found.get(metric))


def _of_metric(head: Head, metric: Metric, one: Difference | None) -> Iterator[Reason]:
    plan = head.plan
    if one is None:
        yield Reason("no_values", f"{metric}: not both versions have values yet")
    elif min(one.stable_runs, one.canary_runs) < plan.least_runs:
        counts = f"{one.stable_runs:,} runs of stable and {one.canary_runs:,} of the canary"
        yield Reason("least_runs", f"{metric}: {counts}, of at least {plan.least_runs:,} each")
    elif promotion_evidence(plan, metric, one) < needed(plan.promotion_alpha):
        rule, margin = plan.rules[metric], margin_of(plan, metric)
        high = one.harm + bound(one.variance, rule.scale, rule.alpha)
        wanted = "any harm" if margin == 0 else f"a harm of {margin:g}"
        yield Reason("undecided", f"{metric}: {wanted} is not excluded yet: it is {one.harm:+.3g}, at most {high:+.3g}")


def span(ms: float) -> str:
    """Return a duration in its largest unit, rounded up: ``7 min``."""
    for unit, name in _UNITS:
        if ms >= unit:
            return f"{-(-int(ms) // unit)} {name}"
    return "1 s"
