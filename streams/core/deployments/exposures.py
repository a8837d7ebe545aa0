"""Exposures wait in the order of their assignment; outcomes and scores count in that order, whenever they arrive.

An exposure has a number. ``outcomes_at`` is the first one whose outcome is not counted, ``scores_at`` the first one
whose score is not. Each moves while the exposure it is at has what it waits for, or has waited too long. So sums are
added in one order, and a slow answer or a late score cannot change what earlier ones add up to.
"""

from hashlib import sha256
from math import log

from msgspec import structs

from schemas.rollouts.comparison import added
from schemas.rollouts.plan import Metric
from schemas.rollouts.sequential import SPLIT_ALPHA, brake_factor, needed, split_factor
from schemas.tables.deployments import (
    ERRED,
    Head,
    Pair,
    Pending,
    Units,
    bucket_field,
    pending_field,
    sums_field,
)
from streams.core.state import State

#: How many exposures may wait; of more, the oldest one counts as having waited too long.
MAX_WAITING = 10_000
#: Entities of a sticky plan are counted in as many groups: exact for some hundred of them, and bounded for millions.
BUCKETS = 1024
_LEAST_COST_NANO = 1_000
_LEAST_LATENCY_MS = 1.0


def log_cost(cost_nano: int) -> float:
    """Return a cost as it is compared. Below a microdollar all are alike, such as free answers of a cache."""
    return log(max(_LEAST_COST_NANO, cost_nano))


def log_latency(latency_ms: float) -> float:
    """Return a latency as it is compared."""
    return log(max(_LEAST_LATENCY_MS, latency_ms))


def bucket_of(entity: str) -> int:
    """Return the bucket of an entity, which says nothing of its arm."""
    return int.from_bytes(sha256(b"bucket:" + entity.encode()).digest()[:4]) % BUCKETS


def with_unit(head: Head, step: int, canary: bool) -> Head:
    """Return the head with one more unit assigned at a step, and what it says of the sample ratio."""
    units = head.units[step]
    factor = split_factor(head.plan.ratio(step), units.stable, units.canary, canary)
    alarm = head.ratio_alarm + factor
    more = Units(units.stable + (not canary), units.canary + canary)
    return structs.replace(
        head,
        units=(*head.units[:step], more, *head.units[step + 1 :]),
        ratio_alarm=alarm,
        ratio_alarmed=head.ratio_alarmed or alarm >= needed(SPLIT_ALPHA),
    )


def next_outcome(state: State, entity: str, head: Head, now_ms: int) -> Head | None:
    """Count the outcome that is next in the order of assignment; ``None`` while it may still come."""
    if head.outcomes_at >= head.next:
        return None
    one = _pending(state, entity, head.outcomes_at)
    if one.ok is None and not _overdue(head, head.outcomes_at, now_ms - one.at_ms >= head.plan.outcome_ms):
        return None
    failed = not one.ok
    _count(state, entity, head, "errors", one, float(failed))
    if not failed:
        _count(state, entity, head, "cost", one, one.cost)
        _count(state, entity, head, "latency", one, one.latency)
    head = _braked(state, entity, head, one) if failed and head.plan.ratio(one.step) < 1 else head
    runs = head.canary_runs
    if one.canary:
        runs = (*runs[: one.step], runs[one.step] + 1, *runs[one.step + 1 :])
    if one.ok is None:  # its score is not waited for either
        state.put(entity, pending_field(head.outcomes_at), structs.replace(one, ok=False))
    return structs.replace(head, canary_runs=runs, outcomes_at=head.outcomes_at + 1)


def next_score(state: State, entity: str, head: Head, now_ms: int) -> Head | None:
    """Count the score that is next in the order of assignment; ``None`` while it may still come.

    It is never before the run's outcome. A failed run has none, and without a rule for scores none is waited for.
    """
    if head.scores_at >= head.outcomes_at:
        return None
    one = _pending(state, entity, head.scores_at)
    if "score" in head.plan.rules and one.ok is not False:
        waited = _overdue(head, head.scores_at, now_ms - one.at_ms >= head.plan.score_ms)
        if one.score is None and not waited:
            return None
        if one.score is not None:
            _count(state, entity, head, "score", one, one.score)
    state.drop(entity, pending_field(head.scores_at))
    return structs.replace(head, scores_at=head.scores_at + 1)


def _overdue(head: Head, number: int, waited: bool) -> bool:
    return waited or head.next - number > MAX_WAITING


def _pending(state: State, entity: str, number: int) -> Pending:
    one = state.get(entity, pending_field(number))
    assert one is not None
    return one


def _count(state: State, entity: str, head: Head, metric: Metric, one: Pending, value: float) -> None:
    if metric not in head.plan.rules:
        return
    field = sums_field(metric, one.step)
    pair = state.get(entity, field) or Pair()
    cluster = (0, 0.0)
    if one.bucket >= 0:
        bucket = bucket_field(metric, one.step, one.canary, one.bucket)
        cluster = state.get(entity, bucket) or cluster
        state.put(entity, bucket, (cluster[0] + 1, cluster[1] + value))
    if one.canary:
        state.put(entity, field, structs.replace(pair, canary=added(pair.canary, value, cluster)))
    else:
        state.put(entity, field, structs.replace(pair, stable=added(pair.stable, value, cluster)))


def _braked(state: State, entity: str, head: Head, one: Pending) -> Head:
    """Let an error tell the brake whose it is. Of a bucket of entities, only the first: the others depend on it."""
    if one.bucket >= 0:
        erred = state.get(entity, ERRED) or []
        if one.bucket in erred:
            return head
        state.put(entity, ERRED, [*erred, one.bucket])
    return structs.replace(head, brake=head.brake + brake_factor(head.plan.ratio(one.step), one.canary))
