"""What a step may spend: the cheapest path that is ahead stays reserved, and what was not taken is free."""

from typing import Any

import pytest

from schemas.records.run_caps import RunEnded, RunReleased, RunReserved
from streams.core.commands import Emit
from tests.support.families import family, flow, runs
from tests.support.runs import ORG, RUN, World, function, limited, resolved, submitted, switch

KIDS = family(flow("kid", function("k")))


def begin(*nodes: dict[str, Any], edges: str, bounds: dict[str, int], budget: int = 100) -> World:
    world = World()
    world.feed(submitted(resolved(*nodes, edges=edges), budget_nano=budget, bounds=bounds))
    return world


def allowed(world: World) -> dict[str, int | None]:
    return {request.step_id: request.run_budget_nano for request in world.requests}


def said(world: World) -> list[object]:
    return [one.record for one in world.last if isinstance(one, Emit)]


def test_a_step_leaves_what_is_ahead_of_it() -> None:
    world = begin(function("a"), function("b"), edges="a>b", bounds={"a": 30, "b": 20})
    assert allowed(world) == {"a": 80}
    world.succeed("a", cost_nano=25, call_ids=[f"{RUN}:a:1#1"])
    assert allowed(world)["b"] == 75


def test_steps_beside_each_other_leave_each_other_what_they_need() -> None:
    world = begin(function("a"), function("b"), function("c"), edges="a>c b>c", bounds={"a": 30, "b": 20, "c": 10})
    assert allowed(world) == {"a": 70, "b": 60}


@pytest.mark.parametrize("condition", [None, "inputs.go == true"])
def test_a_step_that_waits_for_its_place_is_reserved_whether_a_condition_let_it_run_or_not(
    condition: str | None,
) -> None:
    nodes = (function("a"), function("c"), function("b", **({} if condition is None else {"condition": condition})))
    world = World()
    spec = limited(*nodes, max_parallel=2)
    bounds = {"a": 10, "c": 20, "b": 40}
    world.feed(submitted(spec, budget_nano=100, bounds=bounds, inputs={"go": True}))
    assert allowed(world) == {"a": 40, "c": 50}


def test_a_branch_that_is_not_taken_frees_what_it_would_have_cost() -> None:
    fork = switch("s", ("inputs.dear == true", "dear"), default="cheap")
    world = World()
    spec = resolved(fork, function("cheap"), function("dear"), function("z"), edges="s>cheap s>dear cheap>z dear>z")
    bounds = {"cheap": 5, "dear": 40, "z": 10}
    world.feed(submitted(spec, budget_nano=100, bounds=bounds, inputs={"dear": True}))
    assert allowed(world) == {"dear": 90}


def test_a_skipped_branch_is_said_to_the_table_of_budgets() -> None:
    fork = switch("s", ("a.output == 1", "dear"), default="cheap")
    world = begin(
        function("a"),
        fork,
        function("cheap"),
        function("dear"),
        edges="a>s s>cheap s>dear",
        bounds={"cheap": 5, "dear": 40},
    )
    assert RunReserved(org_id=ORG, run_id=RUN, cap_nano=100, reserved_nano=5) in said(world)
    world.succeed("a", 1)
    released = [one for one in said(world) if isinstance(one, RunReleased)]
    assert [one.reserved_nano for one in released] == [40]


def test_a_run_with_a_budget_opens_and_closes_its_cap_and_one_without_says_nothing() -> None:
    world = begin(function("a"), edges="", bounds={})
    assert RunReserved(org_id=ORG, run_id=RUN, cap_nano=100) in said(world)
    world.succeed("a")
    assert RunEnded(org_id=ORG, run_id=RUN) in said(world)
    without = World()
    without.submit(function("a"))
    without.succeed("a")
    assert not any(isinstance(one, RunReserved | RunEnded) for one in said(without))


def test_requests_and_children_name_every_cap_above_them() -> None:
    world = World()
    world.feed(submitted(resolved(runs("a", "kid"), family=KIDS), budget_nano=100))
    (kid,) = (one for one in said(world) if hasattr(one, "spec"))
    assert kid.caps == {RUN: 100}
    child = World()
    child.feed(kid)
    assert child.requests[0].caps == {RUN: 100, kid.run_id: 100}


def test_a_function_chooses_no_branch_whatever_it_gives() -> None:
    """Only a switch does: what looks like its choice in another output frees nothing."""
    world = begin(function("a"), function("b"), function("c"), edges="a>b a>c", bounds={"b": 20, "c": 30})
    world.succeed("a", {"to": ["b"]})
    assert allowed(world) == {"a": 50, "b": 70, "c": 80}
