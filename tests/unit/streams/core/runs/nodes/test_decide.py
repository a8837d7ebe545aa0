"""Conditions and switches in a run: what is skipped, what is noted, what fails, and what is asked for."""

from typing import Any

import pytest

from schemas.errors import BadRecord
from schemas.payload import Reference
from streams.core.runs.plan.compile import compile_plan
from tests.support.runs import RUN, World, function, resolved, switch

STORED = Reference(uri="objects:///acme/0", sha256="0" * 64, size=70_000)
OPTIONAL: dict[str, Any] = {"optional": True, "retries": {"max_attempts": 1}}
GUIDE = [
    function("classify"),
    function("process_text", condition="classify.output.type == 'text'"),
    function("process_image", condition="classify.output.type == 'image'"),
    function("merge"),
]
GUIDE_EDGES = "classify>process_text classify>process_image process_text>merge process_image>merge"


@pytest.fixture
def world():
    return World()


def notes(world: World) -> dict[str, str | None]:
    return {step_id: world.step(step_id).note for step_id in world.states() if world.step(step_id).note}


def test_the_guides_conditional_workflow(world):
    world.submit(*GUIDE, edges=GUIDE_EDGES)
    world.succeed("classify", {"type": "text"})
    assert world.asked() == [("classify", 1), ("process_text", 1)]
    assert notes(world) == {"process_image": "condition: classify.output.type == 'image' is false"}
    seen = [(step.step_id, step.state) for step in world.views[-1].steps]
    assert seen == [("classify", "succeeded"), ("process_text", "running"), ("process_image", "skipped")]
    world.succeed("process_text", "T")
    assert world.requests[-1].args == {"process_text": "T", "process_image": None}
    world.succeed("merge")
    assert world.status == "succeeded"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"kind": "text"}, 'it cannot be decided, so it is false: Key not found in map : "type"'),
        ("text", "it cannot be decided, so it is false"),
        (None, "it cannot be decided, so it is false"),
    ],
)
def test_an_answer_of_another_shape_skips_every_branch_with_a_note(world, answer, why):
    world.submit(*GUIDE, edges=GUIDE_EDGES)
    world.succeed("classify", answer)
    assert world.status == "succeeded"
    assert world.views[-1].output == {}
    found = notes(world)
    assert found["process_text"].startswith(f"condition: {why}")
    assert found["merge"] == "no step before it succeeded"


def test_a_root_may_have_a_condition_on_inputs(world):
    nodes = [function("a", condition="inputs.lang != 'en'"), function("b"), function("c", join="all_done")]
    world.submit(*nodes, edges="a>c b>c", inputs={"lang": "en"})
    assert (world.states(), world.asked()) == ({"a": "skipped", "b": "running"}, [("b", 1)])
    assert world.rules.outstanding(world.state, RUN, world.now_ms)


def test_a_run_that_begins_and_ends_with_its_submission(world):
    world.submit(function("a", condition="inputs.go"), function("b"), edges="a>b", inputs={"go": False})
    assert (world.status, world.states(), world.requests) == ("succeeded", {"a": "skipped", "b": "skipped"}, [])


def test_a_condition_decides_all_of_a_map(world):
    nodes = [function("a"), function("m", parallel=True, items=[1, 2], condition="a.output > 1"), function("z")]
    world.submit(*nodes, edges="a>m m>z")
    world.succeed("a", 1)
    assert (world.status, world.states()) == ("succeeded", {"a": "succeeded", "m": "skipped", "z": "skipped"})


def test_the_output_of_a_map_is_a_list(world):
    nodes = [
        function("m", parallel=True, items=[1, 2]),
        function("z", condition="size(m.output) == 2 && m.output[1].n > 1"),
    ]
    world.submit(*nodes, edges="m>z")
    world.succeed("m[0]", {"n": 1})
    world.succeed("m[1]", {"n": 2})
    assert world.asked()[-1] == ("z", 1)


def test_a_map_whose_outputs_are_too_much_to_read(world):
    nodes = [function("m", parallel=True, items=[1, 2, 3]), function("z", OPTIONAL, condition="size(m.output) == 3")]
    world.submit(*nodes, edges="m>z")
    for index in range(3):
        world.succeed(f"m[{index}]", "x" * 40_000)
    assert world.step("z").error.code == "condition_unreadable"
    assert "m.output with 78 KiB and more" in world.step("z").error.message


def test_a_skipped_ancestor_is_null(world):
    nodes = [
        *(function("a"), function("b", condition="a.output.go")),
        function("c", join="all_done", condition="b.output == null"),
        function("d", join="all_done", condition="b.output.x == 1"),
    ]
    world.submit(*nodes, edges="a>b b>c b>d")
    world.succeed("a", {"go": False})
    assert world.states() == {"a": "succeeded", "b": "skipped", "c": "running", "d": "skipped"}
    assert "cannot be decided" in notes(world)["d"]


def test_an_early_node_and_its_condition_see_the_same(world):
    nodes = [function("a"), function("b"), function("c", join="any", condition="a.output == null")]
    world.submit(*nodes, edges="a>c b>c")
    world.succeed("b", "B")
    world.succeed("a", "A")
    world.fail("c")
    world.fire("retry:c:2")
    assert world.requests[-1].args == {"a": None, "b": "B"}


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (STORED, "reads a.output with 68 KiB, which is stored outside of its record"),
        (list(range(30_000)), "reads a.output with 164 KiB, more than 64"),
    ],
)
def test_what_cannot_be_read_fails_the_step_that_would_decide_by_it(world, output, why):
    nodes = [function("a"), function("b", condition="a.output.x == 1"), function("c")]
    world.submit(*nodes, edges="a>b a>c")
    world.succeed("a", output)
    assert (world.status, world.step("b").error.code) == ("failed", "condition_unreadable")
    assert why in world.step("b").error.message
    assert "let a function return the small part that decides" in world.views[-1].error.message


def test_an_optional_node_that_cannot_decide_is_left_out(world):
    nodes = [function("a"), function("b", OPTIONAL, condition="a.output.x == 1"), function("c")]
    world.submit(*nodes, edges="a>b a>c")
    world.succeed("a", STORED)
    assert (world.states(), world.status) == ({"a": "succeeded", "b": "failed", "c": "running"}, "running")


def test_a_large_input_hinders_only_who_reads_it(world):
    nodes = [
        function("a", condition="inputs.lang == 'en' && size(inputs.text) > 5"),
        function("b", OPTIONAL, condition="inputs.rows[0] == 1"),
        function("c", OPTIONAL, condition="size(inputs) > 1"),
    ]
    world.submit(*nodes, inputs={"lang": "en", "text": "x" * 200_000, "rows": [1] * 40_000})
    assert world.states() == {"a": "running", "b": "failed", "c": "failed"}


ROUTE = [
    function("a"),
    switch("route", ("a.output.n > 10", "big"), ("a.output.n > 1", ["mid", "log"]), default="small"),
    *(function(n) for n in ("big", "mid", "small", "log")),
    function("end"),
]
ROUTE_EDGES = "a>route route>big route>mid route>small route>log big>end mid>end small>end"


@pytest.mark.parametrize(
    ("n", "case", "to"), [(11, 0, ["big"]), (5, 1, ["mid", "log"]), (0, "default", ["small"])]
)  # fmt: skip
def test_a_switch_chooses(world, n, case, to):
    world.submit(*ROUTE, edges=ROUTE_EDGES)
    world.succeed("a", {"n": n})
    step = world.step("route")
    assert (step.state, step.attempt, step.output.value) == ("succeeded", 0, {"case": case, "to": to})
    assert sorted(r.step_id for r in world.requests[1:]) == sorted(to)
    skipped = {"big", "mid", "small", "log"} - set(to)
    assert notes(world) == dict.fromkeys(skipped, "'route' did not choose it")
    for target in to:
        world.succeed(target, target)
    assert world.requests[-1].args == {"big": None, "mid": None, "small": None} | {to[0]: to[0]}
    world.succeed("end")
    assert world.status == "succeeded"


def test_a_switch_without_a_way_out(world):
    nodes = [function("a"), switch("s", ("a.output.x == 1", "b"), ("a.output == 2", "c")), function("b"), function("c")]
    world.submit(*nodes, edges="a>s s>b s>c")
    world.succeed("a", {"y": 1})
    assert world.step("s").output.value == {"case": None, "to": []}
    assert (world.status, world.states()["b"], world.states()["c"]) == ("succeeded", "skipped", "skipped")
    assert notes(world)["s"] == (
        'case 0: it cannot be decided, so it is false: Key not found in map : "x"; '
        "no case holds and there is no default"
    )


def test_what_a_switch_does_not_choose_may_still_run_by_another_way(world):
    nodes = [function("a"), switch("s", ("a.output == 1", "b"), default="c"), function("b"), function("c")]
    world.submit(*nodes, edges="a>s s>b s>c a>b")
    world.succeed("a", 2)
    assert world.states() == {"a": "succeeded", "s": "succeeded", "b": "running", "c": "running"}


def test_a_switch_in_a_branch_that_is_skipped(world):
    nodes = [switch("s", ("true", "b"), condition="inputs.go == 1"), function("b")]
    world.submit(*nodes, edges="s>b", inputs={"go": 2})
    assert (world.status, world.states()) == ("succeeded", {"s": "skipped", "b": "skipped"})


def test_switches_after_switches_need_no_stack(world):
    count = 900
    nodes = [switch(f"n{i}", ("true", f"n{i + 1}")) for i in range(count)] + [function(f"n{count}")]
    world.submit(*nodes, edges=" ".join(f"n{i}>n{i + 1}" for i in range(count)))
    assert world.asked() == [(f"n{count}", 1)]


def test_a_switch_that_cannot_read(world):
    nodes = [function("a"), switch("s", ("a.output == 1", "b")), function("b")]
    world.submit(*nodes, edges="a>s s>b")
    world.succeed("a", STORED)
    assert (world.status, world.step("s").error.code) == ("failed", "condition_unreadable")


def test_conditions_and_switches_are_never_chained():
    nodes = [function("a"), function("b", condition="true"), function("c"), switch("s", ("true", "d")), function("d")]
    plan = compile_plan(resolved(*nodes, edges="a>b b>c c>s s>d"))
    assert {node.next for node in plan.nodes.values()} == {None}


def test_a_condition_that_registration_would_have_refused(world):
    with pytest.raises(BadRecord, match=r"a condition of node 'b': it names 'nope\.output'"):
        world.submit(function("a"), function("b", condition="nope.output == 1"), edges="a>b")
