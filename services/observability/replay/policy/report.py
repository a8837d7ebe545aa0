"""Compares a candidate lane with the baseline: cost, latency, refusals, quality, and what these figures rest on."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import structs

from connectors.prices.book import PriceBook
from schemas.api_models.traces.policies import (
    Interval,
    PolicyCoverage,
    PolicyDocument,
    PolicyLane,
    PolicyPrices,
    PolicyReport,
)
from schemas.money import usd
from services.observability.replay.policy.calls import RecordedCall
from services.observability.replay.policy.evidence import Evidence, Mean, ratio
from services.observability.replay.policy.lanes import Decided, lane
from services.observability.replay.policy.pack import Pack
from services.observability.replay.policy.pricing import Pricing

UNCHANGED = PolicyDocument()


def compared(
    calls: Sequence[RecordedCall],
    policy: PolicyDocument,
    books: Mapping[str, PriceBook],
    window: tuple[int, int],
    pack: Pack | None = None,
) -> PolicyReport:
    """Return what a policy would have led to on calls, which are in the order of their holds.

    ``books`` are the organisation's prices by the price version of calls, ``window`` its bounds in milliseconds, and
    ``pack`` decides by the rules of ``policy.guard.pack``.
    ``took_s`` is left at 0 for who measures it.
    """
    evidence = Evidence(calls)
    baseline = lane(calls, UNCHANGED, Pricing(books, PolicyPrices()))
    pricing = Pricing(books, policy.prices)
    candidate = lane(calls, policy, pricing, pack)
    recorded = sum(call.amount_nano for call in calls)
    off = [abs(one.cost_nano - one.call.amount_nano) for one in baseline]
    difference = sum(one.cost_nano for one in candidate) - sum(one.cost_nano for one in baseline)
    latency, quality = _differences(candidate, evidence)
    low, high = _token_range(candidate, pricing, evidence)
    return PolicyReport(
        recorded_nano=recorded,
        baseline_off_nano=sum(off),
        baseline=_lane(baseline, evidence),
        candidate=_lane(candidate, evidence),
        cost_difference_nano=difference,
        cost_difference_usd=_signed_usd(difference),
        cost_interval_nano=(difference + low, difference + high),
        latency_difference_ms=latency,
        quality_difference=quality,
        coverage=_coverage(candidate, evidence, sum(map(bool, off)), window),
        replayed_s=(window[1] - window[0]) / 1000,
        took_s=0.0,
    )


def _lane(decided: Sequence[Decided], evidence: Evidence) -> PolicyLane:
    refused = Counter(one.refused_by for one in decided if one.refused_by)
    cost = sum(one.cost_nano for one in decided)
    latency, quality = Mean(), Mean()
    for one in decided:
        if one.made:
            _add(one, evidence, latency, quality)
    return PolicyLane(
        cost_nano=cost,
        cost_usd=usd(cost),
        calls=sum(one.made for one in decided),
        cached=sum(one.cached for one in decided),
        refused=sum(refused.values()),
        refused_by=dict(refused),
        not_made=sum(not one.made and not one.refused_by for one in decided),
        cut_runs=len({one.call.run_id for one in decided if one.refused_by and one.call.run_id}),
        latency_ms=latency.interval(),
        quality=quality.interval(),
    )


def _add(one: Decided, evidence: Evidence, latency: Mean, quality: Mean) -> None:
    """Add a made call to the means: as it was, or as its node is on the new route."""
    call = one.call
    if not one.rerouted:
        if one.cached != call.cached:
            # A hit that was none, or the reverse: how long it takes is not in the log.
            latency.miss()
        else:
            latency.add(call.latency_ms + one.wait_ms)
        if call.score is None:
            quality.miss()
        else:
            quality.add(call.score)
        return
    found = evidence.of(call, one.route)
    group = (call.workflow, call.node, one.route)
    if found is None:
        latency.miss()
    else:
        latency.add_group(group, found.latency.mean + one.wait_ms, found.latency.error)
    if found is None or not found.score.is_enough:
        quality.miss()
    else:
        quality.add_group(group, found.score.mean, found.score.error)


def _differences(candidate: Sequence[Decided], evidence: Evidence) -> tuple[Interval | None, Interval | None]:
    """Return the mean differences of made calls to what they were, in latency and in quality.

    A call on another route differs as the means of its node on both routes do, so that what chance gave one call is in
    neither.
    """
    latency, quality = Mean(), Mean()
    for one in candidate:
        if not one.made:
            continue
        if not one.rerouted:
            quality.add(0.0)
            if one.cached != one.call.cached:
                latency.miss()
            else:
                latency.add(one.wait_ms)
            continue
        new, old = evidence.of(one.call, one.route), evidence.of(one.call, one.call.route)
        group = (one.call.workflow, one.call.node, one.call.route, one.route)
        if new is None or old is None:
            latency.miss()
            quality.miss()
            continue
        error = (new.latency.error**2 + old.latency.error**2) ** 0.5
        latency.add_group(group, new.latency.mean - old.latency.mean + one.wait_ms, error)
        if new.score.is_enough and old.score.is_enough:
            error = (new.score.error**2 + old.score.error**2) ** 0.5
            quality.add_group(group, new.score.mean - old.score.mean, error)
        else:
            quality.miss()
    return latency.interval(), quality.interval()


def _token_range(candidate: Sequence[Decided], pricing: Pricing, evidence: Evidence) -> tuple[int, int]:
    """Return how much the cost may be lower or higher, as the new routes write shorter or longer answers."""
    low = high = 0
    for one in candidate:
        if not one.made or one.cached or not one.rerouted or one.unpriced:
            continue
        new, old = evidence.of(one.call, one.route), evidence.of(one.call, one.call.route)
        if new is None or old is None:
            continue
        least, most = ratio(new.output_tokens, old.output_tokens)
        low += _with_output(one, pricing, least) - one.cost_nano
        high += _with_output(one, pricing, most) - one.cost_nano
    return min(low, high, 0), max(low, high, 0)


def _with_output(one: Decided, pricing: Pricing, factor: float) -> int:
    usage = one.call.usage
    scaled = structs.replace(usage, output_tokens=round(usage.output_tokens * factor))
    cost = pricing.cost(structs.replace(one.call, usage=scaled, computed=True), one.route)
    return one.cost_nano if cost is None else cost


def _coverage(
    candidate: Sequence[Decided], evidence: Evidence, not_reproduced: int, window: tuple[int, int]
) -> PolicyCoverage:
    whole = max(1, len(candidate))
    rerouted = [one for one in candidate if one.rerouted]
    known = sum(evidence.of(one.call, one.route) is not None for one in rerouted)
    return PolicyCoverage(
        calls=len(candidate),
        runs=len({one.call.run_id for one in candidate}),
        from_ms=window[0],
        to_ms=window[1],
        unchanged=(len(candidate) - len(rerouted)) / whole,
        evidence=known / whole,
        unknown=(len(rerouted) - known) / whole,
        unpriced=sum(one.unpriced for one in candidate),
        not_reproduced=not_reproduced,
        unhashed=sum(not one.call.request for one in candidate),
        scored=sum(one.call.score is not None for one in candidate) / whole,
        unlabelled=sum(not one.call.labels for one in candidate),
    )


def _signed_usd(nano: int) -> str:
    return f"-{usd(-nano)}" if nano < 0 else usd(nano)
