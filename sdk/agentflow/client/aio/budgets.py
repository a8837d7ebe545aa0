"""Spending limits, and stops."""

from typing import Unpack

from agentflow.bodies import ChangeBudget, CreateBudget, CreateStop
from agentflow.client.aio.resource import AsyncResource
from agentflow.models import BudgetAnswer, BudgetForecast, BudgetPage, BudgetStatus, StopAnswer, StopPage


class AsyncBudgets(AsyncResource):
    """Spending limits for windows of scopes."""

    async def create(self, **body: Unpack[CreateBudget]) -> BudgetAnswer:
        """Create a budget. Give ``limit_usd`` or ``limit_cents``; every scope but ``org`` needs a ``target``."""
        return await self._ask(BudgetAnswer, "budgets.create", json=body)

    async def list(self) -> BudgetPage:
        """Return all budgets."""
        return await self._ask(BudgetPage, "budgets.list")

    async def get(self, budget_id: str) -> BudgetAnswer:
        """Return a budget."""
        return await self._ask(BudgetAnswer, "budgets.get", budget_id)

    async def change(self, budget_id: str, /, **body: Unpack[ChangeBudget]) -> BudgetAnswer:
        """Change a budget. With ``version`` it is a ``Conflict`` unless the budget still has that version."""
        return await self._ask(BudgetAnswer, "budgets.change", budget_id, json=body)

    async def delete(self, budget_id: str) -> None:
        """Delete a budget."""
        await self._raw("budgets.delete", budget_id)

    async def status(self, budget_id: str) -> BudgetStatus:
        """Return what is spent, held and left."""
        return await self._ask(BudgetStatus, "budgets.status", budget_id)

    async def forecast(self, budget_id: str) -> BudgetForecast:
        """Return what the window will have spent at its end."""
        return await self._ask(BudgetForecast, "budgets.forecast", budget_id)


class AsyncStops(AsyncResource):
    """Emergency stops and pauses of calls."""

    async def create(self, **body: Unpack[CreateStop]) -> StopAnswer:
        """Stop or pause the calls of the organisation, or of a workflow, provider or model."""
        return await self._ask(StopAnswer, "stops.create", json=body)

    async def list(self, *, resumed: bool = False) -> StopPage:
        """Return the stops in force; with ``resumed`` the earlier ones, too."""
        return await self._ask(StopPage, "stops.list", params={"resumed": resumed or None})

    async def resume(self, stop_id: str) -> StopAnswer:
        """Let the calls be made again."""
        return await self._ask(StopAnswer, "stops.resume", stop_id)
