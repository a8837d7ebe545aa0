"""Limits of a run: how many of its steps are open at once, which is next, and its deadline."""

import pytest

from schemas.payload import inline
from schemas.records.run_events import SignalReceived, ToolUse
from schemas.records.steps import StepRequest
from schemas.records.timers import Deadline, timer_id
from streams.core.commands import Emit
from streams.core.runs.fold import RunFold
from streams.core.runs.requests import gather
from tests.support.runs import ORG, RUN, START_MS, World, assistant, function, limited, paid, signal, submitted


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


@pytest.mark.parametrize(("late_ms", "status"), [(0, "succeeded"), (1, "failed")])
def test_last_result_after_the_deadline_fails_the_run_before_the_timer_fires(world, late_ms, status):
    submit(world, function("a"), deadline_ms=500)
    world.now_ms = START_MS + 500 + late_ms
    world.succeed("a")
    assert (world.status, world.timers) == (status, {})
    if status == "failed":
        assert world.state.get(RUN, "p").error.code == "deadline_exceeded"


def test_a_deadline_is_forgotten_when_the_run_ends(world):
    submit(world, function("a"), deadline_ms=500)
    world.succeed("a")
    assert (world.status, world.timers) == ("succeeded", {})
    world.fire("deadline")
    assert world.status == "succeeded"
    assert world.counted("agentflow_orchestrator_late_events_total") == [{"reason": "timer"}]


def test_the_run_s_own_timer_is_in_its_progress(world):
    submit(world, function("a"), deadline_ms=500)
    data = world.rules.encode(RUN, "p", world.state.get(RUN, "p"))
    assert world.rules.timer(RUN, "p", data) == (timer_id(Deadline()), START_MS + 500)
    world.succeed("a")
    assert world.rules.timer(RUN, "p", world.rules.encode(RUN, "p", world.state.get(RUN, "p"))) is None


def test_a_deadline_stops_waits_signals_and_agents_with_all_that_they_asked_for(world):
    wait = {"id": "w", "type": "wait", "config": {"duration_ms": 9_000}}
    policy = {"timeout_ms": 100, "retries": {"max_attempts": 2, "initial_ms": 10}}
    submit(world, wait, signal("s", "go", timeout_ms=9_000), assistant("g", policy), deadline_ms=500)
    world.succeed("g/turn-1", tool_calls=[ToolUse(id="1", name="t"), ToolUse(id="2", name="u")])
    world.defer("g/turn-1/u[1]")
    world.fire("deadline")
    assert (world.status, world.timers) == ("failed", {})
    assert world.states() == dict.fromkeys(["g", "g/turn-1/t[0]", "g/turn-1/u[1]", "s", "w"], "canceled") | {
        "g/turn-1": "succeeded"
    }
    world.succeed("g/turn-1/t[0]", **paid(3))
    world.succeed("g/turn-1/u[1]", **paid(4))
    assert world.state.get(RUN, "p").cost_nano == 7
    world.feed(SignalReceived(run_id=RUN, org_id=ORG, name="go", signal_id="1", payload=inline("late")))
    assert world.states()["s"] == "canceled"


def test_a_deadline_that_fires_twice_ends_once(world):
    submit(world, function("a"), deadline_ms=500)
    world.fire("deadline")
    ended = world.snapshot()
    world.fire("deadline")
    assert world.snapshot() == ended
    assert [labels["status"] for labels in world.counted("workflow_runs_total")] == ["failed"]


def test_what_compensates_has_no_deadline_and_waits_for_no_place(world):
    policy = {"retries": {"max_attempts": 2, "initial_ms": 10}}
    nodes = (function("a"), function("b"), function("undo", policy), function("tell"))
    submit(world, *nodes, edges="undo>tell", on_failure=["undo"], max_parallel=1, deadline_ms=500)
    assert world.states() == {"a": "running", "b": "ready"}
    world.fire("deadline")
    assert world.status == "failed"
    assert world.states() == {"a": "canceled", "b": "canceled", "undo": "running"}
    world.fire("deadline")
    world.fail("undo")
    world.fire("retry:undo:2")
    world.succeed("undo", attempt=2)
    assert world.states()["tell"] == "running"
    world.succeed("tell")
    assert (world.state.get(RUN, "p").open_steps, world.timers) == (0, {})


def test_a_cancel_frees_every_place_and_empties_the_line(world):
    submit(world, function("m", parallel=True, items=[1, 2, 3]), function("z"), max_parallel=2)
    world.cancel()
    progress = world.state.get(RUN, "p")
    assert (world.status, progress.open_steps, progress.ready) == ("canceled", 0, ())
    assert world.states() == {"m": "canceled", "m[0]": "canceled", "m[1]": "canceled", "z": "canceled"}
    world.succeed("m[0]")
    assert asked(world) == ["m[0]", "m[1]"]


def test_children_that_no_worker_works_on_wait_for_no_place(world):
    pause = {"id": "w", "type": "wait", "config": {"duration_ms": 50, "parallel": True, "items": [1, 2, 3]}}
    pause["config"]["max_parallel"] = 2
    submit(world, function("a"), function("b"), pause, max_parallel=1)
    assert world.states() == {"a": "running", "b": "ready", "w": "running", "w[0]": "waiting", "w[1]": "waiting"}
    world.fire("wait:w[0]:1")
    assert world.states()["w[2]"] == "waiting"
    for child in ("w[1]", "w[2]"):
        world.fire(f"wait:{child}:1")
    assert world.states()["w"] == "succeeded"
    assert asked(world) == ["a"]


def calls(*names):
    return [ToolUse(id=str(i), name=name) for i, name in enumerate(names)]


def test_turns_and_calls_of_an_agent_wait_for_places(world):
    submit(world, function("a"), assistant("g", {"priority": 5}), max_parallel=2)
    assert asked(world) == ["g/turn-1", "a"]
    world.succeed("g/turn-1", {"text": "", "tool_calls": []}, tool_calls=calls("t", "u", "t"))
    assert asked(world)[2:] == ["g/turn-1/t[0]"]
    states = world.states()
    assert (states["g"], states["g/turn-1/u[1]"], states["g/turn-1/t[2]"]) == ("waiting", "ready", "ready")
    world.succeed("a")
    assert asked(world)[3:] == ["g/turn-1/u[1]"]
    world.succeed("g/turn-1/t[0]", 0)
    world.succeed("g/turn-1/u[1]", 1)
    assert world.step("g").waiting_for == "step g/turn-1/t[2]"
    world.succeed("g/turn-1/t[2]", 2)
    [before] = world.requests[-1].work.before
    assert [result.output.value for result in before.results] == [0, 1, 2]
    world.succeed("g/turn-2", "done")
    assert world.status == "succeeded"
    progress = world.state.get(RUN, "p")
    assert (progress.open_steps, progress.ready) == (0, ())


def test_a_part_that_waits_for_a_retry_keeps_its_place(world):
    policy = {"retries": {"max_attempts": 2, "initial_ms": 10}}
    submit(world, assistant("g", policy), function("a"), max_parallel=1)
    world.fail("g/turn-1")
    assert asked(world) == ["g/turn-1"]
    world.fire("retry:g/turn-1:2")
    world.succeed("g/turn-1", "done", attempt=2)
    assert world.asked()[1:] == [("g/turn-1", 2), ("a", 1)]


def test_parts_in_line_end_with_their_run_and_with_their_optional_map(world):
    once = {"retries": {"max_attempts": 1}}
    mapped = assistant("g", once | {"optional": True}, parallel=True, items=[1, 2, 3])
    submit(world, mapped, function("z", {"priority": -1}), max_parallel=1)
    assert asked(world) == ["g[0]/turn-1"]
    world.succeed("g[0]/turn-1", {"text": "", "tool_calls": []}, tool_calls=calls("t", "t"))
    world.fail("g[1]/turn-1")
    states = world.states()
    assert {step: state for step, state in states.items() if state == "ready"} == {}
    assert states["g[0]/turn-1/t[0]"] == "canceled"
    assert asked(world)[2:] == ["z"]
    world.cancel()
    assert world.state.get(RUN, "p").ready == ()


def test_parts_in_line_are_canceled_with_the_run(world):
    submit(world, assistant("g"), function("a", {"priority": 5}), max_parallel=1)
    assert world.states()["g/turn-1"] == "ready"
    world.cancel()
    assert world.states() == {"a": "canceled", "g": "canceled", "g/turn-1": "canceled"}
    assert world.state.get(RUN, "p").ready == ()


def test_a_restore_does_not_ask_for_what_stands_in_line(world):
    submit(world, assistant("g"), function("a", {"priority": 5}), max_parallel=1)
    again = [c.record for c in world.rules.outstanding(world.state, RUN, world.now_ms) if isinstance(c, Emit)]
    assert [record.step_id for record in again if isinstance(record, StepRequest)] == ["a"]


def test_steps_that_gather_take_no_place(world, monkeypatch):
    monkeypatch.setattr(gather, "INSIDE_LIMIT", 10)
    mapped = function("m", parallel=True, items=[1, 2])
    taker = function("t", inputs={"all": "m.output"})
    submit(world, mapped, taker, function("z"), edges="m>t", max_parallel=1)
    for child in ("m[0]", "m[1]"):
        world.succeed(child, "x" * 20)
    assert asked(world) == ["m[0]", "m[1]", "m/gather[0]", "z"]
    world.succeed("m/gather[0]", ["x" * 20] * 2)
    assert world.states()["t"] == "ready"
    world.succeed("z")
    assert asked(world)[4:] == ["t"]


def test_a_step_in_line_that_its_join_started_early_binds_what_there_is_when_it_is_asked_for(world):
    early = function("c", join="any", inputs={"a": "a.output", "b": "b.output"})
    submit(world, function("a"), function("b"), function("z"), early, edges="a>c b>c", max_parallel=2)
    world.succeed("a", "A")
    assert (asked(world), world.states()["c"]) == (["a", "b", "z"], "ready")
    world.succeed("b", "B")
    assert asked(world)[3:] == ["c"]
    assert world.requests[-1].args == {"a": "A", "b": "B"}


def test_a_chain_takes_the_place_of_the_step_before(world):
    world.rules = RunFold(chain_steps=True)
    submit(world, function("a"), function("b"), function("z", {"priority": -1}), edges="a>b", max_parallel=1)
    world.succeed("a", "A", chain="continues")
    assert (asked(world), world.states()) == (["a"], {"a": "succeeded", "b": "running", "z": "ready"})
    world.succeed("b", "B", chain="returned")
    assert asked(world) == ["a", "z"]


@pytest.mark.parametrize("canceled", [False, True])
def test_a_chain_that_went_on_to_a_step_in_line_has_used_up_its_attempt(world, canceled):
    """Its claim has an outcome that was refused: the same attempt would be nobody's, and the run would never end."""
    world.rules = RunFold(chain_steps=True)
    submit(world, function("a"), function("b"), function("z"), edges="a>b", max_parallel=1)
    world.succeed("a", "recorded", chain="returned")
    if canceled:
        world.cancel()
    world.succeed("b", "of something else", args_hash="0" * 24, **paid(7))
    world.succeed("b", "of something else", args_hash="0" * 24, **paid(7))
    assert world.state.get(RUN, "p").cost_nano == world.step("b").cost_nano == 7
    if not canceled:
        assert world.states()["b"] == "ready"
        world.succeed("z")
        assert world.asked() == [("a", 1), ("z", 1), ("b", 2)]
        world.succeed("b", "B", attempt=2)
        assert world.status == "succeeded"
