"""Mapped nodes: how many children are open, what a failed one does, and outputs too large for one request."""

import pytest

from schemas.payload import Reference
from streams.core.memory import MemoryState
from streams.core.runs.fold import RunFold
from streams.core.runs.plan.model import MAX_OPEN
from streams.core.runs.requests import gather
from tests.support.runs import RUN, World, args_of, function

ONCE = {"retries": {"max_attempts": 1}}


@pytest.fixture
def world():
    return World()


def mapped(world, count=5, policy=None, then=True, **config):
    nodes = [function("m", policy or ONCE, parallel=True, items=list(range(count)), **config)]
    nodes += [function("r", inputs={"all": "m.output"})] if then else []
    world.submit(*nodes, edges="m>r" if then else "")


def children(world):
    return [step for step, _ in world.asked() if step.startswith("m[")]


def test_only_so_many_children_are_open(world):
    mapped(world, 5, max_parallel=2)
    assert children(world) == ["m[0]", "m[1]"]
    world.succeed("m[1]", "b")
    assert children(world) == ["m[0]", "m[1]", "m[2]"]
    for child in ("m[0]", "m[2]", "m[3]"):
        world.succeed(child, "x")
    assert children(world) == [f"m[{n}]" for n in range(5)]
    world.succeed("m[4]", "e")
    assert world.requests[-1].step_id == "r"
    assert args_of(world.requests[-1]) == {"all": ["x", "b", "x", "x", "e"]}


def test_without_a_limit_one_event_asks_for_a_bounded_number(world):
    mapped(world, MAX_OPEN + 7)
    assert len(world.requests) == MAX_OPEN
    world.succeed("m[3]")
    assert world.requests[-1].step_id == f"m[{MAX_OPEN}]"


def test_a_child_that_waits_for_a_retry_keeps_its_place(world):
    mapped(world, 3, {"retries": {"max_attempts": 2, "initial_ms": 10}}, max_parallel=1)
    world.fail("m[0]")
    assert children(world) == ["m[0]"]
    world.fire("retry:m[0]:2")
    assert world.asked() == [("m[0]", 1), ("m[0]", 2)]
    world.succeed("m[0]", attempt=2)
    assert children(world)[-1] == "m[1]"


def test_the_first_failed_child_fails_the_run_unless_told_otherwise(world):
    mapped(world, 5, max_parallel=2)
    world.fail("m[1]")
    assert world.status == "failed"
    assert world.states() == {"m": "failed", "m[0]": "canceled", "m[1]": "failed"}


def test_failed_children_are_left_out(world):
    mapped(world, 4, on_child_error="skip", max_parallel=3)
    world.succeed("m[2]", "c")
    world.fail("m[0]")
    world.fail("m[3]")
    world.succeed("m[1]", "b")
    assert args_of(world.requests[-1]) == {"all": ["b", "c"]}
    assert world.step("m").left_out == (0, 3)
    world.succeed("r")
    assert world.status == "succeeded"


def test_failed_children_are_collected_in_their_places(world):
    mapped(world, 3, on_child_error="collect")
    world.succeed("m[2]", "c")
    world.fail("m[1]", "boom")
    world.succeed("m[0]", "a")
    gone = {"error": {"code": "boom", "message": "boom happened"}}
    assert args_of(world.requests[-1]) == {"all": ["a", gone, "c"]}


@pytest.mark.parametrize(("how", "status"), [("skip", "failed"), ("collect", "running")])
def test_when_every_child_failed(world, how, status):
    mapped(world, 2, on_child_error=how)
    world.fail("m[0]", "boom")
    world.fail("m[1]", "bang")
    assert world.status == status
    if how == "skip":
        error = world.state.get(RUN, "p").error
        assert (error.code, error.step_id) == ("all_children_failed", "m")
        assert "boom happened" in error.message


def test_a_child_that_cannot_be_asked_for_failed(world):
    items = [{"x": 1}, "no object", {"x": 3}]
    nodes = [
        function("m", ONCE, parallel=True, items=items, inputs={"x": "{{item.x}}"}, on_child_error="skip"),
        function("r", inputs={"all": "m.output"}),
    ]
    world.submit(*nodes, edges="m>r")
    assert children(world) == ["m[0]", "m[2]"]
    assert world.step("m[1]").error.code == "input_missing"
    world.succeed("m[0]", 1)
    world.succeed("m[2]", 3)
    assert args_of(world.requests[-1]) == {"all": [1, 3]}


def test_children_that_can_never_be_asked_for_end_at_once(world):
    mapped(world, 9, on_child_error="skip", max_parallel=2, inputs={"x": "{{item.x}}"})
    assert world.status == "failed"
    assert not world.requests


def test_one_item_of_a_list_with_places_left_out(world):
    nodes = [
        function("m", ONCE, parallel=True, items=list("abcdef"), on_child_error="skip"),
        function("n", ONCE, parallel=True, items="m.output", inputs={"it": "{{item}}", "second": "m.output[1]"}),
    ]
    world.submit(*nodes, edges="m>n")
    for index, child in enumerate("abcdef"):
        if child in "ade":
            world.fail(f"m[{index}]")
        else:
            world.succeed(f"m[{index}]", child.upper())
    asked = [r for r in world.requests if r.node_id == "n"]
    assert [r.args["it"] for r in asked] == ["B", "C", "F"]
    assert {r.args["second"] for r in asked} == {"C"}


def test_readers_see_counts(world):
    mapped(world, 4, on_child_error="collect", max_parallel=3)
    world.succeed("m[0]")
    world.fail("m[1]")
    shown = [step.children for view in world.views for step in view.steps if step.step_id == "m"]
    assert [(c.total, c.succeeded, c.failed, c.open) for c in shown] == [(4, 0, 0, 3), (4, 1, 1, 2)]
    world.succeed("m[2]")
    world.succeed("m[3]")
    last = [step.children for view in world.views for step in view.steps if step.step_id == "m"][-1]
    assert (last.total, last.succeeded, last.failed, last.open) == (4, 3, 1, 0)


def test_large_outputs_are_gathered_into_one_stored_list(world):
    mapped(world, 4)
    for index in range(4):
        world.succeed(f"m[{index}]", str(index) * (gather.PAGE_LIMIT // 3))
    pages = [r for r in world.requests if "/gather" in r.step_id]
    assert [r.step_id for r in pages] == ["m/gather[0]", "m/gather[1]"]
    assert all(r.work.name == "gather_lists" and r.node_id == "m" for r in pages)
    assert [[item[0] for item in r.args["parts"][0]] for r in pages] == [["0", "1"], ["2", "3"]]
    assert world.states()["m"] == "running"
    world.succeed("m/gather[1]", stored("page1", 2))
    world.succeed("m/gather[0]", stored("page0", 2))
    join = world.requests[-1]
    assert (join.step_id, args_of(join)) == ("m/gather", {"parts": [("page0",), ("page1",)]})
    world.succeed("m/gather", stored("all", 4))
    assert args_of(world.requests[-1]) == {"all": ("all",)}
    world.succeed("r")
    assert world.status == "succeeded"


def test_one_page_is_the_whole_list(world):
    mapped(world, 3, max_parallel=1)
    for index in range(3):
        world.succeed(f"m[{index}]", "x" * (gather.INSIDE_LIMIT // 2))
    assert world.requests[-1].step_id == "m/gather[0]"
    world.succeed("m/gather[0]", stored("all", 3))
    assert args_of(world.requests[-1]) == {"all": ("all",)}


def test_many_references_are_gathered_too(world):
    mapped(world, 600)
    for index in range(600):
        world.succeed(f"m[{index}]", stored(f"o{index}", None, 70_000))
    pages = [r for r in world.requests if "/gather" in r.step_id]
    assert len(pages) == 1
    assert len(pages[0].links) == 600
    assert args_of(pages[0])["parts"][0][7] == ("o7",)


def test_what_nobody_takes_as_a_whole_is_not_gathered(world):
    nodes = [
        function("m", ONCE, parallel=True, items=[1, 2]),
        function("n", ONCE, parallel=True, items="m.output", inputs={"it": "{{item}}"}),
        function("r", ONCE, inputs={"first": "m.output[0]"}),
    ]
    world.submit(*nodes, edges="m>n m>r")
    for index in range(2):
        world.succeed(f"m[{index}]", "x" * gather.INSIDE_LIMIT)
    assert {r.step_id for r in world.requests} == {"m[0]", "m[1]", "n[0]", "n[1]", "r"}


def test_what_no_worker_could_hold_is_refused(world, monkeypatch):
    monkeypatch.setattr(gather, "MAX_TOGETHER", 1_000_000)
    mapped(world, 3)
    for index in range(3):
        world.succeed(f"m[{index}]", "x" * 400_000)
    assert world.status == "failed"
    assert world.state.get(RUN, "p").error.code == "too_large"


def test_a_failed_page_fails_its_node(world):
    mapped(world, 3)
    for index in range(3):
        world.succeed(f"m[{index}]", "x" * gather.INSIDE_LIMIT)
    world.fail("m/gather[0]", "missing_object", retryable=False)
    assert world.status == "failed"
    assert world.states()["m"] == "failed"


def test_a_restore_asks_for_the_same_again(world):
    mapped(world, 4, max_parallel=2)
    world.succeed("m[0]", "x" * gather.PAGE_LIMIT)
    again = World()
    again.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert again.requests == world.requests[1:]
    for index in range(1, 4):
        world.succeed(f"m[{index}]", str(index) * gather.INSIDE_LIMIT)
    gathering = [r for r in world.requests if "/gather" in r.step_id]
    again = World()
    again.take_in(world.rules.outstanding(world.state, RUN, world.now_ms))
    assert again.requests == gathering


def test_a_result_writes_two_entries_however_many_children_there_are():
    state, rules = Writes(), RunFold()
    world = World()
    world.state, world.rules = state, rules
    mapped(world, 3_000)
    written = []
    for index in range(2_900):
        state.names.clear()
        world.succeed(f"m[{index}]", index)
        written.append(len(state.names))
    assert set(written) <= {2, 3}  # the child, the progress, and the next child that is asked for


class Writes(MemoryState):
    """Notes what is written."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def put(self, entity, field, value):
        self.names.add(field)
        super().put(entity, field, value)


def stored(name, length, size=100_000):
    return Reference(uri=name, sha256="0" * 64, size=size, length=length)
