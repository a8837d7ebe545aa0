# Generated from `agentflow/client/aio` by `python -m sdk.generate`; do not edit.
"""Spending limits, and stops."""

from typing import Unpack

from agentflow.bodies import ChangeBudget, CreateBudget, CreateStop
from agentflow.client.sync.resource import Resource
from agentflow.models import BudgetAnswer, BudgetForecast, BudgetPage, BudgetStatus, StopAnswer, StopPage


class Budgets(Resource):
    """Spending limits for windows of scopes."""

    def create(self, **body: Unpack[CreateBudget]) -> BudgetAnswer:
        """Create a budget. Give ``limit_usd`` or ``limit_cents``; every scope but ``org`` needs a ``target``."""
        return self._ask(BudgetAnswer, "budgets.create", json=body)

    def list(self) -> BudgetPage:
        """Return all budgets."""
        return self._ask(BudgetPage, "budgets.list")

    def get(self, budget_id: str) -> BudgetAnswer:
        """Return a budget."""
        return self._ask(BudgetAnswer, "budgets.get", budget_id)

    def change(self, budget_id: str, /, **body: Unpack[ChangeBudget]) -> BudgetAnswer:
        """Change a budget. With ``version`` it is a ``Conflict`` unless the budget still has that version."""
        return self._ask(BudgetAnswer, "budgets.change", budget_id, json=body)

    def delete(self, budget_id: str) -> None:
        """Delete a budget."""
        self._raw("budgets.delete", budget_id)

    def status(self, budget_id: str) -> BudgetStatus:
        """Return what is spent, held and left."""
        return self._ask(BudgetStatus, "budgets.status", budget_id)

    def forecast(self, budget_id: str) -> BudgetForecast:
        """Return what the window will have spent at its end."""
        return self._ask(BudgetForecast, "budgets.forecast", budget_id)


class Stops(Resource):
    """Emergency stops and pauses of calls."""

    def create(self, **body: Unpack[CreateStop]) -> StopAnswer:
        """Stop or pause the calls of the organisation, or of a workflow, provider or model."""
        return self._ask(StopAnswer, "stops.create", json=body)

    def list(self, *, resumed: bool = False) -> StopPage:
        """Return the stops in force; with ``resumed`` the earlier ones, too."""
        return self._ask(StopPage, "stops.list", params={"resumed": resumed or None})

    def resume(self, stop_id: str) -> StopAnswer:
        """Let the calls be made again."""
        return self._ask(StopAnswer, "stops.resume", stop_id)
