"""What each event does to a run."""

import msgspec
import pytest
from msgspec import structs

from schemas.errors import BadRecord, NewerMajor
from schemas.ids import span_id, trace_id
from schemas.records.base import Usage
from schemas.records.run_events import CancelRequested
from schemas.records.spans import TraceSpans
from schemas.spec.rules_version import NEWEST
from streams.core.commands import Disarm, Emit, ExpireAt, Observe
from streams.core.runs.nodes.run_end import KEEP_FINISHED_MS
from streams.core.runs.requests.step_request import QUEUE_ALLOWANCE_MS
from streams.core.runs.transitions import ImpossibleMove
from tests.support.runs import ORG, RUN, START_MS, World, function, llm, paid, resolved, submitted
from tests.support.timers import short

FAST = {"retries": {"max_attempts": 3, "initial_ms": 100, "multiplier": 2, "jitter": 0}}
TIMED = FAST | {"timeout_ms": 1_000}


@pytest.fixture
def world():
    return World()


def late_reasons(world):
    return [labels["reason"] for labels in world.counted("agentflow_orchestrator_late_events_total")]


def test_a_line_runs_to_its_end(world):
    world.submit(function("a"), function("b"), function("c"), edges="a>b b>c", inputs={"x": 1})
    assert (world.status, world.states(), world.asked()) == ("running", {"a": "running"}, [("a", 1)])
    world.succeed("a", 1)
    world.succeed("b", 2)
    assert world.status == "running"
    world.now_ms += 2_500
    world.succeed("c", 3)
    assert world.status == "succeeded"
    assert world.asked() == [("a", 1), ("b", 1), ("c", 1)]
    assert world.counted("workflow_runs_total") == [{"workflow": "flow", "status": "succeeded"}]
    observed = {c.metric: c.value for c in world.commands if isinstance(c, Observe)}
    assert observed == {"workflow_duration_seconds": 2.5, "workflow_cost_cents": 0.0}
    assert {c.trace_id for c in world.commands if isinstance(c, Observe)} == {trace_id(RUN)}
    assert ExpireAt(RUN, world.now_ms + KEEP_FINISHED_MS) in world.last


def test_a_diamond_waits_for_both_sides(world):
    world.submit(*(function(n) for n in "abcd"), edges="a>b a>c b>d c>d")
    world.succeed("a")
    assert world.asked()[1:] == [("b", 1), ("c", 1)]
    world.succeed("c", "C")
    assert ("d", 1) not in world.asked()
    world.succeed("b", "B")
    assert world.requests[-1].args == {"b": "B", "c": "C"}


def test_a_repeated_submission_changes_nothing(world):
    event = submitted(resolved(function("a")))
    world.feed(event)
    before = world.snapshot()
    assert world.feed(event) == []
    assert world.feed(structs.replace(event, submitted_at_ms=5)) == []
    world.feed(structs.replace(event, body_hash="other"))
    assert world.counted("agentflow_orchestrator_submission_conflicts_total") == [{}]
    world.feed(structs.replace(event, org_id="other"))
    assert len(world.counted("agentflow_orchestrator_submission_conflicts_total")) == 2
    assert world.snapshot() == before


@pytest.mark.parametrize("end", ["cancel", "fail", "succeed"])
def test_a_submission_never_restarts_a_finished_run(world, end):
    event = submitted(resolved(function("a")))
    world.feed(event)
    {"cancel": world.cancel, "fail": lambda: world.fail("a", retryable=False), "succeed": lambda: world.succeed("a")}[
        end
    ]()
    before = world.snapshot()
    assert world.feed(event) == []
    assert world.snapshot() == before


def test_submissions_that_should_not_have_been_accepted(world):
    good = resolved(function("a"))
    with pytest.raises(NewerMajor):
        world.feed(submitted(good, rules_version=NEWEST + 1))
    with pytest.raises(BadRecord, match="another hash"):
        world.feed(submitted(good.model_copy(update={"hash": "f" * 64})))
    with pytest.raises(BadRecord, match="tags"):
        world.feed(submitted(good, tags={"t": "x" * 70_000}))
    with pytest.raises(BadRecord, match="cycle"):
        world.feed(submitted(resolved(function("a"), function("b"), edges="a>b b>a")))


def test_runs_of_one_spec_share_its_plan(world):
    spec = resolved(function("a"))
    world.feed(submitted(spec))
    world.feed(submitted(spec, run_id="run-2"))
    assert sorted(world.state.entities()) == sorted([RUN, "run-2", f"spec:{spec.hash}"])
    assert world.rules.touches(submitted(spec)) == (RUN, f"spec:{spec.hash}")
    assert world.rules.follows(world.state, CancelRequested(run_id=RUN, org_id=ORG)) == (f"spec:{spec.hash}",)
    assert world.rules.follows(world.state, CancelRequested(run_id="no", org_id=ORG)) == ()
    assert world.rules.beside(world.state, "run-2") == (f"spec:{spec.hash}",)


def test_a_retry_waits_for_its_timer(world):
    world.submit(function("a", FAST))
    world.fail("a", **paid(5))
    assert (world.states(), world.timers) == ({"a": "waiting"}, {"retry:a:2": START_MS + 100})
    assert world.asked() == [("a", 1)]
    world.fire("retry:a:2")
    assert (world.states(), world.asked()) == ({"a": "running"}, [("a", 1), ("a", 2)])
    assert world.counted("step_retries_total") == [{"workflow": "flow", "node": "a"}]
    world.succeed("a", "ok", attempt=2, **paid(7))
    assert world.status == "succeeded"
    assert (world.step("a").cost_nano, world.state.get(RUN, "p").cost_nano) == (12, 12)
    assert (world.views[-1].usage.input_tokens, world.views[-1].steps[0].error) == (20, None)


def test_all_kinds_of_usage_are_summed_over_attempts_and_steps(world):
    world.submit(function("a", FAST), function("b"), edges="a>b")
    cached = Usage(input_tokens=10, output_tokens=3, cache_read_tokens=8, reasoning_tokens=2)
    world.fail("a", usage=cached)
    world.fire("retry:a:2")
    world.succeed("a", "ok", attempt=2, usage=Usage(input_tokens=5, cache_write_tokens=4))
    world.succeed("b", "ok", usage=cached)
    first = Usage(input_tokens=15, output_tokens=3, cache_read_tokens=8, cache_write_tokens=4, reasoning_tokens=2)
    assert (world.step("a").kinds, world.step("b").kinds) == (first.kinds, cached.kinds)
    assert world.views[-1].usage == first.plus(cached)
    assert world.views[-1].steps[0].usage == cached


def test_the_last_attempt_fails_the_run(world):
    world.submit(function("a", FAST), function("b"), function("c"), edges="a>c")
    world.fail("a")
    world.fire("retry:a:2")
    world.fail("a", attempt=2)
    assert world.timers == {"retry:a:3": START_MS + 100 + 200}
    world.fire("retry:a:3")
    world.fail("a", "worse", attempt=3)
    assert (world.status, world.states()) == ("failed", {"a": "failed", "b": "canceled"})
    view = world.views[-1]
    assert (view.error.code, view.error.step_id) == ("worse", "a")
    assert {s.step_id: s.state for s in view.steps} == {"a": "failed", "b": "canceled", "c": "canceled"}
    assert world.counted("workflow_runs_total") == [{"workflow": "flow", "status": "failed"}]


@pytest.mark.parametrize(
    ("policy", "error"),
    [(FAST, {"retryable": False}), ({"retries": {"retry_on": ["other"]}}, {}), ({"retries": {"max_attempts": 1}}, {})],
)
def test_failures_that_are_final(world, policy, error):
    world.submit(function("a", policy))
    world.fail("a", **error)
    assert (world.status, world.timers) == ("failed", {})


def test_retry_after(world):
    world.submit(function("a", FAST))
    world.fail("a", retry_after_ms=9_000)
    assert world.timers == {"retry:a:2": START_MS + 9_000}


@pytest.mark.parametrize("event", ["fail", "succeed"])
def test_repeated_and_old_results_are_ignored(world, event):
    send = getattr(world, event)
    world.submit(function("a", FAST), function("b"), edges="a>b")
    world.fail("a", **paid(5))
    before = world.snapshot()
    send("a", **paid(5))  # the same attempt again, while its retry waits
    world.fire("retry:a:2")
    running = world.snapshot()
    send("a", **paid(5))  # and again, while the next attempt runs
    send("a", attempt=3, **paid(5))  # an attempt that nobody asked for
    assert world.snapshot() == running != before
    assert late_reasons(world) == ["old_attempt"] * 3
    world.succeed("a", "first", attempt=2)
    done = world.snapshot()
    world.succeed("a", "second", attempt=2)
    world.succeed("zz", "x")
    world.succeed("b[0]", "x")
    assert world.snapshot() == done
    assert late_reasons(world)[3:] == ["old_attempt", "unknown_step", "unknown_step"]


def test_events_of_unknown_runs_leave_nothing(world):
    world.cancel()
    world.succeed("a")
    world.fire("retry:a:2")
    assert late_reasons(world) == ["unknown_run"] * 3
    assert world.state.entities() == []
    world.submit(function("a"))
    assert world.status == "running"  # a cancel of a run that was not there is not remembered


def test_events_of_another_organisation_are_ignored(world):
    world.submit(function("a"))
    before = world.snapshot()
    world.feed(CancelRequested(run_id=RUN, org_id="other"))
    assert late_reasons(world) == ["other_organisation"]
    assert world.snapshot() == before


def test_a_deferred_attempt_is_asked_for_again_as_itself(world):
    world.submit(function("a", TIMED))
    world.defer("a")
    assert (world.states(), world.timers) == ({"a": "waiting"}, {"defer:a:1:1": START_MS + 5_000})
    shown = world.views[-1].steps[0]
    assert (shown.waiting_for, shown.waiting_until_ms) == ("budget", START_MS + 5_000)
    world.defer("a")  # a repeat
    assert late_reasons(world) == ["deferral"]
    world.fire("defer:a:1:1")
    assert [(r.attempt, r.deferral) for r in world.requests] == [(1, 0), (1, 1)]
    assert world.timers == {"timeout:a:1": world.now_ms + 1_000 + QUEUE_ALLOWANCE_MS}
    world.defer("a", deferral=1)  # an old one
    assert late_reasons(world) == ["deferral"] * 2
    world.defer("a", deferral=2)
    assert world.timers == {"defer:a:1:2": START_MS + 5_000}
    world.succeed("a", "ok")  # another delivery did run it
    assert (world.status, world.timers) == ("succeeded", {})
    assert world.counted("step_retries_total") == []


def test_the_backstop_times_an_attempt_out(world):
    world.submit(function("a", TIMED))
    assert world.timers == {"timeout:a:1": START_MS + 1_000 + QUEUE_ALLOWANCE_MS}
    world.fire("timeout:a:1")
    assert (world.states(), world.step("a").error.code) == ({"a": "waiting"}, "timeout")
    world.succeed("a", "too late", **paid(5))  # its money counts, once
    world.succeed("a", "too late", **paid(5))
    assert (world.states(), world.state.get(RUN, "p").cost_nano) == ({"a": "waiting"}, 5)
    world.fire("retry:a:2")
    assert world.timers == {"timeout:a:2": world.now_ms + 1_000 + QUEUE_ALLOWANCE_MS}
    world.succeed("a", "in time", attempt=2, **paid(2))
    assert (world.status, world.timers, world.state.get(RUN, "p").cost_nano) == ("succeeded", {}, 7)
    assert world.views[-1].cost_nano == 7


def test_a_timeout_counts_as_an_attempt(world):
    world.submit(function("a", {"timeout_ms": 1_000, "retries": {"max_attempts": 1}}))
    world.fire("timeout:a:1")
    assert (world.status, world.views[-1].error.code) == ("failed", "timeout")


def test_a_timer_disarmed_too_late_does_nothing(world):
    world.submit(function("a", TIMED), function("b"))
    world.succeed("a")
    before = world.snapshot()
    for timer_id in ("timeout:a:1", "retry:a:2", "defer:a:1:1", "retry:zz:2", "wait:a:1", "child:a:1", "deadline"):
        world.fire(timer_id)
    assert world.snapshot() == before
    assert late_reasons(world) == ["timer"] * 7


def test_cancel(world):
    world.submit(function("a", FAST), function("b", TIMED), function("c"), edges="b>c")
    world.fail("a")
    world.cancel("enough")
    assert (world.status, world.states(), world.timers) == ("canceled", {"a": "canceled", "b": "canceled"}, {})
    assert {short(c.timer_id) for c in world.last if isinstance(c, Disarm)} == {"retry:a:2", "timeout:b:1"}
    view = world.views[-1]
    assert view.error.message == "canceled by ann: enough"
    assert {s.step_id: s.state for s in view.steps} == {"a": "canceled", "b": "canceled", "c": "canceled"}
    assert world.counted("workflow_runs_total") == [{"workflow": "flow", "status": "canceled"}]


def test_what_an_end_touches_is_in_the_order_of_the_plan(world):
    """The order of a table's entries means nothing, and that of a set changes from process to process."""
    names = [f"n{i}" for i in range(12)]
    world.submit(*(function(n) for n in names), function("m", parallel=True, items=list(range(12))))
    world.cancel()
    shown = [s.step_id for s in world.views[-1].steps]
    assert shown == [*names, "m", *(f"m[{i}]" for i in range(12))]


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel"])
def test_a_cancel_never_changes_an_end(world, end):
    world.submit(function("a"))
    world.cancel() if end == "cancel" else getattr(world, end)("a", **({"retryable": False} if end == "fail" else {}))
    before = world.snapshot()
    world.cancel()
    assert world.snapshot() == before
    assert late_reasons(world) == ["finished_run"]


def test_late_money_of_a_finished_run_counts_once(world):
    world.submit(function("a"), function("b"))
    world.succeed("a", **paid(3))
    world.cancel()
    world.succeed("b", "late", **paid(10))
    world.succeed("b", "late", **paid(10))
    world.fail("a", **paid(50))
    assert (world.status, world.states()) == ("canceled", {"a": "succeeded", "b": "canceled"})
    assert (world.views[-1].cost_nano, world.views[-1].status) == (13, "canceled")
    assert [s.cost_nano for s in world.views[-1].steps] == [10]
    assert world.step("b").output is None
    assert late_reasons(world) == ["finished_run"] * 3
    expiries = {c.at_ms for c in world.commands if isinstance(c, ExpireAt)}
    assert expiries == {START_MS + KEEP_FINISHED_MS}
    assert len(world.counted("workflow_runs_total")) == 1


def test_money_while_a_retry_waits_at_the_end_is_not_counted_twice(world):
    world.submit(function("a", FAST))
    world.fail("a", **paid(5))
    world.cancel()
    world.fail("a", **paid(5))
    assert world.state.get(RUN, "p").cost_nano == 5


def test_the_runs_own_budget_shrinks(world):
    world.submit(function("a"), function("b"), function("c"), edges="a>b b>c", budget_nano=10)
    world.succeed("a", **paid(4))
    world.succeed("b", **paid(40))
    assert [r.run_budget_nano for r in world.requests] == [10, 6, 0]


def test_a_request_has_what_its_model_is_asked_besides_the_prompt(world):
    asked = {"system": "Be brief.", "output_schema": {"type": "object"}, "stop": ["END"], "seed": 7}
    world.submit(llm("a", **asked, reasoning_effort="low"), llm("b"), inputs={"word": "hi"})
    first, second = (request.work for request in world.requests)
    assert {name: getattr(first, name) for name in asked} == asked
    assert first.reasoning_effort == "low"
    assert (first.stream, first.top_p, first.parallel_tools) == (False, None, None)
    assert (second.system, second.output_schema, second.stop, second.seed, second.reasoning_effort) == (
        *("", None, [], None),
        None,
    )


def test_a_request_says_how_its_model_answers(world):
    node = llm("a", top_p=0.5, parallel_tools=False) | {"policy": {"stream": True}}
    world.submit(node, inputs={"word": "hi"})
    work = world.requests[0].work
    assert (work.stream, work.top_p, work.parallel_tools) == (True, 0.5, False)


def test_a_request_says_all_a_worker_needs(world):
    node = llm("a", max_tokens=7, model="m") | {"policy": {"quality": "GOLD", "sla_ms": 5, "timeout_ms": 9}}
    world.submit(node, inputs={"word": "hi"}, tags={"team": "x"}, capture="none")
    request = world.requests[0]
    assert (request.tier, request.sla_ms, request.timeout_ms, request.capture) == ("gold", 5, 9, "none")
    assert (request.work.template, request.work.max_tokens, request.work.model) == ("Say {{word}}", 7, "m")
    assert (request.args, request.tags, request.requested_at_ms) == ({"word": "hi"}, {"team": "x"}, START_MS)
    assert (request.request_id, request.workflow_name) == (f"{RUN}:a:1", "flow")


def test_the_runs_span_is_the_root_of_its_trace(world):
    world.submit(function("a"), traceparent="00-aa-bb-01")
    world.fail("a", retryable=False)
    spans = [c.record for c in world.last if isinstance(c, Emit) and isinstance(c.record, TraceSpans)]
    assert len(spans) == 1
    span = spans[0].spans[0]
    assert (spans[0].trace_id, span.span_id, span.parent_span_id) == (trace_id(RUN), span_id(RUN), None)
    assert (span.status, span.type, spans[0].workflow_name, span.error_code) == ("error", "run", "flow", "boom")


def test_one_view_an_event_with_what_changed(world):
    world.submit(function("a", FAST), function("b"), edges="a>b", inputs={"x": 1})
    world.fail("a")
    world.fire("retry:a:2")
    world.succeed("a", "A", attempt=2)
    world.succeed("b", "B")
    shown = [(v.version, v.status, {s.step_id: s.state for s in v.steps}) for v in world.views]
    assert shown == [
        (0, "running", {"a": "running"}),
        (1, "running", {"a": "waiting"}),
        (2, "running", {"a": "running"}),
        (3, "running", {"a": "succeeded", "b": "running"}),
        (4, "succeeded", {"b": "succeeded"}),
    ]
    assert [v.inputs for v in world.views] == [{"x": 1}, None, None, None, None]
    assert world.views[-1].output["b"].value == "B"


def test_an_output_that_is_too_big_for_the_log_fails_the_step(world):
    world.submit(function("a", FAST))
    world.succeed("a", "x" * 600_000)
    assert (world.status, world.views[-1].error.code) == ("failed", "too_large")


def test_long_errors_are_cut(world):
    world.submit(function("a"))
    world.fail("a", "c" * 100_000, retryable=False)
    assert len(msgspec.json.encode(world.views[-1]).decode()) < 20_000
    assert world.views[-1].error.code == "c" * 100


@pytest.mark.parametrize("missing", ["st", "p"])
def test_a_state_that_cannot_be_raises(world, missing):
    world.submit(function("a"))
    world.state.drop(RUN, missing)
    with pytest.raises(ImpossibleMove):
        world.succeed("a")


def test_outstanding_asks_again_for_what_is_open(world):
    world.submit(function("a", TIMED), function("b", FAST), function("c"), function("d"), edges="c>d")
    world.succeed("c", "C")
    world.fail("b")
    first, armed = {r.request_id: r for r in world.requests}, dict(world.timers)
    before = world.snapshot()
    again = World()
    again.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert {r.request_id: r for r in again.requests} == {k: v for k, v in first.items() if k[-3:] in ("a:1", "d:1")}
    assert again.timers == armed
    view = again.views[0]
    assert (len(again.views), view.version, view.inputs, view.status) == (1, 2, {}, "running")
    assert {s.step_id: s.state for s in view.steps} == {
        "a": "running",
        "b": "waiting",
        "c": "succeeded",
        "d": "running",
    }
    assert world.snapshot() == before


def test_outstanding_of_a_finished_run_shows_its_end(world):
    world.submit(function("a"), function("b"), edges="a>b")
    world.fail("a", retryable=False)
    commands = world.rules.outstanding(world.state, RUN, world.now_ms)
    again = World()
    again.take_in(commands)
    assert (again.requests, again.timers) == ([], {})
    assert again.views[0].status == "failed"
    assert {s.step_id: s.state for s in again.views[0].steps} == {"a": "failed", "b": "canceled"}
    assert ExpireAt(RUN, START_MS + KEEP_FINISHED_MS) in commands


def test_outstanding_of_a_spec_or_nothing(world):
    world.submit(function("a"))
    spec_entity = next(e for e in world.state.entities() if e.startswith("spec:"))
    assert world.rules.outstanding(world.state, spec_entity, START_MS) == []
    assert world.rules.outstanding(world.state, "no-run", START_MS) == []


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {"deep": [10**30]}])
def test_a_number_that_no_table_can_hold_is_refused_whole(world, value):
    with pytest.raises(BadRecord, match="send it as text"):
        world.feed(submitted(resolved(function("a")), inputs={"n": value}))
    world.submit(function("a"), function("b"), edges="a>b")
    before = world.snapshot()
    with pytest.raises(BadRecord, match="send it as text"):
        world.succeed("a", value)
    assert world.snapshot() == before
