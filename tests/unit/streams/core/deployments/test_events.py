"""Each decision is an event for other systems: its type says what happened, its id tells repeats."""

import pytest

from schemas.records.rollouts.events import RolloutEvent
from schemas.rollouts.plan import Plan
from streams.core.commands import Command, Emit
from streams.core.deployments.fold import DeploymentsFold
from streams.core.memory import MemoryState
from streams.runtime.routing import to_out
from tests.support.rollouts import QUICK, both, overridden, started, stepped
from topics.codec import decode

FOLD = DeploymentsFold()


def fold(state: MemoryState, *events: object) -> list[RolloutEvent]:
    commands = [c for n, event in enumerate(events) for c in FOLD.fold(state, event, 1_000 + n, n)]  # type: ignore[arg-type]
    return events_of(commands)


def events_of(commands: list[Command]) -> list[RolloutEvent]:
    return [c.record for c in commands if isinstance(c, Emit) and isinstance(c.record, RolloutEvent)]


@pytest.mark.parametrize(
    ("action", "type_"),
    [("promote", "rollout.promoted"), ("rollback", "rollout.rolled_back"), ("stop", "rollout.stopped")],
)
def test_the_type_says_what_happened(action: str, type_: str) -> None:
    plan = Plan(steps=(0.1, 0.5))
    found = fold(MemoryState(), started(plan), stepped(1), overridden(action))
    assert [one.type for one in found] == ["rollout.started", "rollout.stepped", type_]
    assert [one.id for one in found] == ["d1/1", "d1/2", "d1/3"]
    assert (found[1].data["step"], found[1].data["share"], found[1].data["by"]) == (2, 0.5, "ann")


def test_a_rollback_has_its_numbers_and_goes_to_the_organisation() -> None:
    runs = [one for n in range(400) for one in both(n, canary=n % 2 == 0, score=0.1 if n % 2 == 0 else 0.9)]
    event = fold(MemoryState(), started(QUICK), *runs)[-1]
    assert (event.type, event.data["reason"]) == ("rollout.rolled_back", "worse:score")
    assert event.time.startswith("1970-01-01T00:00:01.")
    score = next(one for one in event.data["metrics"] if one["metric"] == "score")
    assert (score["stable"], score["canary"]) == (0.9, 0.1)
    out = to_out(event)
    assert (out.topic, out.key) == ("workflow-events.acme", b"d1")
    assert decode(out.topic, out.value) == event


def test_a_restored_table_sends_the_newest_event_again_in_equal_bytes() -> None:
    state = MemoryState()
    sent = fold(state, started(), overridden("stop"))[-1]
    again = [e for entity in state.snapshot(lambda *_: 1) for e in events_of(FOLD.outstanding(state, entity, 9_000))]
    assert [to_out(one) for one in again] == [to_out(sent)]
