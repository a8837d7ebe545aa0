"""Loops: what begins an iteration, what ends the loop, what its nodes see, and what becomes of it when one fails."""

from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.metrics import LATE_EVENTS_TOTAL, STEP_RETRIES_TOTAL, STEP_SLA_MISSES_TOTAL
from schemas.payload import Reference, inline
from schemas.records.base import ErrorInfo
from schemas.records.run_events import ChildFinished, Reused, RunSubmitted, SignalReceived
from schemas.spec.rules_version import LOOPS, rules_of
from streams.core.commands import Emit
from streams.core.runs.fold import RunFold
from tests.support.families import family, flow, runs
from tests.support.runs import (
    ORG,
    RUN,
    World,
    assistant,
    function,
    limited,
    loop,
    resolved,
    signal,
    submitted,
    switch,
    wait,
)

ONCE = {"retries": {"max_attempts": 1}}
TWICE = {"retries": {"max_attempts": 2, "initial_ms": 10}}


def refined(**config: Any) -> World:
    """A run whose loop drafts and judges, between two other nodes."""
    body = (
        function("draft", TWICE, inputs={"before": "loop.previous", "number": "loop.iteration", "topic": "a.output.x"}),
        function("judge", ONCE, inputs={"text": "draft.output"}),
    )
    after = function("z", inputs={"last": "r.output", "all": "r.outputs", "first": "r.outputs.0"})
    asked = {"until": "loop.output >= 2"} | config
    world = World()
    world.submit(function("a"), loop("r", *body, edges="draft>judge", **asked), after, edges="a>r r>z")
    world.succeed("a", {"x": "topic"})
    return world


def iterate(world: World, number: int, output: Any, loop_id: str = "r") -> None:
    """Let the steps of one iteration succeed."""
    world.succeed(f"{loop_id}~{number}/draft", f"draft {number}")
    world.succeed(f"{loop_id}~{number}/judge", output)


def one(policy: dict[str, Any] | None = None, **config: Any) -> World:
    """A run of a loop over one function."""
    world = World()
    node = loop("r", function("draft", policy or ONCE), **{"until": "loop.output == 'good'"} | config)
    world.submit(node)
    return world


def test_until_ends_after_the_first_iteration_for_which_it_holds() -> None:
    world = refined()
    iterate(world, 1, 1)
    assert world.step("r").state == "waiting"
    assert world.step("r").waiting_for == "iteration 2 of 3"
    iterate(world, 2, 2)
    assert world.step("r").output == inline(2)
    assert world.requests[-1].args == {"last": 2, "all": [1, 2], "first": 1}
    world.succeed("z")
    assert world.status == "succeeded"


def test_a_body_sees_its_iteration_the_one_before_and_the_nodes_around() -> None:
    world = refined()
    asked = world.requests[-1]
    assert (asked.step_id, asked.node_id) == ("r~1/draft", "draft")
    assert asked.args == {"before": None, "number": 1, "topic": "topic"}
    iterate(world, 1, 1)
    assert world.requests[-1].args == {"before": 1, "number": 2, "topic": "topic"}
    world.succeed("r~2/draft", "better")
    assert world.requests[-1].args == {"text": "better"}


def test_a_path_into_what_is_not_there_is_null_in_the_first_iteration() -> None:
    world = World()
    node = loop("r", function("draft", inputs={"deep": "loop.previous.text.0"}), until="loop.iteration == 2")
    world.submit(node)
    assert world.requests[-1].args == {"deep": None}
    world.succeed("r~1/draft", {"text": ["better"]})
    assert world.requests[-1].args == {"deep": "better"}


def test_while_ends_before_the_first_iteration_for_which_it_is_false() -> None:
    world = refined(until=None, **{"while": "loop.output == null || loop.output < 2"})
    iterate(world, 1, 1)
    iterate(world, 2, 2)
    assert world.step("r").output == inline(2)
    assert world.requests[-1].args["all"] == [1, 2]


def test_while_that_is_false_at_once_ends_the_loop_without_an_iteration() -> None:
    world = World()
    after = function("z", inputs={"last": "r.output", "all": "r.outputs"})
    world.submit(loop("r", function("draft"), **{"while": "inputs.x == 'another'"}), after, edges="r>z")
    assert world.states() == {"r": "succeeded", "z": "running"}
    assert world.requests[-1].args == {"last": None, "all": []}


@pytest.mark.parametrize("condition", [{"until": "loop.output > 9"}, {"until": None, "while": "loop.iteration < 9"}])
def test_a_loop_that_does_not_end_in_time_fails(condition: dict[str, Any]) -> None:
    world = refined(**condition)
    for number in (1, 2, 3):
        iterate(world, number, number)
    assert world.step("r").error.code == "loop_exhausted"
    assert "max_iterations" in world.step("r").error.message
    assert world.status == "failed"


def test_a_loop_that_does_not_end_in_time_may_give_its_last_output() -> None:
    world = refined(until="loop.output > 9", on_exhausted="last")
    for number in (1, 2, 3):
        iterate(world, number, number)
    assert world.requests[-1].args == {"last": 3, "all": [1, 2, 3], "first": 1}


def test_while_that_ends_with_the_last_iteration_is_not_exhausted() -> None:
    world = refined(until=None, **{"while": "loop.iteration <= 3"})
    for number in (1, 2, 3):
        iterate(world, number, number)
    assert world.step("r").state == "succeeded"


@pytest.mark.parametrize(
    ("condition", "ends"),
    [
        ("loop.iteration == 1", True),
        ("loop.previous == null", True),
        ("inputs.goal == loop.output", True),
        ("loop.output == 'loop.output'", False),
        ("loop.output.missing", False),
        ("has(loop.output.score) && loop.output.score > 1", False),
    ],
)
def test_until_sees_the_iteration_that_ended(condition: str, ends: bool) -> None:
    world = World()
    world.submit(loop("r", function("draft"), until=condition), inputs={"goal": "text"})
    world.succeed("r~1/draft", "text")
    assert (world.status == "succeeded") is ends


def test_a_condition_that_cannot_be_read_fails_the_loop() -> None:
    world = one()
    world.succeed("r~1/draft", Reference(uri="file:///x", sha256="0" * 64, size=100_000))
    assert world.step("r").error.code == "condition_unreadable"
    assert world.status == "failed"


def test_a_stored_output_is_the_loops_output() -> None:
    stored = Reference(uri="file:///x", sha256="0" * 64, size=100_000)
    world = one(until="loop.iteration == 2")
    world.succeed("r~1/draft", "small")
    world.succeed("r~2/draft", stored)
    assert world.step("r").output == stored
    assert world.views[-1].output == {"r": stored}


def test_a_failure_inside_is_tried_again_and_then_fails_loop_and_run() -> None:
    world = one(TWICE)
    world.fail("r~1/draft")
    assert world.step("r~1/draft").state == "waiting"
    world.fire("retry:r~1/draft:2")
    assert world.asked()[-1] == ("r~1/draft", 2)
    world.fail("r~1/draft", attempt=2)
    assert (world.status, world.step("r").state) == ("failed", "failed")
    assert world.step("r").error.step_id == "r~1/draft"
    assert world.views[-1].error.code == "boom"


def test_an_optional_node_inside_may_fail() -> None:
    world = World()
    optional = ONCE | {"optional": True}
    body = (function("draft", optional), function("judge", join="all_done", inputs={"text": "draft.output"}))
    world.submit(loop("r", *body, edges="draft>judge", until="loop.output == 1"))
    world.fail("r~1/draft")
    assert world.requests[-1].args == {"text": None}
    world.succeed("r~1/judge", 1)
    assert world.status == "succeeded"


def test_an_optional_loop_that_fails_ends_what_is_open_inside() -> None:
    world = World()
    optional = {"optional": True}
    body = (function("p", ONCE), function("q", ONCE), function("k"))
    node = loop("r", *body, edges="p>k q>k", until="true", policy=optional)
    world.submit(node, function("z", join="all_done", inputs={"of": "r.output"}), edges="r>z")
    world.fail("r~1/p")
    assert world.states() == {"r": "failed", "r~1/p": "failed", "r~1/q": "canceled", "z": "running"}
    assert world.requests[-1].args == {"of": None}
    world.succeed("r~1/q", cost_nano=7)
    assert (world.step("r~1/q").state, world.step("r~1/q").cost_nano) == ("canceled", 7)
    world.succeed("z")
    assert world.status == "succeeded"
    assert world.views[-1].cost_nano == 7


def test_an_argument_that_cannot_be_bound_inside_fails_the_loop_and_nothing_more_of_it_begins() -> None:
    world = World()
    body = (function("p"), function("bad", inputs={"x": "p.output.none"}), function("q"))
    world.submit(loop("r", *body, edges="p>bad p>q", until="true", output="q.output", policy={"optional": True}))
    world.succeed("r~1/p", {})
    assert world.states() == {"r": "failed", "r~1/bad": "failed", "r~1/p": "succeeded"}
    assert world.status == "succeeded"


def test_switches_joins_and_conditions_decide_inside_as_outside() -> None:
    world = World()
    body = (
        function("p"),
        switch("s", ("p.output == 1", "left"), default="right"),
        function("left"),
        function("right", condition="loop.iteration > 1"),
        function("end", join="all_done", inputs={"l": "left.output", "r": "right.output"}),
    )
    edges = "p>s s>left s>right left>end right>end"
    world.submit(loop("r", *body, edges=edges, until="loop.output == 'done'"))
    world.succeed("r~1/p", 1)
    assert world.states()["r~1/right"] == "skipped"
    assert world.step("r~1/right").note == "'r~1/s' did not choose it"
    world.succeed("r~1/left", "left")
    assert world.requests[-1].args == {"l": "left", "r": None}
    world.succeed("r~1/end", "more")
    world.succeed("r~2/p", 2)
    assert world.asked()[-1] == ("r~2/right", 1)
    world.succeed("r~2/right", "right")
    world.succeed("r~2/end", "done")
    assert world.status == "succeeded"


def test_a_skipped_output_is_null_and_iterations_without_work_end_at_once() -> None:
    world = World()
    node = loop("r", function("never", condition="false"), until="loop.iteration == 3", max_iterations=5)
    world.submit(node, function("z", inputs={"all": "r.outputs"}), edges="r>z")
    assert world.requests[-1].args == {"all": [None, None, None]}


def test_an_early_join_inside_sees_null_for_what_still_runs() -> None:
    world = World()
    body = (function("p"), function("q"), function("k", TWICE, join="any", inputs={"p": "p.output", "q": "q.output"}))
    world.submit(loop("r", *body, edges="p>k q>k", until="true"))
    world.succeed("r~1/p", 1)
    assert world.requests[-1].args == {"p": 1, "q": None}
    world.succeed("r~1/q", 2)
    world.fail("r~1/k")
    world.fire("retry:r~1/k:2")
    assert world.requests[-1].args == {"p": 1, "q": None}


def test_waits_signals_agents_and_runs_work_inside() -> None:
    kids = family(flow("kid", function("k")))
    body = (
        *(wait("pause", 40), signal("go", "go"), assistant("ask", inputs={"word": "loop.iteration"})),
        runs("kid", "kid", inputs={"n": "loop.iteration"}),
    )
    world = World()
    world.feed(submitted(resolved(loop("r", *body, edges="pause>go go>ask ask>kid", until="true"), family=kids)))
    world.feed(SignalReceived(run_id=RUN, org_id=ORG, signal_id="1", name="go", payload=inline("early")))
    world.fire("wait:r~1/pause:1")
    world.fire("signal:r~1/go:1")
    assert world.requests[-1].step_id == "r~1/ask/turn-1"
    assert world.requests[-1].node_id == "ask"
    world.succeed("r~1/ask/turn-1", "answer")
    (kid,) = [c.record for c in world.last if isinstance(c, Emit) and isinstance(c.record, RunSubmitted)]
    assert kid.inputs == {"n": 1}
    place = {"step_id": "r~1/kid", "attempt": 1, "child_run_id": kid.run_id}
    world.feed(ChildFinished(run_id=RUN, org_id=ORG, **place, status="succeeded", output=inline("kid"), cost_nano=5))
    assert (world.status, world.views[-1].children_nano) == ("succeeded", 5)


def test_a_signal_reaches_the_iteration_that_waits_for_it() -> None:
    world = World()
    world.submit(loop("r", signal("go", "go"), until="loop.output == 'end'"))
    for number, said in enumerate(("more", "end")):
        world.feed(SignalReceived(run_id=RUN, org_id=ORG, signal_id=str(number), name="go", payload=inline(said)))
    assert world.status == "succeeded"


def test_a_limit_of_concurrency_counts_the_steps_inside() -> None:
    world = World()
    body = (function("p"), function("q"), function("k"))
    world.feed(submitted(limited(loop("r", *body, edges="p>k q>k", until="true"), max_parallel=1)))
    assert world.states() == {"r": "waiting", "r~1/p": "running", "r~1/q": "ready"}
    world.succeed("r~1/p")
    assert world.states()["r~1/q"] == "running"


def test_a_cancel_ends_every_open_step_and_no_iteration_follows() -> None:
    world = refined()
    iterate(world, 1, 1)
    world.cancel()
    assert (world.step("r").state, world.step("r~2/draft").state) == ("canceled", "canceled")
    world.succeed("r~2/draft", cost_nano=3)
    assert "r~2/judge" not in world.states()
    assert world.state.get(RUN, "p").cost_nano == 3


def test_costs_are_those_of_all_iterations() -> None:
    world = one(until="loop.iteration == 3")
    for number in (1, 2, 3):
        world.succeed(f"r~{number}/draft", 0, cost_nano=number)
    assert world.views[-1].cost_nano == 6


def test_a_restore_asks_for_the_open_steps_of_the_current_iteration() -> None:
    world = refined()
    iterate(world, 1, 1)
    before = len(world.requests)
    world.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert [asked.step_id for asked in world.requests[before:]] == ["r~2/draft"]
    assert world.requests[-1].args["before"] == 1


def test_views_name_the_node_and_show_the_loop_as_waiting() -> None:
    world = refined()
    shown = {step.step_id: step for view in world.views for step in view.steps}
    assert (shown["r"].kind, shown["r"].state, shown["r"].waiting_for) == ("loop", "waiting", "iteration 1 of 3")
    assert (shown["r~1/draft"].node_id, shown["r~1/draft"].kind) == ("draft", "function")


def test_metrics_name_the_node_and_not_the_iteration() -> None:
    world = one(TWICE)
    world.fail("r~1/draft")
    world.fire("retry:r~1/draft:2")
    assert world.counted(STEP_RETRIES_TOTAL)[0]["node"] == "draft"


def test_a_reused_loop_has_the_outputs_of_its_iterations() -> None:
    world = World()
    node = loop("r", function("draft"), until="loop.iteration == 2")
    after = function("z", inputs={"last": "r.output", "all": "r.outputs"})
    reuse = {"r": Reused(output=inline(2), children=[inline(1), inline(2)])}
    world.feed(submitted(resolved(node, after, edges="r>z"), source="fork:before", reuse=reuse))
    assert world.requests[-1].args == {"last": 2, "all": [1, 2]}
    less = {"r": Reused(output=inline(2))}
    with pytest.raises(BadRecord, match="without outputs of iterations"):
        World().feed(submitted(resolved(node, after, edges="r>z"), source="fork:before", reuse=less))


def test_a_loop_needs_rules_that_know_it() -> None:
    spec = resolved(loop("r", function("draft"), until="true"))
    assert rules_of(spec.spec) == LOOPS
    with pytest.raises(BadRecord, match="asks for rules 1"):
        World().feed(submitted(spec, rules_version=1))


def test_a_map_over_all_outputs_has_a_child_for_each_iteration() -> None:
    world = World()
    after = function("z", parallel=True, items="r.outputs", inputs={})
    world.submit(loop("r", function("draft"), until="loop.iteration == 2"), after, edges="r>z")
    world.succeed("r~1/draft", "one")
    world.succeed("r~2/draft", "two")
    assert [asked.args["item"] for asked in world.requests[-2:]] == ["one", "two"]


def test_inside_of_a_loop_nothing_is_chained() -> None:
    world = World()
    world.rules = RunFold(chain_steps=True)
    world.submit(loop("r", function("p"), function("q"), edges="p>q", until="true"))
    assert world.requests[-1].continuation == []


def test_a_target_that_a_loop_missed_is_shown_and_counted() -> None:
    world = World()
    world.submit(loop("r", function("draft"), until="true", policy={"sla_ms": 10}))
    world.now_ms += 11
    world.succeed("r~1/draft")
    assert world.step("r").sla_missed
    assert world.counted(STEP_SLA_MISSES_TOTAL)[0]["node"] == "r"


def test_an_unknown_iteration_is_an_unknown_step() -> None:
    world = one()
    world.succeed("r~9/draft")
    world.succeed("none~1/draft")
    assert world.counted(LATE_EVENTS_TOTAL) == [{"reason": "unknown_step"}] * 2


def test_a_loop_fails_with_the_error_of_its_step_and_is_not_tried_again() -> None:
    world = World()
    world.submit(loop("r", function("draft", ONCE), until="true", policy=TWICE))
    world.fail("r~1/draft")
    assert world.status == "failed"
    assert world.step("r").error == ErrorInfo(
        code="boom", message="boom happened", retryable=False, step_id="r~1/draft"
    )


def test_what_is_due_beside_a_node_that_fails_its_loop_at_once_is_not_requested() -> None:
    body = (function("a"), function("bad", inputs={"v": "a.output.gone"}), function("c"))
    node = loop("r", *body, edges="a>bad a>c", until="true", output="c", policy={"optional": True})
    world = World()
    world.submit(node, function("z") | {"join": "all_done"}, edges="r>z")
    world.succeed("r~1/a", {})
    assert world.asked() == [("r~1/a", 1), ("z", 1)]
    assert "r~1/c" not in world.states()
