"""Evaluations as the API shows them."""

from typing import Any

from connectors.postgres.evaluations import StoredEvaluation
from schemas.api_models.base import timestamp
from schemas.api_models.evaluations import EvaluationAnswer, EvaluationSummary, Progress
from schemas.money import usd
from services.prompts.evaluations.results import Status


def summary(one: StoredEvaluation) -> EvaluationSummary:
    """Return an evaluation as lists show it."""
    return EvaluationSummary(**_fields(one))


def evaluation(one: StoredEvaluation, status: Status) -> EvaluationAnswer:
    """Return an evaluation with its progress and, if there is one, its report."""
    definition = one.definition
    return EvaluationAnswer(
        **_fields(one),
        state=status.state,
        progress=Progress(done=status.done, failed=status.failed, total=status.total),
        cost_usd=usd(status.cost_nano),
        scorers=definition["scorers"],
        quality=definition["quality"],
        fail_under=definition["fail_under"],
        error=status.error,
        passed=_passed(one),
        report=one.report,
    )


def _fields(one: StoredEvaluation) -> dict[str, Any]:
    definition = one.definition
    return {
        "id": one.id,
        "prompt": one.prompt,
        "version": definition["version"],
        "against": definition["against"],
        "dataset": definition["dataset"],
        "cases": definition["cases"],
        "repeats": definition["repeats"],
        "run_id": one.run_id,
        "author": one.author,
        "project": one.project,
        "created_at": timestamp(one.created_ms),
        "ended_at": timestamp(one.ended_ms),
    }


def _passed(one: StoredEvaluation) -> bool | None:
    """Return whether the mean is not under what was asked; without any score it is."""
    least, candidate = one.definition["fail_under"], str(one.definition["version"])
    if one.report is None or least is None:
        return None
    mean = next(found["mean"] for found in one.report["versions"] if found["version"] == candidate)
    return mean is not None and bool(mean >= least)
