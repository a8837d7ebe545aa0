"""Tools: they have effects outside, so each call has a key that the outside service can recognise."""

from agentflow import ToolContext, tool

#: Stands for the shop's service, which takes an order once for each key.
ORDERS: dict[str, dict[str, object]] = {}


@tool("shop.order")
class Order:
    """Places an order."""

    def __init__(self, *, currency: str = "EUR") -> None:
        self._currency = currency

    def __call__(self, context: ToolContext, *, item: str, cents: int) -> dict[str, object]:
        """Return the order of this call; the same call made again returns the same order."""
        order = {"item": item, "cents": cents, "currency": self._currency, "run": context.run_id}
        return ORDERS.setdefault(context.idempotency_key, order)
