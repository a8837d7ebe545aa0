"""Rule ``schedule``: a model is cheaper at other hours of the day, and the node names no time limit."""

from collections.abc import Iterator

from connectors.clickhouse.call_facts import CallFact
from schemas.errors import StepError
from services.optimizer.facts import Group
from services.optimizer.rules.models import HOUR_MS, Costs
from services.optimizer.saving import saving
from services.optimizer.suggestion import Suggestion, evidence

HOURS = 24
#: Calls by which hours are compared; the best one's saving is of all calls.
SAMPLE = 20


def cheaper_hours(group: Group, prices: Costs) -> Iterator[Suggestion]:
    """Yield the suggestion to call within the cheapest hours of the last call's day, in UTC."""
    paid = [call for call in group.calls if not call.cached and call.cost_nano]
    if group.node.policy.sla_ms is not None or not paid:
        return
    day_ms = paid[-1].at_ms - paid[-1].at_ms % (HOURS * HOUR_MS)
    few = paid[:: max(len(paid) // SAMPLE, 1)]
    try:
        sums = [sum(_cost_at(group, call, day_ms, hour, prices) for call in few) for hour in range(HOURS)]
    except StepError:
        return
    least = min(sums)
    hours = [hour for hour in range(HOURS) if sums[hour] == least]
    if len(hours) == HOURS:
        return
    each = [(call.run_id, call.cost_nano - _cost_at(group, call, day_ms, hours[0], prices)) for call in paid]
    yield Suggestion(
        kind="schedule",
        place=group.place,
        title=f"run node {group.place.node_id} in the cheap hours of {group.place.route}",
        change=None,
        saving=saving(each),
        cost_nano=group.cost_nano,
        risk="low",
        because=f"the price is lowest in the hours {_spans(hours)} UTC; submit its runs by a schedule then",
        evidence=evidence(group, hours=hours),
    )


def _cost_at(group: Group, call: CallFact, day_ms: int, hour: int, prices: Costs) -> int:
    # Some windows begin at half past: an hour that is cheap in part does not count as cheap.
    at = [day_ms + hour * HOUR_MS + minute * 60_000 for minute in (0, 30, 59)]
    provider, model = group.place.provider, group.place.model
    return max(prices.cost(provider, model, call.usage, at_ms) for at_ms in at)


def _spans(hours: list[int]) -> str:
    """Return hours as spans, such as ``0 to 4, 17 to 24``."""
    spans: list[list[int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return ", ".join(f"{start} to {end}" for start, end in spans)
