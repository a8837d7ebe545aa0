"""Outcomes of arms: when the fold says them, and what they say."""

from typing import Any

from schemas.payload import inline
from schemas.records.base import ErrorInfo
from schemas.records.rollouts.deployments import RunOutcome
from schemas.records.run_events import Reused, StepFailed
from schemas.spec.rules_version import ARMS
from streams.core.commands import Emit
from tests.support.arms import REF, arm, spec_of, with_arm
from tests.support.runs import ORG, RUN, START_MS, World, function, llm, loop, submitted

ONCE = {"retries": {"max_attempts": 1}}
TWICE = {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}


def world_of(*nodes: Any, edges: str = "", inputs: dict[str, Any] | None = None, **changes: Any) -> World:
    of = arm(**changes)
    world = World()
    spec = with_arm(spec_of(*nodes, edges=edges), of)
    world.feed(submitted(spec, rollouts=[of], rules_version=ARMS, inputs=inputs or {"word": "you"}))
    return world


def said(commands: Any) -> list[RunOutcome]:
    return [one.record for one in commands if isinstance(one, Emit) and isinstance(one.record, RunOutcome)]


def fails(world: World, step: str, attempt: int = 1, *, exposed: bool = True, retryable: bool = False) -> None:
    world.feed(
        StepFailed(
            run_id=RUN,
            org_id=ORG,
            step_id=step,
            attempt=attempt,
            started_at_ms=START_MS,
            finished_at_ms=START_MS + 30,
            error=ErrorInfo(code="x", message="x", retryable=retryable),
            cost_nano=5,
            exposed=exposed,
        )
    )


def asked(id_: str, policy: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    return llm(id_, REF, **config) | {"policy": policy or ONCE}


def test_a_step_that_succeeded_says_its_outcome_once() -> None:
    world = world_of(asked("a"), asked("b"), edges="a>b")
    world.succeed("a", "x", cost_nano=7)
    [one] = said(world.last)
    assert (one.deployment_id, one.run_id, one.arm, one.step, one.entity) == ("d1", RUN, "canary", 1, "e")
    assert (one.ok, one.cost_nano, one.rollout) == (True, 7, f"{ORG}:greet:production")
    world.succeed("b", "y")
    assert said(world.last) == []


def test_a_failure_that_is_tried_again_is_no_outcome_and_the_last_one_is() -> None:
    world = world_of(asked("a", TWICE))
    fails(world, "a", retryable=True)
    assert said(world.last) == []
    world.fire("retry:a:2")
    fails(world, "a", 2)
    [one] = said(world.last)
    assert (one.ok, one.cost_nano, one.latency_ms) == (False, 10, 30.0)


def test_a_failure_before_anything_was_rendered_is_no_outcome() -> None:
    world = world_of(asked("a"))
    fails(world, "a", exposed=False)
    assert said(world.commands) == []


def test_of_a_map_the_first_child_counts() -> None:
    world = world_of(asked("a", parallel=True, items=["u", "v"], inputs={"word": "{{item}}"}))
    world.succeed("a[1]", "x")
    assert said(world.commands) == []
    world.succeed("a[0]", "x")
    assert len(said(world.commands)) == 1


def test_of_a_loop_the_first_iteration_counts() -> None:
    world = world_of(loop("l", asked("a", inputs={"word": "x"}), until="false"))
    ids = [one.step_id for one in world.requests]
    world.succeed(ids[-1], "x")
    assert len(said(world.commands)) == 1
    second = world.requests[-1].step_id
    assert second != ids[-1]
    world.succeed(second, "x")
    assert len(said(world.commands)) == 1


def test_a_node_without_the_prompt_and_a_shadow_say_nothing() -> None:
    world = world_of(function("f"), asked("a"), edges="f>a")
    world.succeed("f", 1)
    assert said(world.commands) == []
    shadow = world_of(asked("a"), arm="stable", version=1, other_version=2, shadow=True)
    shadow.succeed("a", "x")
    assert said(shadow.commands) == []


def test_the_outcome_of_a_child_run_is_that_of_the_run_at_the_top() -> None:
    world = world_of(asked("a"), run_id="top")
    world.succeed("a", "x")
    assert [one.run_id for one in said(world.last)] == ["top"]


def test_a_restored_run_says_its_outcome_again() -> None:
    world = world_of(asked("a"), function("b"), edges="a>b")
    world.succeed("a", "x")
    [one] = said(world.commands)
    assert said(world.rules.outstanding(world.state, RUN, world.now_ms)) == [one]


def test_what_is_reused_was_exposed_in_another_run() -> None:
    of = arm(run_id="before")
    spec = with_arm(spec_of(asked("a"), asked("b"), edges="a>b"), of)
    world = World()
    world.feed(
        submitted(
            spec,
            rollouts=[of],
            rules_version=ARMS,
            inputs={"word": "you"},
            source="fork:before",
            reuse={"a": Reused(output=inline("x"))},
        )
    )
    assert said(world.commands) == []
    world.succeed("b", "y")
    assert [one.run_id for one in said(world.commands)] == ["before"]
