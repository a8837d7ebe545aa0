"""Rule ``trim``: a node lets its model write much more than it ever does, and its budgets hold money for that.

It saves no money: it frees what each call holds, so that a budget near its limit refuses later. The risk has a number:
when none of ``n`` answers was longer, with 95% confidence fewer than 3 of ``n`` later ones will be (the rule of three).
"""

from collections.abc import Iterator
from typing import Protocol

from schemas.spec.model import LlmConfig
from services.optimizer.facts import Group
from services.optimizer.saving import LEAST_CALLS, Saving
from services.optimizer.suggestion import Suggestion, evidence

#: Of the longest answer; rounded up to ``STEP``.
ROOM = 1.5
STEP = 64
#: Less than half of what is asked for is worth a change.
WORTH = 0.5


class Estimates(Protocol):
    """What calls can cost at most, see ``connectors.prices.book``."""

    def estimate(self, provider: str, model: str, input_tokens: int, max_tokens: int, at_ms: int | None = None) -> int:
        """Return nano-dollars. Raises ``StepError`` when there is no price."""
        ...


def long_limits(group: Group, prices: Estimates) -> Iterator[Suggestion]:
    """Yield the suggestion to lower ``max_tokens``, if no answer came near it."""
    asked = group.config.max_tokens
    made = [call for call in group.calls if not call.cached]
    if len(made) < LEAST_CALLS:
        return
    longest = max(call.usage.output_tokens for call in made)
    lower = _limit(longest, group)
    if lower == 0 or lower > asked * WORTH:
        return
    provider, model = group.place.provider, group.place.model
    tokens, at_ms = max(call.usage.input_tokens for call in made), made[-1].at_ms
    freed = prices.estimate(provider, model, tokens, asked, at_ms) - prices.estimate(
        provider, model, tokens, lower, at_ms
    )
    yield Suggestion(
        kind="trim",
        place=group.place,
        title=f"lower max_tokens of node {group.place.node_id} from {asked} to {lower}",
        change={"max_tokens": lower},
        saving=Saving(amount_nano=0, low_nano=0, high_nano=0),
        cost_nano=group.cost_nano,
        risk="low",
        because=f"the longest of {len(made)} answers had {longest} tokens; with 95% confidence fewer than "
        f"{3 / len(made):.2%} of later ones will be longer than that",
        evidence=evidence(group, longest=longest, asked=asked),
        freed_nano=freed,
    )


def _limit(longest: int, group: Group) -> int:
    """Return the limit for answers up to ``longest`` tokens. It is one that the node can say."""
    tokens = -(-int(longest * ROOM) // STEP) * STEP
    form = None if group.prompt is None else group.prompt.form
    is_given = form is not None and form.parameters.max_tokens is not None
    # A field with its default is no value of the node's own, so the prompt's would count.
    return tokens + STEP if is_given and tokens == LlmConfig.model_fields["max_tokens"].default else tokens
