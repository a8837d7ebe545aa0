# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Evaluations of prompts by datasets."""

from typing import Unpack

from agentflow.bodies import CreateEvaluation, LabelAnswers
from agentflow.client.sync.resource import Resource, given
from agentflow.models import (
    EvaluationAnswer,
    EvaluationCancelAccepted,
    EvaluationPage,
    EvaluationSummary,
    LabelsAccepted,
)


class Evaluations(Resource):
    """Runs that ask versions of a prompt the cases of a dataset, and their reports."""

    def create(self, *, idempotency_key: str | None = None, **body: Unpack[CreateEvaluation]) -> EvaluationSummary:
        """Start an evaluation. The same ``idempotency_key`` is the same evaluation."""
        return self._ask(EvaluationSummary, "evaluations.create", json=body, idempotency_key=idempotency_key)

    def list(self, *, prompt: str | None = None, limit: int | None = None, cursor: str | None = None) -> EvaluationPage:
        """Return a page of evaluations without their reports, the newest first."""
        params = given(prompt=prompt, limit=limit, cursor=cursor)
        return self._ask(EvaluationPage, "evaluations.list", params=params)

    def get(self, evaluation_id: str) -> EvaluationAnswer:
        """Return how far an evaluation is and, when it has ended, its report."""
        return self._ask(EvaluationAnswer, "evaluations.get", evaluation_id)

    def cancel(self, evaluation_id: str, reason: str | None = None) -> EvaluationCancelAccepted:
        """Ask for the run of the evaluation to be cancelled."""
        return self._ask(EvaluationCancelAccepted, "evaluations.cancel", evaluation_id, json=given(reason=reason))

    def label(self, evaluation_id: str, **body: Unpack[LabelAnswers]) -> LabelsAccepted:
        """Add what people say of answers, by which judges are calibrated."""
        return self._ask(LabelsAccepted, "evaluations.label", evaluation_id, json=body)

    def html(self, evaluation_id: str) -> str:
        """Return the report as a page."""
        return (self._raw("evaluations.html", evaluation_id)).text

    def junit(self, evaluation_id: str) -> str:
        """Return the report as a test suite of JUnit."""
        return (self._raw("evaluations.junit", evaluation_id)).text
