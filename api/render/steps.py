"""A page of steps, and the counts of mapped nodes' children, as the API shows them."""

from functools import reduce

from connectors.postgres.history.run_counts import Children
from schemas.api_models.runs import ChildrenAnswer, Tokens
from schemas.money import cents, usd
from schemas.records.base import kinds_together


def children(total: int | None, found: Children) -> ChildrenAnswer:
    """Return the counts of a mapped node. Without a total, all its children were requested at once."""
    counts = {state: count.steps for state, count in found.items() if state in ChildrenAnswer.model_fields}
    cost_nano = sum(count.cost_nano for count in found.values())
    return ChildrenAnswer(
        total=sum(count.steps for count in found.values()) if total is None else total,
        **counts,
        cost_cents=cents(cost_nano),
        cost_usd=usd(cost_nano),
        tokens=Tokens(
            input=sum(count.input_tokens for count in found.values()),
            output=sum(count.output_tokens for count in found.values()),
            kinds=reduce(kinds_together, (count.kinds for count in found.values()), None) or {},
        ),
    )
