"""Evaluations of prompts by datasets."""

from typing import Unpack

from agentflow.bodies import CreateEvaluation, LabelAnswers
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import (
    EvaluationAnswer,
    EvaluationCancelAccepted,
    EvaluationPage,
    EvaluationSummary,
    LabelsAccepted,
)


class AsyncEvaluations(AsyncResource):
    """Runs that ask versions of a prompt the cases of a dataset, and their reports."""

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[CreateEvaluation]
    ) -> EvaluationSummary:
        """Start an evaluation. The same ``idempotency_key`` is the same evaluation."""
        return await self._ask(EvaluationSummary, "evaluations.create", json=body, idempotency_key=idempotency_key)

    async def list(
        self, *, prompt: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> EvaluationPage:
        """Return a page of evaluations without their reports, the newest first."""
        params = given(prompt=prompt, limit=limit, cursor=cursor)
        return await self._ask(EvaluationPage, "evaluations.list", params=params)

    async def get(self, evaluation_id: str) -> EvaluationAnswer:
        """Return how far an evaluation is and, when it has ended, its report."""
        return await self._ask(EvaluationAnswer, "evaluations.get", evaluation_id)

    async def cancel(self, evaluation_id: str, reason: str | None = None) -> EvaluationCancelAccepted:
        """Ask for the run of the evaluation to be cancelled."""
        return await self._ask(EvaluationCancelAccepted, "evaluations.cancel", evaluation_id, json=given(reason=reason))

    async def label(self, evaluation_id: str, **body: Unpack[LabelAnswers]) -> LabelsAccepted:
        """Add what people say of answers, by which judges are calibrated."""
        return await self._ask(LabelsAccepted, "evaluations.label", evaluation_id, json=body)

    async def html(self, evaluation_id: str) -> str:
        """Return the report as a page."""
        return (await self._raw("evaluations.html", evaluation_id)).text

    async def junit(self, evaluation_id: str) -> str:
        """Return the report as a test suite of JUnit."""
        return (await self._raw("evaluations.junit", evaluation_id)).text
