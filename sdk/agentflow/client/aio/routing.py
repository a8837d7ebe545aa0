"""Routes of model calls, and suggestions of the optimizer."""

from typing import Unpack

from agentflow.bodies import EvaluateRoutes, ScoreStep
from agentflow.client.aio.resource import AsyncResource, given
from agentflow.models import (
    AppliedPage,
    AppliedSuggestion,
    RouteEvaluation,
    ScoreAccepted,
    StepRoutes,
    SuggestionPage,
)


class AsyncRoutes(AsyncResource):
    """Choices of providers and models."""

    async def score(self, run_id: str, /, **body: Unpack[ScoreStep]) -> ScoreAccepted:
        """Score a step's answer, from 0 to 1."""
        return await self._ask(ScoreAccepted, "routes.score", run_id, json=body)

    async def explain(self, run_id: str, step_id: str) -> StepRoutes:
        """Return why a step's routes were chosen, and the requests that the calls led to."""
        return await self._ask(StepRoutes, "routes.explain", run_id, params={"step": step_id})

    async def evaluate(self, **body: Unpack[EvaluateRoutes]) -> RouteEvaluation:
        """Return what another routing policy would have earned."""
        return await self._ask(RouteEvaluation, "routes.evaluate", json=body)


class AsyncOptimizer(AsyncResource):
    """Suggestions of what calls could cost less."""

    async def suggestions(self, *, days: int | None = None, workflow: str | None = None) -> SuggestionPage:
        """Return the suggestions that the last ``days`` support."""
        return await self._ask(SuggestionPage, "optimizer.suggestions", params=given(days=days, workflow=workflow))

    async def changes(self) -> AppliedPage:
        """Return what was applied, the newest first."""
        return await self._ask(AppliedPage, "optimizer.changes")

    async def apply(self, suggestion_id: str, *, days: int | None = None) -> AppliedSuggestion:
        """Register a new version of the workflow with the change."""
        return await self._ask(AppliedSuggestion, "optimizer.apply", suggestion_id, params=given(days=days))

    async def undo(self, suggestion_id: str) -> AppliedSuggestion:
        """Register a new version of the workflow without the change."""
        return await self._ask(AppliedSuggestion, "optimizer.undo", suggestion_id)
