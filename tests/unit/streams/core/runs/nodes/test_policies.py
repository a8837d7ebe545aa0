"""Policies of a step that the fold acts on: its target, what is unknown, and how long a sender asks to wait."""

import pytest

from tests.support.runs import RUN, START_MS, World, function

TWICE = {"retries": {"max_attempts": 2, "initial_ms": 10, "jitter": 0}}


@pytest.fixture
def world():
    return World()


def missed(world):
    return world.counted("agentflow_orchestrator_sla_misses_total")


def test_a_target_that_is_met_says_nothing(world):
    world.submit(function("a", {"sla_ms": 100}))
    world.now_ms += 100
    world.succeed("a")
    assert (world.status, missed(world), world.step("a").sla_missed) == ("succeeded", [], False)


def test_a_missed_target_is_counted_and_shown_and_fails_nothing(world):
    world.submit(function("a", {"sla_ms": 100}))
    world.now_ms += 101
    world.succeed("a")
    assert world.status == "succeeded"
    assert missed(world) == [{"workflow": "flow", "node": "a"}]
    assert world.views[-1].steps[0].sla_missed


def test_a_target_counts_from_the_first_request(world):
    world.submit(function("a", TWICE | {"sla_ms": 100}))
    world.now_ms += 60
    world.fail("a")
    assert missed(world) == []
    world.fire("retry:a:2")
    world.now_ms += 60
    world.succeed("a", attempt=2)
    assert missed(world) == [{"workflow": "flow", "node": "a"}]
    assert world.state.get(RUN, "s:a").first_asked_ms == START_MS


def test_a_step_that_fails_late_missed_its_target_too(world):
    world.submit(function("a", {"sla_ms": 100, "retries": {"max_attempts": 1}}))
    world.now_ms += 500
    world.fail("a")
    assert (world.status, len(missed(world))) == ("failed", 1)


def test_a_request_without_an_answer_is_not_made_again_when_its_outcome_must_be_known(world):
    world.submit(function("a", {"timeout_ms": 1_000, "on_unknown": "fail"}))
    assert world.requests[0].on_unknown == "fail"
    world.fire("timeout:a:1")
    assert world.state.get(RUN, "p").error.code == "outcome_unknown"
    again = World()
    again.submit(function("a", TWICE | {"timeout_ms": 1_000}))
    again.fire("timeout:a:1")
    assert again.states() == {"a": "waiting"}


def test_retry_after_is_obeyed_for_each_child_of_a_map(world):
    world.submit(function("m", TWICE, parallel=True, items=[1, 2], max_parallel=1))
    world.fail("m[0]", "rate_limited", retry_after_ms=7_000)
    assert world.timers == {"retry:m[0]:2": START_MS + 7_000}
    world.fail("m[0]", "rate_limited", attempt=1, retry_after_ms=9_000)  # a repeat
    assert world.timers == {"retry:m[0]:2": START_MS + 7_000}


def test_a_final_error_is_never_tried_again(world):
    world.submit(function("m", TWICE, parallel=True, items=[1, 2], on_child_error="collect"))
    world.fail("m[0]", "rejected", retryable=False)
    assert world.states() == {"m": "running", "m[0]": "failed", "m[1]": "running"}
    assert world.timers == {}
