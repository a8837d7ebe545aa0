"""Rule ``batch``: a provider makes the calls at half the price if they may take a day, and the node has that time."""

from collections.abc import Iterator

from schemas.batches import BATCH_PROVIDERS, BATCH_SERVED
from schemas.errors import StepError
from services.optimizer.facts import Group
from services.optimizer.rules.models import DAY_MS, Costs, hour_of
from services.optimizer.saving import saving
from services.optimizer.suggestion import Suggestion, evidence


def calls_by_batch(group: Group, prices: Costs) -> Iterator[Suggestion]:
    """Yield the suggestion to send a node's calls by batch, unless its ``sla_ms`` is shorter than a day."""
    policy, place = group.node.policy, group.place
    paid = [call for call in group.calls if not call.cached and call.cost_nano]
    if policy.batch != "never" or policy.stream or place.provider not in BATCH_PROVIDERS or not paid:
        return
    if policy.sla_ms is not None and policy.sla_ms < DAY_MS:
        return
    try:
        each = [
            (
                call.run_id,
                call.cost_nano - prices.cost(place.provider, place.model, call.usage, hour_of(call), BATCH_SERVED),
            )
            for call in paid
        ]
    except StepError:
        return
    has_time = policy.sla_ms is not None
    yield Suggestion(
        kind="batch",
        place=place,
        title=f"send the calls of node {place.node_id} by batch",
        change={"policy": {"batch": "auto"}},
        saving=saving(each),
        cost_nano=group.cost_nano,
        risk="low" if has_time else "medium",
        because="the answers are the same and come within a day"
        + ("" if has_time else "; the node names no sla_ms, so see that nobody waits for them"),
        evidence=evidence(group, sla_ms=policy.sla_ms),
    )
