"""Figures of a rollout are those that its fold decides by, and the reasons are the conditions that do not hold."""

import random
from collections.abc import Iterator
from math import exp

import pytest
from msgspec import structs

from schemas.records.rollouts.deployments import DeploymentEvent
from schemas.rollouts.looks import look
from schemas.rollouts.plan import Metric, MetricRule, Plan
from schemas.tables.deployments import DECIDED, HEAD, Head, Pair, rollout_entity, sums_field
from services.prompts.rollouts.statistics import Figures, differences, figures_of_decision, figures_of_table
from services.prompts.rollouts.waiting import reasons, span
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from tests.support.rollouts import QUICK, assigned, both, outcome, overridden, started

FOLD = DeploymentsFold()
ENTITY = rollout_entity(started().rollout)
NO_SCORES = structs.replace(QUICK, rules={"errors": MetricRule(alpha=0.01, margin=0.1, scale=0.1)})


def fold(state: MemoryState, events: list[DeploymentEvent], at_ms: int = 1_000) -> None:
    for n, event in enumerate(events):
        FOLD.fold(state, event, at_ms + n, n)


def head(state: MemoryState) -> Head:
    found = state.get(ENTITY, HEAD)
    assert isinstance(found, Head)
    return found


def sums(state: MemoryState) -> dict[Metric, tuple[Pair, ...]]:
    plan = head(state).plan
    steps = range(len(plan.steps))
    found = {metric: [state.get(ENTITY, sums_field(metric, at)) for at in steps] for metric in plan.rules}
    return {metric: tuple(pair for pair in pairs if pair is not None) for metric, pairs in found.items()}


def figures(state: MemoryState) -> Figures:
    return figures_of_table(head(state), sums(state))


def codes(state: MemoryState, now_ms: int) -> list[str]:
    one = head(state)
    return [reason.code for reason in reasons(one, differences(one.plan, sums(state)), now_ms)]


def traffic(runs: int, *, bad: float, seed: int) -> Iterator[DeploymentEvent]:
    rng = random.Random(seed)
    for number in range(runs):
        canary = rng.random() < 0.5
        score = float(rng.random() < (bad if canary else 0.9))
        yield from both(number, canary=canary, score=score, latency_ms=rng.lognormvariate(6, 0.5))


def test_figures_of_the_table_are_those_of_the_decision_that_it_made() -> None:
    state = MemoryState()
    fold(state, [started(), *traffic(400, bad=0.2, seed=1)])
    decided = state.get(ENTITY, DECIDED)
    assert decided is not None
    assert (decided.status, decided.reason) == ("rolled_back", "worse:score")
    live, stored = figures(state), figures_of_decision(decided)
    assert live.metrics == stored.metrics
    assert (live.split.stable, live.split.canary, live.runs) == (stored.split.stable, stored.split.canary, stored.runs)
    assert {one.metric: one.verdict for one in live.metrics}["score"] == "worse"


def test_costs_and_latencies_are_geometric_means_and_differences_of_logarithms() -> None:
    state = MemoryState()
    runs = [(1, False, 100.0), (2, False, 400.0), (3, True, 400.0), (4, True, 400.0)]
    events = [one for n, canary, ms in runs for one in both(n, canary=canary, score=1.0, latency_ms=ms)]
    fold(state, [started(), *events])
    one = next(one for one in figures(state).metrics if one.metric == "latency")
    assert (one.unit, round(one.stable), round(one.canary)) == ("ms", 200, 400)
    assert exp(one.harm) == pytest.approx(2)
    assert one.low < one.harm < one.high
    assert one.verdict == "too_few"


def test_waiting_exposures_are_counted_apart() -> None:
    state = MemoryState()
    fold(state, [started(), assigned(1), outcome(1), assigned(2), assigned(3, canary=True), outcome(3, canary=True)])
    found = figures(state)
    assert (found.runs, found.awaited_outcomes, found.awaited_scores) == (1, 2, 1)
    assert (found.split.stable, found.split.canary) == (2, 1)


@pytest.mark.parametrize("seed", range(6))
def test_reasons_are_there_exactly_while_a_look_decides_nothing(seed: int) -> None:
    rng, state = random.Random(seed), MemoryState()
    plan = Plan(steps=(0.3, 0.5), step_runs=20, step_ms=300, least_runs=60, least_ms=700, most_ms=5_000)
    decided = 0
    events = [started(plan), *traffic(500, bad=rng.choice([0.9, 0.95, 0.8]), seed=seed)]
    for n, event in enumerate(events):
        FOLD.fold(state, event, 1_000 + n, n)
        one = head(state)
        if one.status != "running":
            assert codes(state, 1_000 + n) == []
            continue
        for later in (0, rng.randrange(6_000)):
            now = 1_000 + n + later
            verdict = look(one, differences(one.plan, sums(state)), now)
            assert (codes(state, now) == ["next_outcome"]) is (verdict is not None)
            decided += verdict is not None
    assert decided > 20


def test_each_missing_condition_has_a_reason_of_its_own() -> None:
    state = MemoryState()
    fold(state, [started(Plan(steps=(0.1, 0.5)))])
    assert codes(state, 1_000) == ["step_runs", "step_time"]
    state = MemoryState()
    fold(state, [started(structs.replace(NO_SCORES, least_ms=60_000, least_runs=2, steps=(0.5,)))])
    assert codes(state, 1_000) == ["least_time", "no_values"]
    fold(state, [assigned(1), outcome(1), assigned(2, canary=True), outcome(2, canary=True)], 2_000)
    assert codes(state, 2_000) == ["least_time", "least_runs"]
    fold(state, [assigned(3), outcome(3), assigned(4, canary=True), outcome(4, canary=True)], 3_000)
    assert codes(state, 70_000) == ["undecided"]


def test_shadow_and_wrong_split_are_said() -> None:
    state = MemoryState()
    fold(state, [started(structs.replace(QUICK, mode="shadow"))])
    assert codes(state, 1_000) == ["shadow"]
    state = MemoryState()
    events = [one for n in range(400) for one in (assigned(n), outcome(n))]
    fold(state, [started(structs.replace(NO_SCORES, steps=(0.5,))), *events])
    assert figures(state).split.alarmed
    assert "split" in codes(state, 1_000)


def test_what_is_over_waits_for_nothing() -> None:
    state = MemoryState()
    fold(state, [started(), assigned(1), outcome(1), assigned(2), overridden("stop")])
    assert codes(state, 1_000) == []
    assert (figures(state).awaited_outcomes, figures(state).awaited_scores) == (0, 0)


@pytest.mark.parametrize(("ms", "text"), [(1, "1 s"), (61_000, "2 min"), (3_600_000, "1 h"), (1.5 * 86_400_000, "2 d")])
def test_spans_are_rounded_up(ms: float, text: str) -> None:
    assert span(ms) == text
