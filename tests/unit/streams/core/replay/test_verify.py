"""A verified replay does again what can be done without the world, and names the first thing that became another."""

from typing import Any

import msgspec
import pytest

from schemas.ids import content_hash
from schemas.payload import Reference
from schemas.records.control import KeyReleased
from schemas.records.run_events import StepSucceeded
from schemas.records.steps import FunctionCall, StepRequest
from streams.core.replay import effects
from streams.core.replay.effects import NotHere
from streams.core.replay.golden import golden_lines, read_golden
from streams.core.replay.records import Recorded
from streams.core.replay.session import Session
from streams.core.replay.state import output_of
from streams.core.replay.verify import Recording, verify
from streams.core.runs.fold import RunFold
from streams.core.runs.views.run_view import OUTPUT_SHARE
from tests.support.replays import EVERY, FIRST, recording, texts_of
from tests.support.runs import RUN, World, assistant, function, llm, prompt, resolved, submitted, wait

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def world() -> World:
    """A run with a function, a model's answer, a wait and a function that fails once."""
    found = World()
    nodes = (
        function("a", inputs={"x": "{{start}}"}),
        llm("ask", inputs={"word": "a.output"}),
        wait("rest", 5_000),
        function("b", {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}),
    )
    found.submit(*nodes, edges="a>ask ask>rest rest>b", inputs={"start": 3})
    found.succeed("a", {"x": 4})
    found.succeed("ask", "hello")
    found.fire(next(iter(found.timers)))
    found.fail("b", "exception")
    found.fire(next(iter(found.timers)))
    found.succeed("b", {}, attempt=2)
    assert found.status == "succeeded"
    return found


class Echo:
    """Functions as they were when the runs were recorded; ``changed`` gives others."""

    def __init__(self, **changed: Any) -> None:
        self.calls: list[str] = []
        self._changed = changed

    async def __call__(self, request: StepRequest, args: dict[str, Any]) -> Any:
        assert isinstance(request.work, FunctionCall)
        self.calls.append(request.step_id)
        if request.step_id == "b" and request.attempt == 1:
            raise RuntimeError("boom")
        made = {"x": args["x"] + 1} if "x" in args else {}
        return self._changed.get(request.step_id, made)


async def test_a_run_is_equal_to_itself_and_says_what_it_covers() -> None:
    call = Echo()
    found = await verify(recording(world()), call=call)
    assert (found.equal, found.records, found.compared) == (True, 7, ["end"])
    assert call.calls == ["a", "b", "b"]
    assert dict(found.again) == {"function": 3, "render": 1}
    assert dict(found.recorded) == {"llm": 1}
    assert not found.taken


async def test_records_that_do_not_begin_the_run_are_refused() -> None:
    whole = recording(world())
    with pytest.raises(ValueError, match=f"do not begin run {RUN}"):
        await verify(recording(world(), records=whole.records[1:]))


async def test_without_functions_their_results_are_the_logs() -> None:
    found = await verify(recording(world()))
    assert found.equal
    assert dict(found.taken) == {"function: no functions given": 3}


async def test_another_output_of_a_function_is_named_with_its_record() -> None:
    found = (await verify(recording(world()), call=Echo(a={"x": 5}))).mismatch
    assert found is not None
    assert (found.kind, found.step_id, found.offset, found.record) == ("function", "a", FIRST + EVERY, "step.succeeded")
    assert str(found).startswith(f"function of step a at record {FIRST + EVERY} (step.succeeded): expected ")


async def test_a_function_that_raises_now_is_named_with_its_code() -> None:
    async def call(request: StepRequest, args: dict[str, Any]) -> Any:
        raise ValueError("now it does")

    found = (await verify(recording(world()), call=call)).mismatch
    assert found is not None
    assert (found.kind, found.step_id, found.found) == ("function", "a", "exception")


async def test_failures_of_workers_are_not_done_again() -> None:
    dying = World()
    dying.submit(function("a", {"retries": {"max_attempts": 2, "initial_ms": 1, "jitter": 0}}))
    dying.fail("a", "process_died")
    dying.fire(next(iter(dying.timers)))
    dying.succeed("a", {}, attempt=2)
    found = await verify(recording(dying), call=Echo())
    assert found.equal
    assert dict(found.taken) == {"function: failed with process_died": 1}


async def test_an_end_that_history_has_otherwise_is_named_by_the_first_step_that_differs() -> None:
    found = recording(world())
    assert found.end is not None
    steps = found.end.steps
    steps = steps | {
        "ask": msgspec.structs.replace(steps["ask"], cost_nano=7),
        "b": msgspec.structs.replace(steps["b"], attempts=9),
    }
    wrong = Recording(RUN, found.records, msgspec.structs.replace(found.end, steps=steps, cost_nano=7))
    mismatch = (await verify(wrong)).mismatch
    assert mismatch is not None
    assert (mismatch.kind, mismatch.step_id, mismatch.expected, mismatch.found) == (
        "state",
        "ask",
        "cost_nano 7",
        "cost_nano 0",
    )
    assert mismatch.offset == FIRST + 2 * EVERY


async def test_a_step_that_one_side_lacks_is_named() -> None:
    found = recording(world())
    assert found.end is not None
    steps = {name: step for name, step in found.end.steps.items() if name != "rest"}
    wrong = Recording(RUN, found.records, msgspec.structs.replace(found.end, steps=steps))
    mismatch = (await verify(wrong)).mismatch
    assert mismatch is not None
    assert (mismatch.step_id, mismatch.expected, mismatch.found) == ("rest", "status not there", "status succeeded")


async def test_a_golden_file_names_the_decision_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = world()
    lines = await golden_lines(recording(ran), texts_of(ran), call=Echo())
    golden = read_golden("run.jsonl", "\n".join(lines))
    assert (await verify(golden, call=Echo())).equal

    fold = RunFold.fold

    def hurried(self: RunFold, state: Any, event: Any, now_ms: int, offset: int) -> Any:
        return fold(self, state, event, now_ms + (event.type == "step.failed"), offset)

    monkeypatch.setattr(RunFold, "fold", hurried)
    mismatch = (await verify(golden, call=Echo())).mismatch
    assert mismatch is not None
    assert (mismatch.kind, mismatch.step_id, mismatch.record) == ("timer", "b", "step.failed")


async def test_a_prompt_that_says_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = world()
    golden = read_golden("x", "\n".join(await golden_lines(recording(ran), texts_of(ran), call=Echo())))
    rendered = effects.rendered_for

    def dated(*args: Any, **more: Any) -> Any:
        said = rendered(*args, **more)
        return type(said)(f"{said.prompt} today", said.system, said.developer, said.history)

    monkeypatch.setattr(effects, "rendered_for", dated)
    mismatch = (await verify(golden, call=Echo())).mismatch
    assert mismatch is not None
    assert (mismatch.kind, mismatch.step_id, mismatch.record) == ("render", "ask", "step.succeeded")


async def test_a_prompt_that_cannot_be_rendered_any_more_is_named() -> None:
    ran = World()
    ran.submit(llm("ask", inputs={"word": "w"}), inputs={"w": 1})
    ran.succeed("ask", "hello")
    found = recording(ran)
    event = found.records[0].event
    spec = resolved(llm("ask", inputs={"word": "w"}), ask=prompt("Say {{other}}"))
    records = [found.records[0]._replace(event=msgspec.structs.replace(event, spec=spec)), *found.records[1:]]
    mismatch = (await verify(Recording(RUN, records))).mismatch
    assert mismatch is not None
    assert (mismatch.kind, mismatch.expected, mismatch.found) == ("render", "rendered", "missing_variable")


async def test_a_failure_to_render_is_done_again() -> None:
    ran = World()
    ran.feed(submitted(resolved(llm("ask"), ask=prompt("Say {{other}}"))))
    ran.fail("ask", "missing_variable", retryable=False)
    assert (await verify(recording(ran))).equal


@pytest.mark.parametrize(("answer", "equal"), [({"n": 1}, True), ({"n": "one"}, False)])
async def test_answers_are_checked_by_their_schema_again(answer: Any, equal: bool) -> None:
    ran = World()
    ran.submit(llm("ask", inputs={"word": "w"}, output_schema=SCHEMA), inputs={"w": 1})
    ran.succeed("ask", answer)
    found = await verify(recording(ran))
    assert found.equal is equal
    if found.mismatch is not None:
        assert (found.mismatch.kind, found.mismatch.step_id, found.mismatch.expected) == ("answer", "ask", "valid")


async def test_turns_of_agents_are_rendered_and_their_tools_are_not_called() -> None:
    ran = World()
    ran.submit(assistant("helper", inputs={"word": "w"}), inputs={"w": 1})
    (turn,) = ran.requests
    ran.succeed(turn.step_id, "done")
    found = await verify(recording(ran))
    assert found.equal
    assert (dict(found.again), dict(found.recorded)) == ({"render": 1}, {"agent": 1})


async def test_the_output_of_a_mapped_agent_is_that_of_its_children_and_not_of_their_turns() -> None:
    ran = World()
    ran.submit(assistant("helpers", parallel=True, items=["x", "y"], inputs={"word": "{{item}}"}))
    for child in (0, 1):
        ran.succeed(f"helpers[{child}]/turn-1", str(child) * (OUTPUT_SHARE // 2 + 1))
    assert ran.status == "succeeded"
    session = Session(RUN)
    session.run(recording(ran, with_end=False).records)
    assert session.view is not None
    assert session.view.output_in_steps == ["helpers"]
    whole = output_of(session.output, session.view.output_in_steps, session.steps)
    assert [answer[0] for answer in whole["helpers"]] == ["0", "1"]


async def test_stored_arguments_are_bound_by_who_can() -> None:
    async def bind(request: StepRequest) -> dict[str, Any]:
        raise NotHere("no objects")

    found = await verify(recording(world()), bind=bind, call=Echo())
    assert found.equal
    assert dict(found.taken) == {"function: no objects": 3, "render: no objects": 1}


async def test_a_fold_that_raises_is_a_fault_until_the_key_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    found = recording(world())
    fold, broken = RunFold.fold, [True]

    def sometimes(self: RunFold, state: Any, event: Any, now_ms: int, offset: int) -> Any:
        if broken[0] and isinstance(event, StepSucceeded):
            raise KeyError("lost")
        return fold(self, state, event, now_ms, offset)

    monkeypatch.setattr(RunFold, "fold", sometimes)
    mismatch = (await verify(found)).mismatch
    assert mismatch is not None
    assert (mismatch.kind, mismatch.step_id, mismatch.found) == ("fault", "a", "KeyError: 'lost'")

    session = Session(RUN)
    session.run(found.records)
    assert session.view is not None
    assert session.view.status == "running"
    broken[0] = False
    released = Recorded(999, found.records[-1].at_ms, KeyReleased(key=RUN))
    assert len(session.feed(released)) == len(found.records)
    assert session.view.status == "succeeded"


async def test_a_stored_output_is_compared_by_its_bytes() -> None:
    data = b'{"x":4}'
    stored = Reference(uri="objects:///acme/1", sha256=content_hash(data), size=len(data))
    ran = World()
    ran.submit(function("a", inputs={"x": "{{start}}"}), inputs={"start": 3})
    ran.succeed("a", stored)
    assert (await verify(recording(ran), call=Echo())).equal
    assert not (await verify(recording(ran), call=Echo(a={"x": 5}))).equal
