"""Functions: their results depend on their arguments alone."""

from agentflow import function


@function("shop.total")
def total(*, cents: list[int], discount_percent: int = 0) -> int:
    """The sum of prices in cents after a discount, rounded down."""
    return sum(cents) * (100 - discount_percent) // 100
