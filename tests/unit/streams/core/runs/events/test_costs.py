"""What a run's calls cost: each once, whatever says it, in every order."""

from itertools import permutations

import pytest

from schemas.records.run_events import CallSettled, ChildFinished
from streams.core.commands import Emit
from streams.core.runs.fold import RunFold
from tests.support.families import family, flow, runs
from tests.support.runs import ORG, RUN, World, function, resolved, submitted

CALL = f"{RUN}:a:1#1"
OTHER = f"{RUN}:a:1#2"
KIDS = family(flow("kid", function("k")))


@pytest.fixture
def world() -> World:
    world = World()
    world.submit(function("a"), function("b"), edges="a>b")
    return world


def settled(kind: str, amount: int, call: str = CALL, step_id: str = "a") -> CallSettled:
    return CallSettled(run_id=RUN, org_id=ORG, step_id=step_id, call_id=call, kind=kind, amount_nano=amount)


def cost(world: World) -> tuple[int, int]:
    """Return what the run costs and what its step does, as a reader sees them."""
    view = next(view for view in reversed(world.views) if any(step.step_id == "a" for step in view.steps))
    return world.views[-1].cost_nano, next(step.cost_nano for step in view.steps if step.step_id == "a")


def test_an_outcome_and_its_settlement_count_once(world: World) -> None:
    world.succeed("a", cost_nano=7, call_ids=[CALL])
    world.feed(settled("presumed", 20))
    world.feed(settled("actual", 7))
    assert cost(world) == (7, 7)


def test_an_actual_cost_replaces_the_estimate_of_a_call_whose_worker_died(world: World) -> None:
    world.feed(settled("presumed", 20))
    assert cost(world) == (20, 20)
    world.feed(settled("actual", 7))
    assert cost(world) == (7, 7)


def test_an_outcome_replaces_the_estimate_of_its_call(world: World) -> None:
    world.feed(settled("presumed", 20))
    world.succeed("a", cost_nano=7, call_ids=[CALL])
    assert cost(world) == (7, 7)


def test_a_call_that_cost_nothing_takes_its_estimate_back(world: World) -> None:
    world.feed(settled("presumed", 20))
    world.fail("a", cost_nano=0, call_ids=[CALL])
    assert cost(world) == (0, 0)


def test_an_estimate_of_an_outcome_is_replaced_when_the_actual_cost_comes(world: World) -> None:
    world.fail("a", cost_nano=20, call_ids=[CALL], presumed_calls=[CALL], retryable=False)
    world.feed(settled("actual", 7))
    assert cost(world) == (7, 7)


def test_an_attempt_that_two_workers_made_costs_both_calls(world: World) -> None:
    world.succeed("a", cost_nano=7, call_ids=[CALL])
    world.succeed("a", cost_nano=5, call_ids=[OTHER])
    world.succeed("a", cost_nano=5, call_ids=[OTHER])
    assert cost(world) == (12, 12)


def test_calls_of_one_attempt_are_told_apart(world: World) -> None:
    world.feed(settled("presumed", 20, OTHER))
    world.succeed("a", cost_nano=12, call_ids=[CALL, OTHER], call_costs={CALL: 7, OTHER: 5})
    assert cost(world) == (12, 12)


def test_a_settlement_counts_after_the_run_has_ended(world: World) -> None:
    world.succeed("a", cost_nano=7, call_ids=[CALL])
    world.succeed("b")
    version = world.views[-1].version
    world.feed(settled("presumed", 20, OTHER))
    assert (world.status, *cost(world)) == ("succeeded", 27, 27)
    assert world.views[-1].version > version


def test_a_call_of_a_step_that_the_run_never_asked_for_counts_for_the_run(world: World) -> None:
    for _ in range(2):
        world.feed(settled("presumed", 20, f"{RUN}:z:1#1", "z"))
    assert world.views[-1].cost_nano == 20
    world.feed(settled("actual", 3, f"{RUN}:z:1#1", "z"))
    assert world.views[-1].cost_nano == 3


def test_a_call_of_another_organisation_does_not_count(world: World) -> None:
    world.feed(CallSettled(run_id=RUN, org_id="other", step_id="a", call_id=CALL, kind="actual", amount_nano=9))
    assert world.views[-1].cost_nano == 0


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_the_order_of_what_is_said_of_a_call_decides_nothing(order: tuple[int, ...]) -> None:
    world = World()
    world.submit(function("a"))
    said = [
        lambda: world.feed(settled("presumed", 20)),
        lambda: world.feed(settled("actual", 7)),
        lambda: world.succeed("a", cost_nano=7, call_ids=[CALL]),
        lambda: world.feed(settled("presumed", 20)),
    ]
    for place in order:
        said[place]()
    assert cost(world) == (7, 7)


def test_a_paid_run_keeps_what_it_counted_in_a_checkpoint(world: World) -> None:
    world.succeed("a", cost_nano=7, call_ids=[CALL])
    world.succeed("b")
    fields = world.snapshot()[RUN]
    assert set(RunFold().lasting(RUN, fields)) == set(fields)


def _family() -> tuple[World, str]:
    world = World()
    world.feed(submitted(resolved(runs("a", "kid"), family=KIDS)))
    (kid,) = (one.record for one in world.last if isinstance(one, Emit) and hasattr(one.record, "spec"))
    return world, kid.run_id


def _ended(child: str, amount: int, version: int) -> ChildFinished:
    said = {"run_id": RUN, "org_id": ORG, "step_id": "a", "attempt": 1, "child_run_id": child}
    return ChildFinished(**said, status="succeeded", cost_nano=amount, version=version)


def test_a_child_whose_cost_changes_after_its_end_counts_what_it_costs_at_last() -> None:
    world, child = _family()
    for amount, version in ((5, 3), (25, 7), (5, 3), (9, 8), (25, 7)):
        world.feed(_ended(child, amount, version))
    assert world.views[-1].children_nano == 9


def test_a_child_tells_its_parent_when_its_cost_changes_after_its_end() -> None:
    world, child = _family()
    (kid,) = (one.record for one in world.last if isinstance(one, Emit) and hasattr(one.record, "spec"))
    alone = World()
    alone.feed(kid)
    call = f"{child}:k:1#1"
    said = {"run_id": child, "org_id": ORG, "step_id": "k"}
    alone.cancel(run_id=child)
    commands = alone.feed(CallSettled(**said, call_id=call, kind="presumed", amount_nano=20))
    (told,) = (one.record for one in commands if isinstance(one, Emit) and isinstance(one.record, ChildFinished))
    assert told.cost_nano == 20
