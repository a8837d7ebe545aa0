"""What was decided of a rollout and why, as one sentence for people."""

from math import expm1

from schemas.records.rollouts.deployments import DeploymentDecided
from services.prompts.rollouts.statistics import MetricFigures, figures_of_decision

_WORSE = "worse:"
_NAMES = {"score": "score is", "errors": "errors are", "cost": "cost is", "latency": "latency is"}


def decision_text(decided: DeploymentDecided) -> str:
    """Return why a decision was made, with its numbers: ``score is worse: 0.72, stable has 0.8, …``."""
    reason = decided.reason
    if reason.startswith(_WORSE):
        return _worse(decided, reason.removeprefix(_WORSE))
    texts = {
        "started": f"the canary gets {percent(decided.ratio)} of the runs",
        "all_at_once": "all runs get the new version at once",
        "step": f"its step is complete, and the canary gets {percent(decided.ratio)} from now on",
        "step_by_hand": f"{decided.by} moved it to {percent(decided.ratio)}",
        "by_hand": f"{decided.by} decided so by hand",
        "brake": f"errors of the canary are many times those of stable, after {decided.runs:,} runs",
        "not_worse": f"no metric is worse by more than its margin, after {decided.runs:,} runs",
        "undecided": f"nothing was certain within its longest time, after {decided.runs:,} runs",
    }
    return texts.get(reason, reason)


def _worse(decided: DeploymentDecided, metric: str) -> str:
    one = next((one for one in figures_of_decision(decided).metrics if one.metric == metric), None)
    if one is None:
        return f"{metric}: worse"
    return f"{_NAMES[metric]} worse: {metric_text(one)}, after {decided.runs:,} runs"


def metric_text(one: MetricFigures) -> str:
    """Return a metric of both arms in its unit, with the least harm that is certain at every look."""
    least = max(0.0, one.low)
    if one.unit in ("usd", "ms"):
        certain = f"at least {percent(expm1(least))} more"
    else:
        certain = f"by at least {percent(least) if one.unit == 'share' else f'{least:.3g}'}"
    return f"{value_text(one, one.canary)} against {value_text(one, one.stable)} of stable, {certain}"


def value_text(one: MetricFigures, value: float) -> str:
    """Return a mean in the metric's unit."""
    if one.unit == "usd":
        return f"${value:.4g}"
    if one.unit == "ms":
        return f"{value:,.0f} ms"
    return percent(value) if one.unit == "share" else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in percent, with three digits at most."""
    return f"{100 * share:.3g}%"
