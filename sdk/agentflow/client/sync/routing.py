# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Routes of model calls, and suggestions of the optimizer."""

from typing import Unpack

from agentflow.bodies import EvaluateRoutes, ScoreStep
from agentflow.client.sync.resource import Resource, given
from agentflow.models import (
    AppliedPage,
    AppliedSuggestion,
    RouteEvaluation,
    ScoreAccepted,
    StepRoutes,
    SuggestionPage,
)


class Routes(Resource):
    """Choices of providers and models."""

    def score(self, run_id: str, /, **body: Unpack[ScoreStep]) -> ScoreAccepted:
        """Score a step's answer, from 0 to 1."""
        return self._ask(ScoreAccepted, "routes.score", run_id, json=body)

    def explain(self, run_id: str, step_id: str) -> StepRoutes:
        """Return why a step's routes were chosen, and the requests that the calls led to."""
        return self._ask(StepRoutes, "routes.explain", run_id, params={"step": step_id})

    def evaluate(self, **body: Unpack[EvaluateRoutes]) -> RouteEvaluation:
        """Return what another routing policy would have earned."""
        return self._ask(RouteEvaluation, "routes.evaluate", json=body)


class Optimizer(Resource):
    """Suggestions of what calls could cost less."""

    def suggestions(self, *, days: int | None = None, workflow: str | None = None) -> SuggestionPage:
        """Return the suggestions that the last ``days`` support."""
        return self._ask(SuggestionPage, "optimizer.suggestions", params=given(days=days, workflow=workflow))

    def changes(self) -> AppliedPage:
        """Return what was applied, the newest first."""
        return self._ask(AppliedPage, "optimizer.changes")

    def apply(self, suggestion_id: str, *, days: int | None = None) -> AppliedSuggestion:
        """Register a new version of the workflow with the change."""
        return self._ask(AppliedSuggestion, "optimizer.apply", suggestion_id, params=given(days=days))

    def undo(self, suggestion_id: str) -> AppliedSuggestion:
        """Register a new version of the workflow without the change."""
        return self._ask(AppliedSuggestion, "optimizer.undo", suggestion_id)
