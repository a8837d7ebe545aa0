"""A debug replay stops before a step works, and shows the run as it was there."""

import msgspec
import orjson
import pytest

from schemas.errors import NotFound
from streams.core.replay.debugging import stopped_at
from tests.support.replays import EVERY, FIRST, recording
from tests.support.runs import RUN, World, function, llm


def world() -> World:
    found = World()
    retries = {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}
    found.submit(function("a", retries), llm("ask", inputs={"word": "a.output.x"}), edges="a>ask", inputs={})
    found.fail("a", "boom")
    found.fire(next(iter(found.timers)))
    found.succeed("a", {"x": "hi"}, attempt=2)
    found.succeed("ask", "hello")
    return found


def test_it_stops_where_a_step_is_asked_for_with_all_that_it_was_asked() -> None:
    found = stopped_at(RUN, recording(world()).records, "ask")
    assert (found.status, found.records, found.offset, found.record) == (
        "running",
        4,
        FIRST + 3 * EVERY,
        "step.succeeded",
    )
    assert found.request is not None
    assert found.request["args"] == {"word": "hi"}
    assert found.prompt == {"prompt": "Say hi"}
    assert found.outcome == {"output": "hello", "offset": FIRST + 4 * EVERY, "cost_nano": 0}
    shown = {step["id"]: step for step in found.steps}
    assert (shown["a"]["status"], shown["a"]["output"], shown["a"]["attempts"]) == ("succeeded", {"x": "hi"}, 2)
    assert "s:a" in found.state
    assert orjson.dumps(msgspec.to_builtins(found))


def test_the_prompt_is_shown_with_the_systems_words() -> None:
    ran = World()
    ran.submit(llm("ask", system="Be brief."), inputs={"word": "hi"})
    assert stopped_at(RUN, recording(ran).records, "ask").prompt == {"system": "Be brief.", "prompt": "Say hi"}


def test_an_attempt_may_be_named() -> None:
    records = recording(world()).records
    assert stopped_at(RUN, records, "a").records == 1
    second = stopped_at(RUN, records, "a", 2)
    assert (second.records, second.record) == (3, "timer.fired")
    assert second.outcome is not None
    assert second.outcome["output"] == {"x": "hi"}


def test_without_a_step_it_is_the_end() -> None:
    found = stopped_at(RUN, recording(world()).records)
    assert (found.status, found.records, found.request, found.outcome) == ("succeeded", 5, None, None)


def test_a_step_that_was_never_asked_for_is_named_with_those_that_were() -> None:
    records = recording(world()).records
    with pytest.raises(NotFound, match="never asked a worker for b; it asked for: a, ask"):
        stopped_at(RUN, records, "b")
    with pytest.raises(NotFound, match="never asked a worker for a, attempt 3"):
        stopped_at(RUN, records, "a", 3)
    with pytest.raises(NotFound, match="no record of run"):
        stopped_at(RUN, [])
