"""The spans that the fold of a run writes: at its end its own and those of its steps, after it what ends later."""

from typing import Any

from msgspec import structs

from schemas.ids import call_id, call_span_id, span_id, trace_id
from schemas.payload import inline
from schemas.records.hashes import value_hash
from schemas.records.run_events import CallSettled, StepSucceeded
from schemas.records.spans import Span, SpanLink, TraceSpans
from streams.core.commands import Emit
from streams.core.runs.fold import RunFold
from streams.core.runs.traces.run import SPANS_MOST
from tests.support.runs import ORG, RUN, START_MS, World, assistant, function, resolved, signal, submitted, switch, wait

FAST = {"retries": {"max_attempts": 3, "initial_ms": 10}}


def records_in(commands: list[Any]) -> list[TraceSpans]:
    return [one.record for one in commands if isinstance(one, Emit) and isinstance(one.record, TraceSpans)]


def spans_of(world: World) -> dict[str, Span]:
    """Return the spans of the last event by step, with the attempt of those of attempts."""
    spans = [span for record in records_in(world.last) for span in record.spans]
    return {f"{span.step_id}#{span.attempt}" if span.attempt else span.step_id: span for span in spans}


def test_nothing_is_written_before_the_end() -> None:
    world = World()
    world.submit(function("a"), function("b"), edges="a>b")
    world.succeed("a")
    assert records_in(world.commands) == []
    world.succeed("b")
    (record,) = records_in(world.last)
    assert (record.record_id, record.trace_id, record.workflow_name) == (f"{RUN}/run", trace_id(RUN), "flow")
    assert [(span.type, span.step_id, span.parent_span_id) for span in record.spans] == [
        ("run", "", None),
        ("step", "a", span_id(RUN)),
        ("step", "b", span_id(RUN)),
    ]


def test_a_steps_span_begins_with_its_first_request() -> None:
    world = World()
    world.submit(function("a", FAST))
    world.now_ms += 100
    world.fail("a")
    world.fire("retry:a:2")
    world.now_ms += 100
    world.succeed("a", attempt=2)
    span = spans_of(world)["a"]
    assert span.start_ns == START_MS * 1_000_000
    assert (span.status, span.attributes["agentflow.step.attempts"]) == ("ok", 2)


def test_children_are_below_their_map_and_turns_below_their_agent() -> None:
    world = World()
    mapped = function("each", parallel=True, items=[1, 2])
    world.submit(mapped, assistant("bot"), inputs={"word": "x"})
    world.succeed("each[0]")
    world.succeed("each[1]")
    world.succeed("bot/turn-1", {"text": "", "tool_calls": []}, tool_calls=[])
    found = {step: (span.type, span.parent_span_id) for step, span in spans_of(world).items()}
    assert found == {
        "": ("run", None),
        "each": ("map", span_id(RUN)),
        "each[0]": ("step", span_id(RUN, "each")),
        "each[1]": ("step", span_id(RUN, "each")),
        "bot": ("agent", span_id(RUN)),
        "bot/turn-1": ("step", span_id(RUN, "bot")),
    }
    assert spans_of(world)["each"].attributes["agentflow.map.children"] == 2


def test_waits_and_decisions_have_their_types_and_the_hash_of_what_they_gave() -> None:
    world = World()
    world.submit(wait("w", 5), switch("s", ("true", "a"), default="a"), function("a"), edges="w>s s>a")
    world.now_ms += 5
    world.fire("wait:w:1")
    world.succeed("a")
    found = spans_of(world)
    assert (found["w"].type, found["s"].type) == ("timer", "step")
    assert found["w"].end_ns - found["w"].start_ns == 5_000_000
    assert found["s"].output_hash == value_hash(world.step("s").value.value)


def test_a_signal_that_never_came_is_canceled() -> None:
    world = World()
    world.submit(signal("go", "go"))
    world.cancel("enough")
    found = spans_of(world)
    assert (found["go"].type, found["go"].status) == ("signal", "unset")
    assert found["go"].attributes["agentflow.step.state"] == "canceled"
    assert (found[""].status, found[""].error_code) == ("unset", "canceled")


def test_an_attempt_that_nobody_reported_has_a_span() -> None:
    world = World()
    world.submit(function("a"))
    world.now_ms += 7
    world.cancel()
    attempt = spans_of(world)["a#1"]
    assert (attempt.span_id, attempt.parent_span_id) == (span_id(RUN, "a", 1), span_id(RUN, "a"))
    assert (attempt.error_code, attempt.end_ns - attempt.start_ns) == ("no_outcome", 7_000_000)


def test_words_of_errors_are_there_only_when_everything_is_captured() -> None:
    for capture, words in (("full", "boom happened"), ("none", "")):
        world = World()
        world.submit(function("a"), capture=capture)
        world.fail("a", retryable=False)
        found = spans_of(world)
        assert [(found[step].error_code, found[step].status_message) for step in ("", "a")] == [("boom", words)] * 2


def test_a_run_names_what_led_to_it() -> None:
    world = World()
    sender = f"00-{'a' * 32}-{'b' * 16}-01"
    world.submit(function("a"), traceparent=sender, inputs={"x": 1}, tags={"agentflow.session": "t", "team": "x"})
    world.succeed("a")
    (record,) = records_in(world.last)
    assert record.spans[0].links == [SpanLink(trace_id="a" * 32, span_id="b" * 16, relation="submission")]
    assert record.spans[0].input_hash == value_hash({"x": 1})
    assert (record.session_id, record.tags) == ("t", {"agentflow.session": "t", "team": "x"})


def test_a_large_run_is_several_records() -> None:
    world, count = World(), SPANS_MOST + 5
    world.submit(function("each", parallel=True, items=list(range(count))))
    for index in range(count):
        world.succeed(f"each[{index}]")
    records = records_in(world.last)
    assert [record.record_id for record in records] == [f"{RUN}/run", f"{RUN}/run/1"]
    assert [len(record.spans) for record in records] == [SPANS_MOST, 7]
    assert len({span.span_id for record in records for span in record.spans}) == count + 2


def test_what_compensates_is_written_when_it_has_ended() -> None:
    world = World()
    nodes = resolved(function("a"), function("undo"), on_failure="undo")
    world.feed(submitted(nodes))
    world.fail("a", retryable=False)
    assert "undo" not in spans_of(world)
    world.succeed("undo")
    (record,) = records_in(world.last)
    assert (record.record_id, [span.step_id for span in record.spans]) == (f"{RUN}/step/undo", ["undo"])


def settled(call: str, step: str = "a", kind: Any = "presumed") -> CallSettled:
    return CallSettled(run_id=RUN, org_id=ORG, step_id=step, call_id=call, kind=kind, amount_nano=5)


def test_a_call_that_only_the_ledger_knows_has_a_span_with_its_cost() -> None:
    call = call_id(f"{RUN}:a:1@99", 1)
    world = World()
    world.submit(function("a"))
    world.feed(settled(call))
    world.succeed("a")
    span = next(span for span in records_in(world.last)[0].spans if span.type == "llm_call")
    assert (span.cost_nano, span.parent_span_id) == (5, span_id(RUN, "a", 1))
    assert span.span_id == call_span_id(RUN, "a", 1, call) == span_id(RUN, "a", 1, call)
    assert span.attributes["agentflow.call.id"] == call


def test_one_that_is_settled_after_the_end_comes_late_and_its_correction_later() -> None:
    world = World()
    world.submit(function("a"))
    world.succeed("a")
    world.feed(settled(call_id(f"{RUN}:a:1@99", 1)))
    (record,) = records_in(world.last)
    assert (record.record_id, [span.cost_nano for span in record.spans]) == (f"{RUN}/calls/a", [5])
    world.feed(structs.replace(settled(call_id(f"{RUN}:a:1@99", 1), kind="actual"), amount_nano=3))
    (record,) = records_in(world.last)
    assert (record.record_id, [span.cost_nano for span in record.spans]) == (f"{RUN}/calls/a", [3])


def test_a_step_that_is_heard_of_after_the_end_ended_with_its_run() -> None:
    world = World()
    world.rules = RunFold(chain_steps=True)
    world.submit(function("a"), function("b"), edges="a>b")
    world.cancel()
    ended_ms = world.now_ms
    world.now_ms += 1_000
    world.succeed("b", args_hash="of another output")
    assert spans_of(world)["b"].end_ns == ended_ms * 1_000_000
    world.now_ms += 1_000
    world.feed(settled(call_id(f"{RUN}:b:1@99", 1), step="b"))
    assert spans_of(world)["b"].end_ns == ended_ms * 1_000_000


def test_a_call_of_no_step_of_the_run_that_is_settled_after_the_end_is_written_once() -> None:
    world = World()
    world.submit(function("a"))
    world.succeed("a")
    world.feed(settled(call_id(f"{RUN}:gone:1@99", 1), step="gone"))
    (record,) = records_in(world.last)
    assert (record.record_id, [span.cost_nano for span in record.spans]) == (f"{RUN}/calls", [5])
    world.feed(settled(call_id(f"{RUN}:a:1@99", 1)))
    assert [one.record_id for one in records_in(world.last)] == [f"{RUN}/calls/a"]


def test_a_call_of_a_step_that_was_never_requested_is_below_the_run() -> None:
    world = World()
    world.submit(function("a"))
    world.feed(settled(call_id(f"{RUN}:gone:1@99", 1), step="gone"))
    world.succeed("a")
    span = next(span for span in records_in(world.last)[0].spans if span.type == "llm_call")
    assert (span.parent_span_id, span.step_id, span.cost_nano) == (span_id(RUN), "", 5)


def test_a_step_whose_worker_did_not_say_when_ended_with_its_run_after_a_restore_too() -> None:
    world = World()
    world.submit(function("a"))
    world.feed(StepSucceeded(output=inline(1), **(world.outcome("a", 1) | {"finished_at_ms": 0})))
    assert spans_of(world)["a"].end_ns == START_MS * 1_000_000
    again = world.rules.outstanding(world.state, RUN, world.now_ms + 1_000)
    assert records_in(again) == records_in(world.last)


def test_a_restored_run_says_the_same_again() -> None:
    world = World()
    world.submit(function("a"))
    world.succeed("a")
    again = world.rules.outstanding(world.state, RUN, world.now_ms)
    assert records_in(again) == records_in(world.last)


def test_what_compensated_is_in_the_same_record_after_a_restore() -> None:
    world = World()
    world.feed(submitted(resolved(function("a"), function("undo"), on_failure="undo")))
    world.fail("a", retryable=False)
    world.succeed("undo")
    (late,) = records_in(world.last)
    run, again = records_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert again == late
    assert [span.step_id for span in run.spans] == ["", "a"]
