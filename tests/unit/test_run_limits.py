"""Limits of a run: how many of its steps are open at once, which is next, and its deadline."""

import pytest

from schemas.semantics import LIMITS, semantics_of
from tests.support.runs import RUN, START_MS, World, function, limited, spec, submitted


@pytest.fixture
def world():
    return World()


def submit(world, *nodes, edges="", deadline_ms=None, **limits):
    world.feed(submitted(limited(*nodes, edges=edges, **limits), deadline_ms=deadline_ms))


def asked(world):
    return [step for step, _ in world.asked()]


def test_ready_steps_wait_for_a_place_by_priority_and_then_in_order(world):
    nodes = [function("a"), function("b"), function("c", {"priority": 5}), function("d", {"priority": 5})]
    submit(world, *nodes, max_parallel=1)
    assert asked(world) == ["c"]
    assert world.states() == {"a": "ready", "b": "ready", "c": "running", "d": "ready"}
    for step in ("c", "d", "a", "b"):
        world.succeed(step)
    assert asked(world) == ["c", "d", "a", "b"]
    assert world.status == "succeeded"
    assert world.state.get(RUN, "p").ready == ()
    assert world.state.get(RUN, "p").open_steps == 0


def test_a_step_that_waits_for_a_place_says_so(world):
    submit(world, function("a"), function("b"), max_parallel=1)
    seen = {step.step_id: step for view in world.views for step in view.steps}
    assert (seen["b"].state, seen["b"].waiting_for) == ("ready", "max_parallel")
    world.succeed("a")
    seen = {step.step_id: step for view in world.views for step in view.steps}
    assert (seen["b"].state, seen["b"].waiting_for) == ("running", None)


def test_children_and_nodes_share_the_places(world):
    mapped = function("m", parallel=True, items=[1, 2, 3], max_parallel=2)
    submit(world, mapped, function("z", {"priority": 1}), function("y"), max_parallel=3)
    assert asked(world) == ["z", "m[0]", "m[1]"]
    world.succeed("z")
    assert asked(world)[3:] == ["y"]  # the map has its two
    world.succeed("m[0]")
    world.succeed("y")
    assert asked(world)[4:] == ["m[2]"]
    for child in ("m[1]", "m[2]"):
        world.succeed(child)
    assert world.status == "succeeded"


def test_a_retry_keeps_its_place_and_a_step_without_a_worker_takes_none(world):
    wait = {"id": "w", "type": "wait", "config": {"duration_ms": 50}}
    submit(
        world, wait, function("a", {"retries": {"max_attempts": 2, "initial_ms": 10}}), function("b"), max_parallel=1
    )
    assert world.states() == {"w": "waiting", "a": "running", "b": "ready"}
    world.fail("a")
    assert asked(world) == ["a"]
    world.fire("retry:a:2")
    world.succeed("a", attempt=2)
    assert asked(world) == ["a", "a", "b"]


def test_a_place_is_free_again_after_an_optional_map_failed(world):
    mapped = function("m", {"optional": True, "retries": {"max_attempts": 1}}, parallel=True, items=[1, 2, 3, 4])
    submit(world, mapped, function("z"), max_parallel=2)
    assert asked(world) == ["m[0]", "m[1]"]
    world.fail("m[0]")
    assert asked(world)[2:] == ["z"]
    assert world.state.get(RUN, "p").open_steps == 1
    world.succeed("z")
    assert world.status == "succeeded"


def test_a_restore_asks_for_what_has_a_place_only(world):
    submit(world, function("a"), function("b"), max_parallel=1, deadline_ms=500)
    again = World()
    again.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert asked(again) == ["a"]
    assert again.timers == {"deadline": START_MS + 500}


@pytest.mark.parametrize(
    ("own", "given", "due"), [(500, None, 500), (None, 300, 300), (500, 300, 300), (200, 300, 200)]
)
def test_the_sooner_deadline_counts(world, own, given, due):
    limits = {} if own is None else {"deadline_ms": own}
    world.feed(submitted(limited(function("a"), function("b"), edges="a>b", **limits), deadline_ms=given))
    assert world.timers == {"deadline": START_MS + due}
    world.succeed("a")
    world.fire("deadline")
    assert world.status == "failed"
    assert world.state.get(RUN, "p").error.code == "deadline_exceeded"
    assert world.states() == {"a": "succeeded", "b": "canceled"}
    assert world.timers == {}


def test_a_deadline_is_forgotten_when_the_run_ends(world):
    submit(world, function("a"), deadline_ms=500)
    world.succeed("a")
    assert (world.status, world.timers) == ("succeeded", {})
    world.fire("deadline")
    assert world.status == "succeeded"
    assert world.counted("late_events_total") == [{"reason": "timer"}]


def test_the_run_s_own_timer_is_in_its_progress(world):
    submit(world, function("a"), deadline_ms=500)
    data = world.rules.encode(RUN, "p", world.state.get(RUN, "p"))
    assert world.rules.timer(RUN, "p", data) == ("deadline", START_MS + 500)
    world.succeed("a")
    assert world.rules.timer(RUN, "p", world.rules.encode(RUN, "p", world.state.get(RUN, "p"))) is None


def test_limits_need_newer_rules_and_leave_other_workflows_as_they_were():
    plain = spec(function("a"))
    assert semantics_of(plain) < semantics_of(limited(function("a"), max_parallel=2).spec) == LIMITS
    assert "max_parallel" not in plain.model_dump_json()
    assert "priority" not in plain.model_dump_json()
