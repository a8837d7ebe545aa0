"""Rule ``cache``: the same request is answered again and again, and paid each time."""

from collections.abc import Iterator

from connectors.clickhouse.call_facts import CallFact
from services.optimizer.facts import Group
from services.optimizer.saving import saving
from services.optimizer.suggestion import Risk, Suggestion, evidence


def repeated_requests(group: Group, ttl_ms: int) -> Iterator[Suggestion]:
    """Yield the suggestion to cache answers for ``ttl_ms``, where earlier answers would have served.

    An answer serves until ``ttl_ms`` after it was made; what a hit returns makes it no younger.
    """
    if group.config.cache:
        return
    hits = [call for call, is_hit in _hits(group.calls, ttl_ms) if is_hit]
    saved = saving((call.run_id, call.cost_nano) for call in hits)
    known = sum(call.request != 0 for call in group.calls)
    risk: Risk = "low" if group.config.temperature == 0 else "medium"
    yield Suggestion(
        kind="cache",
        place=group.place,
        title=f"cache the answers of node {group.place.node_id}",
        change={"cache": True},
        saving=saved,
        cost_nano=group.cost_nano,
        risk=risk,
        because="an identical request gets the answer that it got before"
        + ("" if risk == "low" else "; without temperature 0, a new call might have answered otherwise"),
        evidence=evidence(group, captured=known, repeats=len(hits), ttl_s=ttl_ms // 1000),
    )


def _hits(calls: tuple[CallFact, ...], ttl_ms: int) -> Iterator[tuple[CallFact, bool]]:
    answered: dict[int, int] = {}
    for call in calls:
        if call.request == 0:
            yield call, False
            continue
        at_ms = answered.get(call.request)
        is_hit = at_ms is not None and call.at_ms - at_ms < ttl_ms
        if not is_hit:
            answered[call.request] = call.at_ms
        yield call, is_hit
