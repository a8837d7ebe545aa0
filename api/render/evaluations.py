"""Evaluations as the API shows them."""

from typing import Any

import msgspec

from connectors.postgres.evaluations import StoredEvaluation
from schemas.api_models.base import timestamp
from schemas.api_models.prompts.evaluations import EvaluationAnswer, EvaluationLine, EvaluationSummary, Progress
from schemas.money import usd
from schemas.prompts.evaluations import Report
from schemas.run_states import RunState
from services.prompts.evaluations.gate import Gate
from services.prompts.evaluations.gate import failures_of as gate_failures
from services.prompts.evaluations.results import Status


def summary(one: StoredEvaluation) -> EvaluationSummary:
    """Return an evaluation that was started."""
    return EvaluationSummary(**_fields(one))


def line(one: StoredEvaluation, state: RunState) -> EvaluationLine:
    """Return an evaluation as lists show it."""
    return EvaluationLine(**_fields(one), state=state)


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
        **_passed(one),
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


def failures_of(one: StoredEvaluation) -> list[str]:
    """Return why an evaluation that has a report did not pass."""
    definition = one.definition
    gate = Gate(fail_under=definition["fail_under"], fail_on=tuple(definition["fail_on"]))
    return gate_failures(msgspec.convert(one.report, Report), gate, str(definition["version"]))


def _passed(one: StoredEvaluation) -> dict[str, Any]:
    definition = one.definition
    asked = definition["fail_under"] is not None or bool(definition["fail_on"])
    if one.report is None or not asked:
        return {"passed": None, "failures": []}
    failures = failures_of(one)
    return {"passed": not failures, "failures": failures}
