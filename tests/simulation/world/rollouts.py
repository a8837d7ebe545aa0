"""A rollout of a simulated prompt: runs of two versions, of which the new one may fail, scores, and control by hand."""

from __future__ import annotations

from random import Random

from schemas.records.base import Record
from schemas.rollouts.plan import DEFAULT_RULES, MetricRule, Plan
from tests.support.rollouts import assigned, outcome, overridden, scored, started, stepped

#: Nothing is waited for in vain here, so that what counts depends on the order of the log alone.
LONG_MS = 90 * 86_400_000
PLAN = Plan(
    steps=(0.25, 0.5),
    step_runs=6,
    step_ms=1_000,
    least_runs=10**6,
    outcome_ms=LONG_MS,
    score_ms=LONG_MS,
    most_ms=LONG_MS,
    rules=DEFAULT_RULES | {"score": MetricRule(alpha=0.028, margin=0.05, scale=0.06)},
)
RUNS = 24
#: How many places later than its exposure an outcome may come, and a score than that.
LATER = 12


def said(rng: Random) -> list[Record]:
    """Return all records of one rollout, in the order of the log: some of it late, some twice."""
    failing = rng.choice((0.05, 0.3, 0.9))
    placed: list[tuple[float, Record]] = []
    for run in range(RUNS):
        canary = rng.random() < (0.25 if run < RUNS // 3 else 0.5)
        step = int(run >= RUNS // 3 and rng.random() < 0.8)
        ok = rng.random() >= (failing if canary else 0.05)
        ends = run + rng.random() * LATER
        placed.append((run, assigned(run, canary=canary, step=step)))
        placed.append((ends, outcome(run, canary=canary, step=step, ok=ok, latency_ms=rng.choice((200.0, 900.0)))))
        placed.append((ends + rng.random() * LATER, scored(run, rng.choice((0.0, 0.5, 1.0)), canary=canary, step=step)))
        if rng.random() < 0.2:  # a retry, a replay, or a worker that does not know
            placed.append((ends + rng.random() * LATER, outcome(run, canary=canary, step=step, ok=not ok)))
            placed.append((ends + rng.random() * LATER, assigned(run, canary=canary, step=step)))
        if rng.random() < 0.1:
            placed.append((ends, outcome(run, canary=True, step=step, ok=False, deployment_id="d0")))
    if rng.random() < 0.3:
        placed.append((rng.random() * RUNS, stepped(1)))
    if rng.random() < 0.5:
        placed += [
            (rng.random() * (RUNS + LATER), overridden(rng.choice(("promote", "rollback", "stop"))))
            for _ in range(rng.randint(1, 2))
        ]
    placed.sort(key=lambda one: one[0])
    return [started(PLAN), *(record for _, record in placed)]
