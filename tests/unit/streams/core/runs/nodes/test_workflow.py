"""Steps that run other workflows: what becomes of the step by the run, and of the run by the step."""

import json
from typing import Any

import pytest

from schemas.ids import child_source, started_by, traceparent
from schemas.payload import Inline, Reference, inline
from schemas.records.run_events import CancelRequested, ChildFinished, RunSubmitted
from schemas.records.run_views import RunView
from schemas.spec.text.document import resolved_bytes
from schemas.tables.runs import PROGRESS
from streams.core.commands import Emit
from streams.core.runs.fold import RunFold
from streams.core.runs.requests.sizes import LABELS_LIMIT
from tests.support.families import Kin, flow, runs, whole
from tests.support.runs import ORG, RUN, START_MS, args_of, function, llm, paid

ONCE = {"retries": {"max_attempts": 1}}
TWICE = {"retries": {"max_attempts": 2, "initial_ms": 100, "jitter": 0}}
BIG = "x" * 70_000


def child(*nodes: dict[str, Any], edges: str = "", **dag: Any) -> Any:
    return flow("child", *(nodes or (function("c", inputs={"x": "{{x}}"}),)), edges=edges, **dag)


def parent(*nodes: dict[str, Any], edges: str = "", **dag: Any) -> Any:
    return flow("flow", *nodes, edges=edges, **dag)


def one(policy: dict[str, Any] | None = None, of: Any = None, **config: Any) -> Kin:
    """A run whose only step waits for another run."""
    asks = runs("a", "child", policy, **({"inputs": {"x": 1}} | config))
    world = Kin(parent(asks), of or child(), budget_nano=1_000, tags={"team": "red"}, capture="none")
    world.deliver()
    return world


def stored(size: int = 100_000, length: int | None = None) -> Reference:
    return Reference(uri="objects/1", sha256="0" * 64, size=size, length=length)


# What is asked for


def test_a_step_starts_a_run_and_waits_for_it() -> None:
    world = one()
    run = world.child("a")
    step = world.step("a")
    assert (step.state, step.waiting_for, step.attempt) == ("waiting", f"child {run}", 1)
    assert world.requests[-1].run_id == run
    assert world.requests[-1].args == {"x": 1}
    assert world.status == "running"


def test_the_run_is_as_its_parent_says() -> None:
    world = one()
    event = world.told(RunSubmitted, world.child("a"))[0]
    assert event.parent.run_id == RUN
    assert (event.parent.step_id, event.parent.attempt, event.parent.detached) == ("a", 1, False)
    assert (event.source, event.submission_id) == (child_source(RUN), "a:1")
    assert (event.org_id, event.tags, event.capture) == (ORG, {"team": "red"}, "none")
    assert (event.budget_nano, event.deadline_ms) == (1_000, None)
    assert event.traceparent == traceparent(RUN, "a", 1)
    assert event.spec.hash == whole(child()).hash
    assert started_by(event.source) == RUN


def test_what_the_run_gives_is_what_the_step_gives() -> None:
    world = one()
    world.done(world.child("a"), "c", {"answer": 42})
    assert world.step("a").output == inline({"answer": 42})
    assert world.step("a").waiting_for is None
    assert world.status == "succeeded"
    assert world.views[-1].output == {"a": inline({"answer": 42})}


def test_what_is_stored_is_passed_on_as_it_is() -> None:
    world = one()
    world.done(world.child("a"), "c", stored())
    assert world.step("a").stored == stored()


def test_views_name_the_run_and_the_step_that_started_it() -> None:
    world = one()
    shown = [view for view in world.views if view.run_id == RUN][-1]
    assert shown.steps[0].child_run_id == world.child("a")
    assert shown.steps[0].kind == "workflow"
    of_child = next(view for view in world.views if view.run_id == world.child("a"))
    assert (of_child.parent.run_id, of_child.parent.step_id) == (RUN, "a")


def test_a_root_without_inputs_passes_the_runs_inputs_on() -> None:
    world = Kin(parent(runs("a", "child")), child(), inputs={"x": 7, "y": 8})
    world.deliver()
    assert world.told(RunSubmitted, world.child("a"))[0].inputs == {"x": 7, "y": 8}


def test_a_node_without_inputs_passes_outputs_on_by_their_names() -> None:
    world = Kin(parent(function("x"), runs("a", "child"), edges="x>a"), child())
    world.done(RUN, "x", [1])
    assert world.told(RunSubmitted, world.child("a"))[0].inputs == {"x": [1]}


def test_nested_runs_end_from_the_innermost_outwards() -> None:
    inner = flow("inner", function("i"))
    world = Kin(parent(runs("a", "middle")), flow("middle", runs("m", "inner")), inner)
    world.deliver()
    middle = world.child("a")
    world.done(world.child("m", of=middle), "i", "deep")
    assert world.status_of(middle) == "succeeded"
    assert world.step("a").output == inline("deep")


def test_a_step_after_it_gets_the_output() -> None:
    world = Kin(
        parent(
            runs("a", "child", inputs={"x": 1}),
            function("b", inputs={"got": "a.output.n", "all": "a.output"}),
            edges="a>b",
        ),
        child(),
    )
    world.deliver()
    world.done(world.child("a"), "c", {"n": 3})
    assert world.requests[-1].args == {"got": 3, "all": {"n": 3}}


# Failures


def test_a_run_that_fails_for_good_fails_the_step() -> None:
    world = one()
    world.failed(world.child("a"), "c")
    error = world.step("a").error
    assert (world.status, error.code, error.retryable) == ("failed", "child_failed", False)
    assert world.child("a") in error.message
    assert "boom in c: it broke" in error.message
    assert error.details == {"child_run_id": world.child("a"), "child_error_code": "boom"}


def test_a_failure_that_may_pass_is_tried_again_as_another_run() -> None:
    world = one(TWICE, child(function("c", ONCE)))
    first = world.child("a")
    world.failed(first, "c", retryable=True)
    assert (world.step("a").state, world.step("a").waiting_for) == ("waiting", "retry")
    world.ring("retry:a:2")
    second = world.child("a", 2)
    assert second != first
    assert world.step("a").waiting_for == f"child {second}"
    world.done(second, "c", "at last")
    assert world.status == "succeeded"
    assert world.step("a").output == inline("at last")
    assert world.step("a").attempt == 2


def test_a_run_that_somebody_cancels_fails_the_step_for_good() -> None:
    world = one(TWICE)
    world.end(world.child("a"))
    error = world.step("a").error
    assert (error.code, error.retryable) == ("child_canceled", False)
    assert "canceled by ann" in error.message


def test_an_optional_node_goes_on_without_the_run() -> None:
    asks = runs("a", "child", ONCE | {"optional": True}, inputs={"x": 1})
    world = Kin(parent(asks, function("b", join="all_done"), edges="a>b"), child())
    world.deliver()
    world.failed(world.child("a"), "c")
    world.done(RUN, "b")
    assert world.status == "succeeded"


def test_inputs_that_are_missing_fail_the_step_and_name_them() -> None:
    """A checked workflow may lack them all the same: what it names is newer by now."""
    world = one(inputs={"y": 1})
    assert world.step("a").error.code == "input_missing"
    assert "'child' needs x" in world.step("a").error.message
    assert world.mail == []


def test_an_input_that_is_stored_elsewhere_is_passed_on_as_it_is() -> None:
    world = Kin(parent(function("b"), runs("a", "child", inputs={"x": "b.output"}), edges="b>a"), child())
    world.done(RUN, "b", stored())
    event = world.told(RunSubmitted, world.child("a"))[0]
    assert (event.inputs, event.stored_inputs) == ({"x": None}, {"x": stored()})
    assert args_of(world.requests[-1]) == {"x": ("objects/1",)}


@pytest.mark.parametrize("given", ["b.output.part", {"deep": "b.output"}])
def test_a_part_of_what_is_stored_elsewhere_cannot_be_an_input(given: Any) -> None:
    world = Kin(parent(function("b"), runs("a", "child", inputs={"x": given}), edges="b>a"), child())
    world.done(RUN, "b", stored())
    assert world.step("a").error.code == "input_too_large"


def test_inputs_are_as_large_as_those_of_any_run() -> None:
    world = one(inputs={"x": "x" * 300_000})
    assert world.step("a").error.code == "too_large"


def test_tags_that_are_too_many_for_another_run_fail_the_step() -> None:
    """Its names are longer than those of the run that was let in with these tags."""
    spec = parent(runs("a", "child", inputs={"x": 1}))
    world = Kin(spec, child(), tags={"t": "x" * (LABELS_LIMIT - 30)})
    assert world.step("a").error.code == "too_large"
    assert "fewer tags" in world.step("a").error.message


def test_a_mapped_childs_item_is_passed_on_only_where_it_is_named() -> None:
    asks = runs("a", "child", inputs={"x": "{{item}}"}, parallel=True, items=[5])
    world = Kin(parent(asks), child())
    world.deliver()
    assert world.told(RunSubmitted, world.child("a[0]"))[0].inputs == {"x": 5}


# Maps


def mapped(count: int = 3, of: Any = None, policy: dict[str, Any] | None = None, **config: Any) -> Kin:
    asks = runs(
        "a", "child", policy, **({"inputs": {"x": "{{item}}"}, "parallel": True, "items": list(range(count))} | config)
    )
    world = Kin(parent(asks), of or child())
    world.deliver()
    return world


def test_a_map_of_runs_gives_their_outputs_in_order() -> None:
    world = mapped()
    for index in (2, 0, 1):
        world.done(world.child(f"a[{index}]"), "c", index * 10)
    assert world.status == "succeeded"
    assert world.views[-1].output == {"a": inline([0, 10, 20])}


def test_only_so_many_runs_are_open() -> None:
    world = mapped(max_parallel=2)
    assert world.status_of(world.child("a[1]")) == "running"
    assert world.status_of(world.child("a[2]")) is None
    world.done(world.child("a[1]"), "c")
    assert world.status_of(world.child("a[2]")) == "running"


def test_a_map_in_a_run_of_a_map() -> None:
    inner = child(function("c", parallel=True, items="{{x}}", inputs={"v": "{{item}}"}))
    asks = runs("a", "child", inputs={"x": "{{item}}"}, parallel=True, items=[[1, 2], [3]])
    world = Kin(parent(asks), inner)
    world.deliver()
    for index, values in enumerate(([1, 2], [3])):
        for at, value in enumerate(values):
            world.done(world.child(f"a[{index}]"), f"c[{at}]", value * 2)
    assert world.views[-1].output == {"a": inline([[2, 4], [6]])}


def test_a_run_of_a_map_that_fails_ends_the_others() -> None:
    world = mapped()
    world.failed(world.child("a[1]"), "c")
    assert world.status == "failed"
    assert [world.status_of(world.child(f"a[{i}]")) for i in range(3)] == ["canceled", "failed", "canceled"]


@pytest.mark.parametrize(("mode", "wanted"), [("skip", [0, 2]), ("collect", [0, "child_failed", 2])])
def test_a_failed_run_is_left_out_or_shown(mode: str, wanted: list[Any]) -> None:
    world = mapped(on_child_error=mode)
    world.done(world.child("a[0]"), "c", 0)
    world.failed(world.child("a[1]"), "c")
    world.done(world.child("a[2]"), "c", 2)
    (output,) = world.views[-1].output.values()
    assert [one if isinstance(one, int) else one["error"]["code"] for one in output.value] == wanted


def test_items_of_a_stored_list_are_inputs_after_a_step_that_gives_each() -> None:
    """As the error says that a map over the list itself ends with."""
    asks = {"inputs": {"x": "{{item}}"}, "parallel": True}
    spec = parent(
        function("b"),
        function("each", parallel=True, inputs={"part": "{{item}}"}),
        runs("a", "child", **asks, items="each.output"),
        edges="b>each each>a",
    )
    world = Kin(spec, child())
    world.done(RUN, "b", stored(length=2))
    world.done(RUN, "each[0]", "small")
    world.done(RUN, "each[1]", stored())
    given = [world.told(RunSubmitted, world.child(f"a[{n}]"))[0] for n in range(2)]
    assert [event.inputs for event in given] == [{"x": "small"}, {"x": None}]
    assert given[1].stored_inputs == {"x": stored()}
    direct = Kin(parent(function("b"), runs("a", "child", **asks), edges="b>a"), child())
    direct.done(RUN, "b", stored(length=2))
    assert direct.status == "failed"
    assert "let a step before it give just that part" in direct.step("a[0]").error.message


# Outputs


def test_several_last_nodes_give_an_object() -> None:
    nodes = (function("c"), function("d"), function("e", condition="c.output == 'no'"))
    world = one(of=child(*nodes, edges="c>d c>e"))
    world.done(world.child("a"), "c", 1)
    world.done(world.child("a"), "d", 2)
    assert world.step("a").output == inline({"d": 2, "e": None})


@pytest.mark.parametrize("large", [inline(BIG), stored()])
def test_an_object_that_is_too_large_fails_the_step_and_says_how_to_mend_it(large: Any) -> None:
    world = one(of=child(function("c"), function("d")))
    world.done(world.child("a"), "c", large)
    world.done(world.child("a"), "d", 2)
    error = world.step("a").error
    assert world.status_of(world.child("a")) == "succeeded"
    assert (error.code, error.retryable) == ("child_output_too_large", False)
    assert "end the workflow in one node" in error.message


def test_a_skipped_last_node_gives_null() -> None:
    world = one(of=child(function("c"), function("d", condition="c.output == 'no'"), edges="c>d"))
    world.done(world.child("a"), "c", "yes")
    assert world.step("a").output == inline(None)


def test_a_mapped_last_node_gives_a_list() -> None:
    world = one(of=child(function("c", parallel=True, items=[1, 2])))
    world.done(world.child("a"), "c[1]", "two")
    world.done(world.child("a"), "c[0]", "one")
    assert world.step("a").output == inline(["one", "two"])


@pytest.mark.parametrize("outputs", [[inline(BIG), inline(BIG)], [stored(), inline(1)]])
def test_a_large_list_is_stored_as_one_object_first(outputs: list[Any]) -> None:
    world = one(of=child(function("c", parallel=True, items=[1, 2])))
    run = world.child("a")
    for index, output in enumerate(outputs):
        world.done(run, f"c[{index}]", output)
    assert world.requests[-1].step_id == "c/gather[0]"
    world.done(run, "c/gather[0]", stored(200_000, length=2))
    assert world.step("a").stored == stored(200_000, length=2)
    assert world.status == "succeeded"


def test_nobody_gathers_what_nobody_waits_for() -> None:
    lists = child(function("c", parallel=True, items=[1]))
    detached, alone = one(of=lists, detach=True), Kin(lists)
    for world, run in ((detached, detached.child("a")), (alone, RUN)):
        world.done(run, "c[0]", stored())
        assert world.status_of(run) == "succeeded"


# Detached


def test_a_detached_run_is_not_waited_for() -> None:
    world = one(detach=True)
    run = world.child("a")
    assert world.told(RunSubmitted, run)[0].parent.detached
    world.ring("child:a:1")
    assert world.step("a").output == inline({"run_id": run})
    assert world.status == "succeeded"
    world.done(run, "c")
    assert world.told(ChildFinished) == []


def test_a_detached_run_goes_on_when_its_parent_ends() -> None:
    world = Kin(parent(runs("a", "child", detach=True, inputs={"x": 1}), function("b")), child())
    world.deliver()
    world.end(RUN)
    assert world.status == "canceled"
    assert world.status_of(world.child("a")) == "running"
    assert world.told(CancelRequested, world.child("a")) == []


def test_a_detached_run_has_its_own_time() -> None:
    world = Kin(parent(runs("a", "child", detach=True, inputs={"x": 1}), deadline_ms=500), child())
    world.deliver()
    assert world.told(RunSubmitted, world.child("a"))[0].deadline_ms is None


# Ends of the parent


def test_a_cancel_reaches_the_runs_of_runs() -> None:
    world = Kin(parent(runs("a", "middle")), flow("middle", runs("m", "inner")), flow("inner", function("i")))
    world.deliver()
    world.end(RUN)
    middle = world.child("a")
    inner = world.child("m", of=middle)
    assert [world.status_of(run) for run in (RUN, middle, inner)] == ["canceled"] * 3
    (event,) = world.told(CancelRequested, middle)
    assert event.requested_by == f"parent run {RUN}"


def test_another_step_that_fails_ends_the_run() -> None:
    world = Kin(parent(runs("a", "child", inputs={"x": 1}), function("b")), child())
    world.deliver()
    world.failed(RUN, "b")
    assert world.status_of(world.child("a")) == "canceled"


def test_a_run_is_not_started_by_a_turn_that_ends_its_parent() -> None:
    asks = (runs("a", "child", inputs={"x": 1}), runs("b", "child", inputs={"x": "n.output.x"}))
    world = Kin(parent(function("n"), *asks, edges="n>a n>b"), child())
    world.done(RUN, "n", stored())
    assert world.status == "failed"
    assert world.status_of(world.child("a")) is None
    assert world.told(CancelRequested, world.child("a")) == []
    assert world.step("a").unsettled == ()


def test_the_parents_deadline_bounds_the_run() -> None:
    world = Kin(parent(function("n"), runs("a", "child", inputs={"x": 1}), edges="n>a", deadline_ms=5_000), child())
    world.now_ms += 1_500
    world.done(RUN, "n")
    assert world.told(RunSubmitted, world.child("a"))[0].deadline_ms == 3_500
    world.ring("deadline")
    assert world.status == "failed"
    assert world.status_of(world.child("a")) == "canceled"


def test_a_step_that_waits_too_long_ends_the_run_and_tries_another() -> None:
    world = one(TWICE | {"timeout_ms": 2_000})
    assert world.armed[RUN, "timeout:a:1"] == START_MS + 2_000
    world.ring("timeout:a:1")
    assert world.status_of(world.child("a")) == "canceled"
    assert (world.step("a").error.code, world.step("a").waiting_for) == ("timeout", "retry")
    world.ring("retry:a:2")
    assert world.armed[RUN, "timeout:a:2"] == world.now_ms + 2_000
    world.done(world.child("a", 2), "c", "in time")
    assert world.status == "succeeded"
    assert (RUN, "timeout:a:2") not in world.armed


# Money


def test_money_of_both_is_counted_apart() -> None:
    world = Kin(
        parent(function("n"), runs("a", "child", inputs={"x": 1}), llm("z", inputs={"word": "w"}), edges="n>a a>z"),
        child(),
        budget_nano=1_000,
    )
    world.done(RUN, "n", **paid(100))
    event = world.told(RunSubmitted, world.child("a"))[0]
    assert event.budget_nano == 900
    world.done(world.child("a"), "c", **paid(250))
    progress = world.progress()
    assert (progress.cost_nano, progress.children_nano) == (100, 250)
    assert world.requests[-1].run_budget_nano == 650
    assert world.step("a").cost_nano == 0
    assert world.views[-1].children_nano == 250


def test_the_node_may_lower_what_the_run_may_spend() -> None:
    assert one(max_cost_cents="0.00001").told(RunSubmitted, one().child("a"))[0].budget_nano == 100


def test_money_of_runs_in_runs_adds_up() -> None:
    world = Kin(
        parent(runs("a", "middle")),
        flow("middle", runs("m", "inner"), function("z"), edges="m>z"),
        flow("inner", function("i")),
    )
    world.deliver()
    middle = world.child("a")
    world.done(world.child("m", of=middle), "i", **paid(30))
    world.done(middle, "z", **paid(4))
    assert world.progress().children_nano == 34


def test_what_a_canceled_run_did_cost_counts_once() -> None:
    two = child(function("c"), function("d", inputs={}), edges="c>d")
    world = one(of=two)
    run = world.child("a")
    world.done(run, "c", **paid(70))
    world.end(RUN)
    assert world.progress().children_nano == 70
    assert world.step("a").unsettled == ()
    (event,) = world.told(ChildFinished)
    world.feed(event)
    assert world.progress().children_nano == 70


# Repeats and restores


def test_the_same_run_is_asked_for_once_more_as_long_as_it_is_waited_for() -> None:
    world = one()
    again = outstanding(world, RUN)
    (event,) = [record for record in again if isinstance(record, RunSubmitted)]
    assert event == world.told(RunSubmitted, world.child("a"))[0]
    before = world.snapshot()
    world.feed(event)
    assert world.last == []
    assert world.snapshot() == before


def test_a_run_that_is_over_tells_its_end_to_whoever_asks_for_it_again() -> None:
    world = one()
    event = world.told(RunSubmitted, world.child("a"))[0]
    world.done(world.child("a"), "c", 1)
    before = world.snapshot()
    world.feed(event)
    assert world.mail == world.told(ChildFinished)
    world.deliver()
    assert world.snapshot() == before


def test_an_ended_run_says_its_end_again_after_a_restore() -> None:
    world = one()
    world.done(world.child("a"), "c", 1)
    said = [record for record in outstanding(world, world.child("a")) if isinstance(record, ChildFinished)]
    assert said == world.told(ChildFinished)


def test_runs_that_were_given_up_are_told_again_after_a_restore_until_they_have_ended() -> None:
    world = one()
    world.feed(CancelRequested(run_id=RUN, org_id=ORG))
    told = [record for record in outstanding(world, RUN) if isinstance(record, CancelRequested)]
    assert told == world.mail
    world.deliver()
    assert not any(isinstance(record, CancelRequested | RunSubmitted) for record in outstanding(world, RUN))


def test_an_end_of_another_attempt_changes_nothing() -> None:
    world = one(TWICE, child(function("c", ONCE)))
    world.failed(world.child("a"), "c", retryable=True)
    (event,) = world.told(ChildFinished)
    world.ring("retry:a:2")
    before = world.snapshot()
    world.feed(event)
    assert world.snapshot() == before


def test_an_end_of_a_run_that_is_no_child_changes_nothing() -> None:
    world = one()
    before = world.snapshot()
    fields = {"run_id": RUN, "org_id": ORG, "step_id": "a", "attempt": 1, "status": "succeeded"}
    world.feed(ChildFinished(**fields, child_run_id="another"))
    world.feed(ChildFinished(**(fields | {"step_id": "b"}), child_run_id="another"))
    assert world.snapshot() == before


def test_a_checkpoint_keeps_what_a_parent_may_ask_for() -> None:
    world = one()
    run = world.child("a")
    world.done(run, "c", 1)
    entries = world.snapshot()
    rules = RunFold()
    assert set(rules.lasting(run, entries[run])) == set(entries[run])
    assert set(rules.lasting(RUN, entries[RUN])) == set(entries[RUN])
    assert PROGRESS in entries[run]


def test_a_parent_that_is_none_is_refused() -> None:
    event = one().told(RunSubmitted, one().child("a"))[0]
    world = Kin(child(), inputs={"x": 1})
    with pytest.raises(Exception, match="as its parent"):
        world.feed(type(event)(**({f: getattr(event, f) for f in event.__struct_fields__} | {"source": "api"})))


def test_a_run_without_children_carries_nothing_of_them() -> None:
    plain = whole(child())
    assert json.loads(resolved_bytes(plain)).keys() == {"spec", "hash"}
    world = Kin(child(), inputs={"x": 1})
    assert "pa" not in world.state.fields(RUN)


def outstanding(world: Kin, run: str) -> list[Any]:
    """What a restored run asks for again."""
    commands = world.rules.outstanding(world.state, run, world.now_ms)
    found = [command.record for command in commands if isinstance(command, Emit)]
    assert any(isinstance(record, RunView) for record in found)
    return found


def test_the_plan_of_a_stored_spec_is_the_same() -> None:
    world = one()
    entity = f"spec:{world.header(RUN).spec_hash}"
    data = world.rules.encode(entity, "spec", world.state.get(entity, "spec"))
    again = world.rules.decode(entity, "spec", data)
    assert again == world.state.get(entity, "spec")
    assert isinstance(again.nodes["a"].own.spec.size, int)


def test_outputs_of_a_waiting_detached_step_are_inline() -> None:
    assert isinstance(one(detach=True).step("a").output, Inline)
