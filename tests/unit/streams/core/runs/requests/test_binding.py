"""What a step is called with: run inputs, outputs of ancestors, literals, items of a list."""

import re

import pytest
from msgspec import structs

from schemas.payload import Reference
from tests.support.runs import World, args_of, function, llm, resolved, submitted
from tests.support.runs import prompt as make_prompt

FAR = Reference(uri="file:///big", sha256="0" * 64, size=10**6)
FAR_LIST = structs.replace(FAR, length=3)


@pytest.fixture
def world():
    return World()


def test_a_root_gets_the_runs_inputs_below_its_own_args(world):
    world.submit(function("a", function_args={"n": 3, "x": "mine"}), inputs={"x": 1, "y": [2]})
    assert world.requests[0].args == {"x": "mine", "y": [2], "n": 3}


def test_inputs_replace_what_comes_by_itself_and_args_win(world):
    world.submit(function("a", inputs={"x": 1, "y": 2}, function_args={"y": 3}), inputs={"z": 9})
    assert world.requests[0].args == {"x": 1, "y": 3}


def test_a_later_node_gets_its_predecessors_by_id(world):
    world.submit(function("a"), function("b", function_args={"k": "v"}), edges="a>b", inputs={"z": 9})
    world.succeed("a", {"text": "hi"})
    assert world.requests[-1].args == {"a": {"text": "hi"}, "k": "v"}


@pytest.mark.parametrize(
    ("literal", "bound"),
    [
        ("plain", "plain"),
        ("{{name}}", "Ann"),
        ("{{ .n }}", 3),
        ("{{o}}", {"deep": ["x"]}),
        ("{{o.deep.0}}", "x"),
        ("{{name}}/{{n}}.json", "Ann/3.json"),
        ("{{o}}!", '{"deep":["x"]}!'),
        ("{{evil}}", "{{name}} a.output"),
        ("<{{evil}}>", "<{{name}} a.output>"),
        ({"k": ["{{n}}", "a.output.rows[1].id"]}, {"k": [3, 7]}),
        ("a.output", {"rows": [{"id": 6}, {"id": 7}]}),
        ("a.output.rows.0", {"id": 6}),
        ("see a.output", "see a.output"),
        (["x", 1, None], ["x", 1, None]),
        ({"literal": "{{name}}"}, "{{name}}"),
        ({"literal": "a.output"}, "a.output"),
        ([{"k": {"literal": "a.output"}}, "{{n}}"], [{"k": "a.output"}, 3]),
        ([{"literal": "a.output"}], ["a.output"]),
        ({"literal": {"literal": "x"}}, {"literal": "x"}),
        ({"literal": 1}, {"literal": 1}),
    ],
)
def test_literals_templates_and_references(world, literal, bound):
    inputs = {"name": "Ann", "n": 3, "o": {"deep": ["x"]}, "evil": "{{name}} a.output"}
    world.submit(function("a"), function("b", inputs={"v": literal}), edges="a>b", inputs=inputs)
    world.succeed("a", {"rows": [{"id": 6}, {"id": 7}]})
    assert world.requests[-1].args == {"v": bound}


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        ("a.output.rows[2]", "reference_missing", "'a.output' has no such part"),
        ("a.output.rows.-1", "reference_missing", "is not there"),
        ("a.output.gone.x", "reference_missing", "its keys are ['rows']"),
        ("{{gone}}", "input_missing", "'gone' is needed"),
        ("x {{o.gone}}", "input_missing", "leads nowhere"),
    ],
)
def test_what_cannot_be_bound_fails_the_step_for_good(world, value, code, says):
    world.submit(function("a"), function("b", inputs={"v": value}), function("c"), edges="a>b", inputs={"o": {}})
    world.succeed("a", {"rows": [1, 2]})
    error = world.views[-1].error
    assert (world.status, error.code, error.step_id) == ("failed", code, "b")
    assert says in error.message
    assert world.states() == {"a": "succeeded", "b": "failed", "c": "canceled"}


def test_a_failed_binding_withdraws_the_requests_of_its_event(world):
    world.submit(function("a"), function("b", inputs={"v": "{{gone}}"}))
    assert (world.asked(), world.states()) == ([], {"a": "canceled", "b": "failed"})


def test_stored_outputs_become_links(world):
    nodes = [function("a"), function("b", inputs={"all": "a.output", "deep": {"x": ["a.output.rows[1]"]}})]
    world.submit(*nodes, edges="a>b")
    world.succeed("a", FAR)
    assert args_of(world.requests[-1]) == {"all": ("file:///big",), "deep": {"x": [("file:///big", "rows", 1)]}}


def test_map_over_the_only_predecessor(world):
    world.submit(function("a"), function("m", parallel=True), function("z"), edges="a>m m>z")
    world.succeed("a", ["x", {"y": 1}])
    assert world.asked()[1:] == [("m[0]", 1), ("m[1]", 1)]
    assert [r.args for r in world.requests[1:]] == [{"item": "x", "index": 0}, {"item": {"y": 1}, "index": 1}]
    assert {r.node_id for r in world.requests[1:]} == {"m"}
    world.succeed("m[1]", "B")
    assert world.states()["m"] == "running"
    world.succeed("m[0]", "A")
    assert world.states()["m"] == "succeeded"
    assert world.requests[-1].args == {"m": ["A", "B"]}
    world.succeed("z", "Z")
    assert (world.status, world.views[-1].output["z"].value) == ("succeeded", "Z")


def test_map_over_a_stored_list(world):
    world.submit(
        function("a"), function("m", parallel=True, inputs={"t": "{{item.text}}", "i": "{{item}}"}), edges="a>m"
    )
    world.succeed("a", FAR_LIST)
    assert [args_of(r) for r in world.requests[1:]] == [
        {"item": ("file:///big", i), "index": i, "t": ("file:///big", i, "text"), "i": ("file:///big", i)}
        for i in range(3)
    ]


def test_a_run_input_stays_itself_beside_an_item_that_is_stored(world):
    world.submit(
        function("a"), function("m", parallel=True, inputs={"w": "{{word}}"}), edges="a>m", inputs={"word": "hi"}
    )
    world.succeed("a", FAR_LIST)
    assert [request.args["w"] for request in world.requests[1:]] == ["hi"] * 3


def test_an_input_may_be_named_as_an_item_is_in_a_node_that_maps_over_nothing(world):
    world.submit(function("a", inputs={"v": "{{item}}", "i": "{{index}}"}), inputs={"item": "mine", "index": 7})
    assert world.requests[0].args == {"v": "mine", "i": 7}


def test_what_is_said_of_a_missing_part_is_short_however_long_its_name(world):
    world.submit(function("a"), function("b", inputs={"v": "a.output." + "x" * 2_000}), edges="a>b")
    world.succeed("a", {})
    assert len(world.views[-1].error.message) == 1_000


def test_map_over_a_map(world):
    world.submit(function("a"), function("m", parallel=True), function("n", parallel=True), edges="a>m m>n")
    world.succeed("a", [1, 2])
    world.succeed("m[0]", FAR)
    world.succeed("m[1]", "near")
    assert [args_of(r) for r in world.requests[3:]] == [
        {"item": ("file:///big",), "index": 0},
        {"item": "near", "index": 1},
    ]


@pytest.mark.parametrize(
    ("items", "bound"),
    [
        ([1, "{{n}}", "a.output.x"], [1, 3, ["p", "q"]]),
        (["plain"], ["plain"]),
        ("a.output.x", ["p", "q"]),
        ("{{list}}", [8, 9]),
        (["a.output.x[1]", {"k": "a.output.x[0]"}], ["q", {"k": "p"}]),
    ],
)
def test_items(world, items, bound):
    inputs = {"n": 3, "list": [8, 9]}
    world.submit(function("a"), function("m", parallel=True, items=items, inputs={}), edges="a>m", inputs=inputs)
    world.succeed("a", {"x": ["p", "q"]})
    assert [r.args["item"] for r in world.requests[1:]] == bound


def test_items_inside_texts_and_beside_other_inputs(world):
    node = function("m", parallel=True, items=["x", "y"], inputs={"t": "{{index}}: {{item}} of {{n}}", "item": "own"})
    world.submit(node, inputs={"n": 2, "item": "run input"})
    assert [r.args for r in world.requests] == [
        {"t": "0: x of 2", "item": "own", "index": 0},
        {"t": "1: y of 2", "item": "own", "index": 1},
    ]


def test_a_mapped_root_gets_the_runs_inputs_and_its_item(world):
    world.submit(function("m", parallel=True, items=["x"]), inputs={"n": 2, "item": "run input"})
    assert world.requests[0].args == {"n": 2, "item": "x", "index": 0}


def test_a_mapped_prompt_may_name_the_whole_list(world):
    prompts = {"p": make_prompt("{{item}} of {{a}}", "p"), "q": make_prompt("{{item}}", "q")}
    nodes = [function("a"), llm("m", "p@1", parallel=True), llm("n", "q@1", parallel=True)]
    world.feed(submitted(resolved(*nodes, edges="a>m a>n", **prompts)))
    world.succeed("a", ["x"])
    assert [r.args for r in world.requests[1:]] == [
        {"item": "x", "index": 0, "a": ["x"]},
        {"item": "x", "index": 0},
    ]


def test_a_child_keeps_the_other_predecessors(world):
    nodes = [function("a"), function("b"), function("m", parallel=True, items="a.output.list")]
    world.submit(*nodes, edges="a>m b>m")
    world.succeed("b", "B")
    world.succeed("a", {"list": [1]})
    assert world.requests[-1].args == {"item": 1, "index": 0, "b": "B"}


@pytest.mark.parametrize("output", ["text", {"a": 1}, 3, None, FAR])
def test_what_is_not_a_list_cannot_be_mapped(world, output):
    world.submit(function("a"), function("m", parallel=True), edges="a>m")
    world.succeed("a", output)
    assert (world.status, world.views[-1].error.code, world.views[-1].error.step_id) == ("failed", "not_a_list", "m")


def test_a_part_of_a_stored_output_cannot_be_mapped(world):
    world.submit(function("a"), function("m", parallel=True, items="a.output.list"), edges="a>m")
    world.succeed("a", FAR_LIST)
    assert world.views[-1].error.code == "not_a_list"


def test_a_stored_item_does_not_fit_into_a_text(world):
    world.submit(function("a"), function("m", parallel=True, inputs={"t": "say {{item}}"}), edges="a>m")
    world.succeed("a", FAR_LIST)
    assert (world.status, world.views[-1].error.code, world.asked()) == ("failed", "item_too_large", [("a", 1)])


def test_items_of_stored_outputs(world):
    world.submit(function("a"), function("m", parallel=True, items=["a.output.x", {"k": "a.output"}]), edges="a>m")
    world.succeed("a", FAR)
    assert world.views[-1].error.code == "item_too_large"  # an item with a stored value inside has no single place
    world = World()
    world.submit(function("a"), function("m", parallel=True, items=["a.output.x", "near"]), edges="a>m")
    world.succeed("a", FAR)
    assert [args_of(r)["item"] for r in world.requests[1:]] == [("file:///big", "x"), "near"]


def test_an_empty_map_is_done_at_once(world):
    nodes = [function("a"), function("m", parallel=True), function("n", parallel=True), function("z")]
    world.submit(*nodes, edges="a>m m>n n>z")
    world.succeed("a", [])
    assert world.states() == {"a": "succeeded", "m": "succeeded", "n": "succeeded", "z": "running"}
    assert world.requests[-1].args == {"n": []}


def test_a_run_of_nothing_but_empty_maps(world):
    world.submit(function("m", parallel=True, items=[]), function("n", parallel=True), edges="m>n")
    assert (world.status, world.views[-1].output["n"].value) == ("succeeded", [])


def test_references_into_a_map(world):
    nodes = [
        function("m", parallel=True, items=[1, 2]),
        function("z", inputs={"one": "m.output[1].t", "all": "m.output", "deep": "m.output.0"}),
    ]
    world.submit(*nodes, edges="m>z")
    world.succeed("m[0]", FAR)
    world.succeed("m[1]", {"t": "T"})
    assert args_of(world.requests[-1]) == {
        "one": "T",
        "all": [("file:///big",), {"t": "T"}],
        "deep": ("file:///big",),
    }


@pytest.mark.parametrize("reference", ["m.output[2]", "m.output.name", "m.output[0].gone"])
def test_bad_references_into_a_map(world, reference):
    world.submit(function("m", parallel=True, items=[1, 2]), function("z", inputs={"v": reference}), edges="m>z")
    world.succeed("m[0]", {})
    world.succeed("m[1]", {})
    assert (world.status, world.views[-1].error.code) == ("failed", "reference_missing")


def test_a_child_retries_with_its_own_item(world):
    policy = {"retries": {"initial_ms": 10, "jitter": 0}}
    world.submit(function("m", policy, parallel=True, items=["x", "{{v}}"], inputs={}), inputs={"v": "y"})
    world.fail("m[1]")
    world.fire("retry:m[1]:2")
    assert (world.requests[-1].step_id, world.requests[-1].attempt, world.requests[-1].args) == (
        "m[1]",
        2,
        {"item": "y", "index": 1},
    )
    assert world.counted("step_retries_total") == [{"workflow": "flow", "node": "m"}]


def test_a_child_that_fails_for_good_fails_its_node_and_run(world):
    world.submit(function("m", parallel=True, items=[1, 2, 3]), function("z"), edges="m>z")
    world.succeed("m[0]")
    world.fail("m[1]", retryable=False)
    assert world.states() == {"m": "failed", "m[0]": "succeeded", "m[1]": "failed", "m[2]": "canceled"}
    assert (world.status, world.views[-1].error.step_id) == ("failed", "m[1]")
    world.succeed("m", "forged")
    assert world.status == "failed"


def test_the_node_itself_takes_no_result(world):
    world.submit(function("m", parallel=True, items=[1]))
    world.succeed("m", "forged", attempt=1)
    world.defer("m")
    assert world.states() == {"m": "running", "m[0]": "running"}


def test_a_childs_result_writes_two_entries(world):
    world.submit(function("m", parallel=True, items=list(range(50))))
    before = world.snapshot()["run-1"]
    world.succeed("m[7]", "x")
    after = world.snapshot()["run-1"]
    assert {name for name in after if after[name] != before.get(name)} == {"p", "s:m[7]"}


def test_requests_over_the_limit_fail_their_step(world):
    big = [function(f"m{i}") for i in range(20)]
    world.submit(*big, function("z"), edges=" ".join(f"m{i}>z" for i in range(20)))
    for i in range(20):
        world.succeed(f"m{i}", "x" * 60_000)
    assert (world.status, world.views[-1].error.code, world.views[-1].error.step_id) == ("failed", "too_large", "z")
    assert re.search(r"has 117\d KiB, the most is 900", world.views[-1].error.message)
