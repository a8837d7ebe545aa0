"""Would a failed run have ended well without what happened at a step? Records of equal requests say it, or nobody."""

from typing import Any

import pytest

from schemas.records.steps import StepRequest
from streams.core.replay.flip import Flip, flipped
from streams.core.replay.records import Recorded
from tests.support.failing_runs import EDGES, NODES, played, tool
from tests.support.replays import recording
from tests.support.runs import World, function, llm, wait


def records(world: World) -> list[Recorded]:
    return recording(world, with_end=False).records


async def flip(failed: World, *healthy: World, step: str, **hooks: Any) -> Flip:
    return await flipped(records(failed), [records(one) for one in healthy], step, **hooks)


async def test_a_wrong_output_is_the_cause_when_another_one_ends_well() -> None:
    found = await flip(played("404", fail="read"), played("page"), step="fetch")
    assert (found.verdict, found.reason, found.status) == ("flips", "the run succeeds", "succeeded")


async def test_an_innocent_step_changes_nothing() -> None:
    found = await flip(played("404", fail="read"), played("page"), step="other")
    assert (found.verdict, found.reason) == ("stays", "it fails with bad_page all the same")


async def test_the_step_that_failed_is_answered_as_in_a_healthy_run() -> None:
    found = await flip(played("page", fail="read"), played("page"), step="read")
    assert found.verdict == "flips"


async def test_what_no_record_answers_is_not_guessed() -> None:
    # The healthy run read another page, so nobody knows what reading its output gives after this flip.
    failed = played("404", fail="join", read="garbage")
    found = await flip(failed, played("page", fail="join"), step="fetch")
    assert (found.verdict, found.open) == ("unknown", ("join",))
    found = await flip(failed, step="fetch")
    assert (found.verdict, found.reason) == ("unknown", "no healthy run has an output of fetch")


async def test_a_symptom_that_goes_away_is_enough_when_nothing_answers_what_follows() -> None:
    failed = World()
    failed.submit(*NODES, edges=EDGES, inputs={"id": 1})
    failed.succeed("other", "mine")
    failed.succeed("fetch", "404")
    failed.fail("read", "bad_page", retryable=False)
    found = await flip(failed, played("page"), step="fetch")
    assert (found.verdict, found.open) == ("flips", ("join",))
    assert found.reason == "read succeeds; no record answers what follows"


async def test_functions_are_called_where_no_record_answers() -> None:
    async def call(request: StepRequest, args: dict[str, Any]) -> Any:
        assert request.step_id in ("read", "join")
        if args.get("page") == "404":
            raise ValueError("bad")
        return "anything"

    failed = played("404", fail="read", code="exception")
    healthy = played("page", read="other text", fail="join")
    found = await flip(failed, healthy, step="fetch", call=call)
    assert found.verdict == "flips"


async def test_another_failure_is_no_success() -> None:
    async def call(request: StepRequest, args: dict[str, Any]) -> Any:
        raise ValueError("always")

    failed = played("404", fail="read")
    healthy = World()
    healthy.submit(*NODES, edges=EDGES, inputs={"id": 1})
    healthy.succeed("fetch", "page")
    found = await flip(failed, healthy, step="fetch", call=call)
    assert (found.verdict, found.reason) == ("stays", "it fails with exception instead")


async def test_retries_and_waits_are_replayed_by_their_timers() -> None:
    def world(page: str, *, fails: bool) -> World:
        found = World()
        policy = {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}
        found.submit(
            tool("fetch"),
            wait("rest", 5_000),
            function("read", policy, inputs={"page": "fetch.output"}),
            edges="fetch>rest rest>read",
        )
        found.succeed("fetch", page)
        found.fire(next(iter(found.timers)))
        found.fail("read", "busy")
        found.fire(next(iter(found.timers)))
        if fails:
            found.fail("read", "bad_page", attempt=2)
        else:
            found.succeed("read", "text", attempt=2)
        return found

    failed, healthy = world("404", fails=True), world("page", fails=False)
    assert failed.status == "failed"
    assert (await flip(failed, healthy, step="fetch")).verdict == "flips"


@pytest.mark.parametrize("code", ["deadline_exceeded", "timeout"])
async def test_what_time_brought_about_is_not_replayed(code: str) -> None:
    found = await flip(played("page", fail="read", code=code), played("page"), step="fetch")
    assert (found.verdict, "depends on time" in found.reason) == ("unknown", True)


async def test_a_run_that_did_not_fail_has_nothing_to_flip() -> None:
    assert (await flip(played("page"), played("page"), step="fetch")).reason == "it did not fail"


async def test_a_log_without_its_beginning_proves_nothing() -> None:
    found = await flipped(records(played("404", fail="read"))[1:], [], "fetch")
    assert (found.verdict, found.reason) == ("unknown", "the log has not all records of the run")


async def test_a_replay_that_does_not_fail_by_itself_proves_nothing() -> None:
    failed = records(played("404", fail="read"))
    without = [one for one in failed if getattr(one.event, "step_id", "") != "other"]
    found = await flipped(without[:-1] + failed[-1:], [records(played("page"))], "fetch")
    assert found.verdict in ("flips", "unknown")


async def test_model_answers_count_by_what_was_asked() -> None:
    def world(word: str, answer: str, *, fails: bool) -> World:
        found = World()
        found.submit(
            tool("fetch"),
            llm("ask", inputs={"word": "fetch.output"}),
            function("use", inputs={"a": "ask.output"}),
            edges="fetch>ask ask>use",
        )
        found.succeed("fetch", word)
        found.succeed("ask", answer)
        if fails:
            found.fail("use", "bad_answer", retryable=False)
        else:
            found.succeed("use", "ok")
        return found

    failed, healthy = world("wrong", "??", fails=True), world("right", "fine", fails=False)
    assert (await flip(failed, healthy, step="fetch")).verdict == "flips"
    assert (await flip(failed, healthy, step="ask")).verdict == "flips"
    assert (await flip(failed, world("right", "fine", fails=True), step="ask")).verdict == "unknown"
