"""Compares the budget of a run with its cheapest path, at the prices that its organisation has now."""

from connectors.prices.book import PricesOf
from schemas.spec.model import ResolvedSpec
from services.runs.path_cost import PathCost, PathCosts


class PathAdmission:
    """Lets runs pass whose cheapest path fits their budget."""

    def __init__(self, prices: PricesOf) -> None:
        self._prices = prices

    async def path(self, org_id: str, resolved: ResolvedSpec, budget_nano: int, at_ms: int) -> PathCost:
        """Return the cheapest path of a run. Raises ``InvalidInput`` when even that does not fit the budget."""
        path = PathCosts(await self._prices.of(org_id, at_ms)).of(resolved)
        path.check(budget_nano)
        return path
