"""Steps of type ``wait``: a pure timer."""

import pytest

from schemas.errors import InvalidSpec
from schemas.records.timers import Wait, timer_id
from schemas.spec.check.workflow import check_spec
from schemas.timestamps import format_time, parse_time
from streams.core.commands import Arm
from tests.support.runs import RUN, START_MS, World, function, spec

DAYS_40 = 40 * 86_400_000


@pytest.fixture
def world():
    return World()


def wait(id_="pause", policy=None, **config):
    return {"id": id_, "type": "wait", "config": config, "policy": policy or {}}


def view_of(world, step_id):
    return [step for view in world.views for step in view.steps if step.step_id == step_id][-1]


def test_a_wait_is_a_timer_that_no_worker_sees(world):
    world.submit(function("a"), wait(duration_ms=DAYS_40), function("b"), edges="a>pause pause>b")
    world.now_ms += 1_000
    world.succeed("a", 1)
    due_ms = START_MS + 1_000 + DAYS_40
    assert world.timers == {"wait:pause:1": due_ms}
    seen = view_of(world, "pause")
    assert (seen.kind, seen.state, seen.waiting_for, seen.waiting_until_ms) == ("wait", "waiting", "timer", due_ms)
    assert world.asked() == [("a", 1)]
    world.fire("wait:pause:1")
    assert world.step("pause").output.value == {"until": format_time(due_ms)}
    assert world.requests[-1].args == {"pause": {"until": format_time(due_ms)}}
    world.succeed("b")
    assert (world.status, world.timers) == ("succeeded", {})


def test_a_restore_arms_it_again(world):
    world.submit(wait(duration_ms=5_000))
    asked = world.rules.outstanding(world.state, RUN, world.now_ms)
    assert Arm(RUN, timer_id(Wait("pause", 1)), START_MS + 5_000) in asked


@pytest.mark.parametrize(
    ("until", "inputs", "due"),
    [
        ("2033-01-02T03:04:05+01:00", {}, "2033-01-02T02:04:05.000Z"),
        ("{{when}}", {"when": "2033-01-02T03:04:05.678Z"}, "2033-01-02T03:04:05.678Z"),
        ("{{day}}T00:00:00Z", {"day": "2033-01-02"}, "2033-01-02T00:00:00.000Z"),
        ("a.output.at", {}, "2034-01-01T00:00:00.000Z"),
    ],
)
def test_until_a_time(world, until, inputs, due):
    world.submit(function("a"), wait(until=until), edges="a>pause", inputs=inputs)
    world.succeed("a", {"at": "2034-01-01T00:00:00Z"})
    assert world.timers == {"wait:pause:1": parse_time(due)}


def test_a_time_that_has_passed_is_due_at_once(world):
    world.submit(wait(until="2001-01-01T00:00:00Z"))
    assert world.timers["wait:pause:1"] < world.now_ms
    world.fire("wait:pause:1")
    assert world.status == "succeeded"


@pytest.mark.parametrize("when", ["tomorrow", "2033-13-01T00:00:00Z", 7, None, "2033-01-02"])
def test_what_is_no_time_fails_the_step(world, when):
    world.submit(wait(until="{{when}}"), inputs={"when": when})
    assert (world.status, world.step("pause").error.code, world.timers) == ("failed", "bad_time", {})


def test_a_map_of_waits(world):
    world.submit(wait(parallel=True, items=["2033-01-01T00:00:00Z", "2032-01-01T00:00:00Z"], until="{{item}}"))
    assert sorted(world.timers) == ["wait:pause[0]:1", "wait:pause[1]:1"]
    world.fire("wait:pause[1]:1")
    assert world.status == "running"
    world.fire("wait:pause[0]:1")
    assert world.status == "succeeded"


def test_a_canceled_wait_never_fires(world):
    world.submit(wait(duration_ms=1), function("b"), edges="pause>b")
    world.cancel()
    assert (world.status, world.states()["pause"], world.timers) == ("canceled", "canceled", {})
    world.fire("wait:pause:1")
    assert world.counted("agentflow_orchestrator_late_events_total") == [{"reason": "timer"}]


def test_a_result_for_a_wait_counts_as_late(world):
    world.submit(wait(duration_ms=1))
    world.succeed("pause", "x")
    assert world.states() == {"pause": "waiting"}
    assert world.counted("agentflow_orchestrator_late_events_total") == [{"reason": "old_attempt"}]


@pytest.mark.parametrize(
    ("config", "policy", "path", "said"),
    [
        ({}, {}, "dag.nodes[0].config", "neither"),
        ({"duration_ms": 1, "until": "{{x}}"}, {}, "dag.nodes[0].config", "both"),
        ({"until": "soon"}, {}, "dag.nodes[0].config.until", "RFC 3339"),
        ({"until": "b.output"}, {}, "dag.nodes[0].config.until", "does not exist"),
        ({"duration_ms": 1}, {"timeout_ms": 5}, "dag.nodes[0].policy.timeout_ms", "no worker executes a wait"),
    ],
)
def test_a_wait_that_is_wrong_is_refused(config, policy, path, said):
    with pytest.raises(InvalidSpec) as refused:
        check_spec(spec(wait(policy=policy, **config)), prompts={}, tools=(), functions=())
    [problem] = refused.value.problems
    assert problem.path == path
    assert said in problem.message


def test_what_a_wait_names_is_required_of_a_submission():
    checked = check_spec(spec(wait(until="{{when}}")), prompts={}, tools=(), functions=())
    assert checked.required_inputs == {"when"}
