"""The fold of rollouts, by rule; and whatever the order of arrival, the same decision."""

import copy
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from msgspec import structs

from schemas.errors import BadRecord
from schemas.metrics import DEPLOYMENT_DECISIONS_TOTAL, DEPLOYMENT_RECORDS_TOTAL
from schemas.metrics.fields import counter_field
from schemas.records.rollouts.deployments import DeploymentDecided, DeploymentEvent, RunScored
from schemas.rollouts.plan import MetricRule, Plan
from schemas.tables.deployments import DECIDED, HEAD, Head, rollout_entity
from streams.core.commands import Command, Count, Emit
from streams.core.deployments import exposures
from streams.core.deployments.events import event_of
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from tests.support.rollouts import QUICK, assigned, both, outcome, overridden, scored, started, stepped

FOLD = DeploymentsFold()
NO_SCORES = structs.replace(QUICK, rules={"errors": MetricRule(alpha=0.01, margin=0.1, scale=0.1)})
ENTITY = rollout_entity(started().rollout)


class EncodedState(MemoryState):
    """Every read and write passes the codec, as the table's do."""

    def get(self, entity: str, field: str) -> Any | None:
        data = super().get(entity, field)
        return None if data is None else FOLD.decode(entity, field, data)

    def put(self, entity: str, field: str, value: Any) -> None:
        super().put(entity, field, FOLD.encode(entity, field, value))


def run(state: MemoryState, events: Iterable[DeploymentEvent], at_ms: int = 1_000) -> list[Command]:
    return [c for n, event in enumerate(events) for c in FOLD.fold(state, event, at_ms + n, n)]


def decisions(commands: Iterable[Command]) -> list[DeploymentDecided]:
    return [c.record for c in commands if isinstance(c, Emit) and isinstance(c.record, DeploymentDecided)]


def effects(commands: Iterable[Command]) -> list[str]:
    counts = [c for c in commands if isinstance(c, Count) and c.metric == DEPLOYMENT_RECORDS_TOTAL]
    for count in counts:
        counter_field(count.metric, count.labels)  # raises for what is not declared
    return [dict(c.labels)["effect"] for c in counts]


def test_every_decision_is_counted_once() -> None:
    commands = run(EncodedState(), [started(), overridden("rollback"), overridden("rollback")])
    counts = [c for c in commands if isinstance(c, Count) and c.metric == DEPLOYMENT_DECISIONS_TOTAL]
    assert [dict(c.labels)["decision"] for c in counts] == [one.status for one in decisions(commands)]
    assert [dict(c.labels)["decision"] for c in counts] == ["running", "rolled_back"]


def contents(state: MemoryState) -> dict[str, dict[str, bytes]]:
    """Return what is stored."""
    return state.snapshot(lambda _entity, _field, data: data)


def head(state: MemoryState) -> Head:
    found = state.get(ENTITY, HEAD)
    assert isinstance(found, Head)
    return found


def traffic(runs: int, *, bad: float = 0.9, good: float = 0.9, seed: int = 0) -> list[DeploymentEvent]:
    """Return runs of both arms, half each, whose scores are 0 or 1."""
    rng = random.Random(seed)
    found: list[DeploymentEvent] = []
    for number in range(runs):
        canary = rng.random() < 0.5
        score = float(rng.random() < (bad if canary else good))
        found += both(number, canary=canary, score=score, latency_ms=rng.lognormvariate(6, 0.5))
    return found


def test_start_emits_its_plan_and_runs() -> None:
    state = EncodedState()
    said = decisions(run(state, [started(by="ann")]))
    assert [(one.status, one.reason, one.number, one.ratio, one.by) for one in said] == [
        ("running", "started", 1, 0.5, "ann")
    ]


def test_start_is_ignored_while_another_deployment_runs() -> None:
    state = EncodedState()
    run(state, [started(), started(deployment_id="d2")])
    assert head(state).deployment_id == "d1"


def test_start_after_the_end_forgets_the_former_deployment() -> None:
    state = EncodedState()
    run(state, [started(), *both(1, canary=True, score=1.0), overridden("stop"), started(deployment_id="d2")])
    assert (head(state).deployment_id, head(state).next, head(state).number) == ("d2", 0, 1)
    assert sorted(state.fields(ENTITY)) == ["decided", "head"]


def test_start_repeated_after_its_end_does_not_start_again() -> None:
    state = EncodedState()
    run(state, [started(), overridden("rollback"), started()])
    assert head(state).status == "rolled_back"


def test_all_at_once_is_promoted_by_its_start() -> None:
    said = decisions(run(EncodedState(), [started(Plan(mode="all"))]))
    assert [(one.status, one.reason) for one in said] == [("promoted", "all_at_once")]


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (Plan(steps=(0.5, 0.1)), "steps"),
        (Plan(steps=(0.5, 1.0)), "steps"),
        (Plan(steps=tuple(n / 100 for n in range(1, 30))), "steps"),
        (Plan(rules={}), "rules"),
        (Plan(mode="ab", rules={"errors": MetricRule(alpha=0.05, margin=0.1, scale=0.1)}), "rules"),
        (Plan(rules={"errors": MetricRule(alpha=0.49, margin=0.1, scale=0.1)}, brake_alpha=0.1), "rules"),
    ],
)
def test_plan_that_means_nothing_is_refused(plan: Plan, field: str) -> None:
    with pytest.raises(BadRecord) as caught:
        run(EncodedState(), [started(plan)])
    assert caught.value.reason == field


def test_run_counts_once_whatever_comes_twice() -> None:
    state = EncodedState()
    events = [started(NO_SCORES), assigned(1), assigned(1), outcome(1), outcome(1, ok=False), assigned(1, canary=True)]
    assert effects(run(state, events)) == ["control", "assigned", "repeated", "outcome", "late", "repeated"]
    assert (head(state).next, head(state).outcomes_at) == (1, 1)


def test_outcome_without_its_assignment_is_an_exposure() -> None:
    state = EncodedState()
    run(state, [started(NO_SCORES), outcome(1, canary=True)])
    assert head(state).canary_runs == (1,)


def test_score_of_an_unknown_run_counts_nothing() -> None:
    state = EncodedState()
    assert effects(run(state, [started(), scored(1, 0.5)])) == ["control", "late"]
    assert head(state).next == 0


def test_first_score_counts() -> None:
    state = EncodedState()
    run(state, [started(), assigned(1), assigned(2), scored(2, 0.2), scored(2, 0.9), outcome(2), outcome(1, score=1.0)])
    pair = state.get(ENTITY, "s:score:0")
    assert pair is not None
    assert (pair.stable.n, pair.stable.total) == (2, 1.2)


def test_records_of_another_deployment_change_nothing() -> None:
    state = EncodedState()
    run(state, [started()])
    before = contents(state)
    said = run(state, [outcome(1, deployment_id="d0"), overridden("stop", deployment_id="d0")])
    assert effects(said) == ["other", "other"]
    assert contents(state) == before


def test_missing_outcome_counts_as_an_error_when_it_has_waited() -> None:
    state = EncodedState()
    run(state, [started(NO_SCORES), assigned(1, canary=True)])
    FOLD.fold(state, assigned(2), 1_001 + 999, 5)
    assert head(state).outcomes_at == 0
    FOLD.fold(state, assigned(3), 1_001 + 1_000, 6)
    pair = state.get(ENTITY, "s:errors:0")
    assert pair is not None
    assert (head(state).outcomes_at, pair.canary.n, pair.canary.total) == (1, 1, 1.0)
    assert effects(FOLD.fold(state, outcome(1, canary=True), 3_000, 7)) == ["late"]


def test_missing_score_is_left_out_when_it_has_waited() -> None:
    state = EncodedState()
    run(state, [started(), *both(1, canary=True), *both(2, canary=False, score=0.5)])
    assert head(state).scores_at == 0
    FOLD.fold(state, assigned(3), 3_100, 9)
    pair = state.get(ENTITY, "s:score:0")
    assert pair is not None
    assert (head(state).scores_at, pair.canary.n, pair.stable.n) == (2, 0, 1)


def test_failed_run_is_not_waited_for_by_scores() -> None:
    state = EncodedState()
    run(state, [started(), *both(1, canary=True, ok=False), *both(2, canary=False, score=0.5)])
    assert head(state).scores_at == 2


def test_more_than_may_wait_count_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposures, "MAX_WAITING", 3)
    state = EncodedState()
    run(state, [started(NO_SCORES), *(assigned(n) for n in range(5))])
    assert (head(state).next, head(state).outcomes_at) == (5, 2)


def test_what_is_counted_leaves_the_table() -> None:
    state = EncodedState()
    run(state, [started(), *both(1, canary=True, score=1.0), *both(2, canary=False, score=1.0), assigned(3)])
    assert [field for field in state.fields(ENTITY) if field.startswith("p:")] == ["p:2"]


def test_worse_score_rolls_back_with_its_numbers() -> None:
    state = EncodedState()
    said = decisions(run(state, [started(), *traffic(600, bad=0.3)]))
    assert [(one.status, one.reason) for one in said[1:]] == [("rolled_back", "worse:score")]
    score = next(one for one in said[1].metrics if one.metric == "score")
    assert score.harm > 0.3
    assert score.against >= 3.57  # log(1 / 0.028)
    assert score.harm > score.bound > 0
    assert state.get(ENTITY, DECIDED) == said[1]


def test_nothing_is_counted_after_the_end() -> None:
    state = EncodedState()
    run(state, [started(), *traffic(600, bad=0.3)])
    assert effects(run(state, [outcome(9_999)])) == ["late"]
    assert not [field for field in state.fields(ENTITY) if field.startswith("p:")]


def test_equal_version_is_promoted() -> None:
    said = decisions(run(EncodedState(), [started(), *traffic(2_600)]))
    assert [(one.status, one.reason) for one in said[1:]] == [("promoted", "not_worse")]
    assert all(one.not_inferior >= 2.99 for one in said[1].metrics)  # log(1 / 0.05)


def test_promotion_waits_for_its_least_time() -> None:
    plan = structs.replace(QUICK, least_ms=86_400_000)
    assert len(decisions(run(EncodedState(), [started(plan), *traffic(2_600)]))) == 1


def test_version_without_scores_is_not_promoted() -> None:
    events = [event for n in range(2_000) for event in both(n, canary=bool(n % 2))]
    assert len(decisions(run(EncodedState(), [started(), *events], at_ms=1_000))) == 1


def test_brake_needs_no_minimum_of_runs() -> None:
    events = [event for n in range(40) for event in both(n, canary=n % 4 == 3, ok=n % 4 != 3)]
    said = decisions(run(EncodedState(), [started(structs.replace(QUICK, steps=(0.25,))), *events]))
    assert [(one.status, one.reason) for one in said[1:]] == [("rolled_back", "brake")]
    assert said[1].runs < 30


def test_brake_does_not_stop_what_fails_in_both_arms() -> None:
    events = [event for n in range(400) for event in both(n, canary=n % 2 == 0, ok=n % 5 != 0)]
    assert len(decisions(run(EncodedState(), [started(), *events]))) == 1


def test_brake_counts_an_entity_once_when_its_runs_fail() -> None:
    plan = structs.replace(QUICK, sticky=True)
    events = [event for n in range(25) for event in both(n, canary=True, ok=False, entity="one user")]
    assert len(decisions(run(EncodedState(), [started(plan), *events]))) == 1


def test_steps_are_taken_after_runs_and_time() -> None:
    plan = structs.replace(QUICK, steps=(0.1, 0.5), step_runs=3, step_ms=30)
    state = EncodedState()
    events = [event for n in range(10) for event in both(n, canary=True, score=1.0)]
    said = decisions(run(state, [started(plan), *events]))
    assert [(one.step, one.ratio, one.reason) for one in said] == [(0, 0.1, "started")]
    said = decisions(run(state, both(11, canary=True, score=1.0), at_ms=1_030))
    assert [(one.status, one.step, one.ratio, one.reason) for one in said] == [("running", 1, 0.5, "step")]


def test_drift_over_steps_is_no_difference() -> None:
    plan = structs.replace(QUICK, steps=(0.1, 0.5), step_runs=10_000)
    rng, events = random.Random(1), [started(plan)]
    for number in range(3_000):
        late = number >= 1_500
        canary, good = rng.random() < (0.5 if late else 0.1), 0.5 if late else 0.95
        events += both(number, canary=canary, score=float(rng.random() < good), step=int(late))
        if number == 1_499:
            events.append(stepped(1))
    assert [one.reason for one in decisions(run(EncodedState(), events))] in (
        ["started", "step_by_hand"],
        ["started", "step_by_hand", "not_worse"],
    )


def test_wrong_split_blocks_the_promotion() -> None:
    events = [event for n in range(2_000) for event in both(n, canary=n % 5 < 2, score=float(n % 7 > 0))]
    state = EncodedState()
    assert len(decisions(run(state, [started(), *events]))) == 1
    assert head(state).ratio_alarmed


def test_split_is_judged_on_entities() -> None:
    plan = structs.replace(QUICK, sticky=True)
    events = [event for n in range(2_000) for event in both(n, canary=n % 40 < 16, entity=f"u{n % 40}", score=1.0)]
    state = EncodedState()
    run(state, [started(plan), *events])
    assert sum((units.stable, units.canary) == (24, 16) for units in head(state).units) == 1
    assert not head(state).ratio_alarmed


def test_step_by_hand_goes_forward_only() -> None:
    plan = structs.replace(QUICK, steps=(0.1, 0.2, 0.5), step_runs=100)
    state = EncodedState()
    said = decisions(run(state, [started(plan), stepped(2), stepped(1), stepped(2)]))
    assert [(one.step, one.reason, one.by) for one in said[1:]] == [(2, "step_by_hand", "ann")]
    with pytest.raises(BadRecord):
        run(state, [stepped(3)])


@pytest.mark.parametrize(
    ("action", "status"), [("promote", "promoted"), ("rollback", "rolled_back"), ("stop", "stopped")]
)
def test_hand_wins_before_and_after_the_statistics(action: str, status: str) -> None:
    for events in ([started(), *traffic(40)], [started(), *traffic(600, bad=0.3)], [started(), *traffic(2_600)]):
        state = EncodedState()
        said = decisions(run(state, [*events, overridden(action), overridden(action), *traffic(600, bad=0.1, seed=7)]))
        assert (said[-1].status, said[-1].reason, said[-1].by) == (status, "by_hand", "ann")
        assert head(state).status == status
        assert [one.number for one in said] == list(range(1, len(said) + 1))


def test_later_decision_by_hand_has_the_numbers_of_the_end() -> None:
    events = [started(), *both(1, canary=True, score=1.0), assigned(2), overridden("stop"), overridden("promote")]
    said = decisions(run(EncodedState(), events))
    assert [(one.status, one.runs) for one in said[1:]] == [("stopped", 1), ("promoted", 1)]


def test_what_is_undecided_at_the_longest_time_stops() -> None:
    state = EncodedState()
    run(state, [started(structs.replace(QUICK, most_ms=5_000)), assigned(1)])
    said = decisions(run(state, [outcome(1)], at_ms=6_000))
    assert [(one.status, one.reason) for one in said] == [("stopped", "undecided")]


def test_ab_promotes_what_is_better_and_not_what_is_equal() -> None:
    plan = structs.replace(QUICK, mode="ab")
    assert len(decisions(run(EncodedState(), [started(plan), *traffic(1_500)]))) == 1
    said = decisions(run(EncodedState(), [started(plan), *traffic(1_500, good=0.6)]))
    assert said[-1].status == "promoted"


def test_shadow_counts_both_answers_of_a_run_and_never_promotes() -> None:
    plan = structs.replace(QUICK, mode="shadow")
    rng, events = random.Random(2), []
    for number in range(600):
        for canary in (False, True):
            events += both(number, canary=canary, score=float(rng.random() < 0.9))
    state = EncodedState()
    assert len(decisions(run(state, [started(plan), *events]))) == 1
    assert head(state).next == 1_200


def test_shadow_that_is_worse_rolls_back() -> None:
    plan = structs.replace(QUICK, mode="shadow")
    events = [
        e for n in range(300) for canary in (False, True) for e in both(n, canary=canary, score=float(not canary))
    ]
    assert decisions(run(EncodedState(), [started(plan), *events]))[-1].status == "rolled_back"


@pytest.mark.parametrize(
    ("plan", "event", "field"),
    [
        (QUICK, assigned(1, step=1), "step"),
        (structs.replace(QUICK, sticky=True), assigned(1), "entity"),
        (QUICK, assigned(1, org_id="acme:summary"), "org_id"),
        (QUICK, assigned(1, prompt="summary:x"), "prompt"),
        (QUICK, assigned(1, environment="x:production"), "prompt"),
    ],
)
def test_record_that_cannot_be_is_refused(plan: Plan, event: DeploymentEvent, field: str) -> None:
    state = EncodedState()
    run(state, [started(plan)])
    with pytest.raises(BadRecord) as caught:
        run(state, [event])
    assert caught.value.reason == field


def test_record_touches_all_that_it_writes() -> None:
    plan = structs.replace(QUICK, sticky=True)
    state = EncodedState()
    for event in (started(plan), *both(1, canary=True, score=1.0, entity="ann"), overridden("stop")):
        before = contents(state)
        run(state, [event])
        after = contents(state)
        written = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert written <= set(FOLD.touches(event))


def test_restored_rollout_emits_its_newest_decision() -> None:
    state = EncodedState()
    said = decisions(run(state, [started(), *traffic(600, bad=0.3)]))
    assert FOLD.outstanding(state, ENTITY, 9) == [Emit(said[-1]), Emit(event_of(said[-1]))]
    assert [c for name in state.entities() if name != ENTITY for c in FOLD.outstanding(state, name, 9)] == []


def _mixed(seed: int, events: list[DeploymentEvent], plan: Plan) -> tuple[MemoryState, list[DeploymentDecided]]:
    """Fold exposures first, then outcomes and scores in any order, some twice."""
    rng, state = random.Random(seed), EncodedState()
    late = _split(events[1::2])
    rng.shuffle(late)
    said = run(state, [started(plan), *events[0::2], *late, *rng.sample(late, 50)])
    return state, decisions(said)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_arrival_changes_no_sum(seed: int) -> None:
    plan = structs.replace(QUICK, outcome_ms=10**9, score_ms=10**9, least_runs=10**7)
    events = traffic(150, seed=seed)
    in_order = EncodedState()
    run(in_order, [started(plan), *events])
    mixed, _ = _mixed(seed, events, plan)
    assert contents(in_order)[ENTITY] == contents(mixed)[ENTITY]


@pytest.mark.parametrize("seed", range(3))
def test_order_of_arrival_changes_no_decision(seed: int) -> None:
    """The score decides after the same run, by the same bytes."""
    rules = {"score": QUICK.rules["score"]}
    plan = structs.replace(QUICK, outcome_ms=10**9, score_ms=10**9, rules=rules)
    events = traffic(200, bad=0.2, seed=seed)
    in_order = decisions(run(EncodedState(), [started(plan), *events]))
    _, mixed = _mixed(seed, events, plan)
    assert [one.reason for one in mixed] == ["started", "worse:score"]
    assert in_order[-1].metrics == mixed[-1].metrics


@pytest.mark.parametrize("sizes", [(1,), (7, 2), (40, 1, 3)])
def test_boundaries_of_chunks_change_nothing(sizes: Sequence[int]) -> None:
    """Whatever is stored and loaded between, and however often a chunk is folded again after it was lost."""
    events = [started(structs.replace(QUICK, sticky=True)), *_clustered(200)]
    whole = EncodedState()
    said = run(whole, events)
    parted, again, at = EncodedState(), [], 0
    for number in range(len(events)):
        chunk = events[at : at + sizes[number % len(sizes)]]
        saved = copy.deepcopy(parted)
        lost = [c for n, event in enumerate(chunk, at) for c in FOLD.fold(parted, event, 1_000 + n, n)]
        parted = saved
        again += [c for n, event in enumerate(chunk, at) for c in FOLD.fold(parted, event, 1_000 + n, n)]
        assert lost == again[len(again) - len(lost) :]
        at += len(chunk)
    assert again == said
    assert contents(parted) == contents(whole)


def _clustered(runs: int) -> list[DeploymentEvent]:
    rng, found = random.Random(5), []
    for number in range(runs):
        user = rng.randrange(60)
        score = float(rng.random() < (0.2 if user % 2 else 0.9))
        found += both(number, canary=bool(user % 2), score=score, ok=rng.random() < 0.9, entity=f"u{user}")
    return found


def _split(outcomes: Sequence[Any]) -> list[DeploymentEvent]:
    """Return outcomes and their scores as records of their own, the scores of every other run."""
    found: list[DeploymentEvent] = []
    for number, one in enumerate(outcomes):
        if number % 2:
            found.append(one)
            continue
        names = ("org_id", "prompt", "environment", "deployment_id", "run_id", "arm")
        found.append(RunScored(**{name: getattr(one, name) for name in names}, score=one.score))
        found.append(structs.replace(one, score=None))
    return found
