"""Inputs of a run that are stored outside of its record: what binds them, what cannot, and what a reader sees."""

import pytest
from msgspec import structs

from schemas.payload import Reference
from schemas.records.run_views import RunView
from streams.core.commands import Emit
from tests.support.runs import RUN, World, args_of, assistant, function, llm, resolved, submitted, switch
from tests.support.runs import prompt as make_prompt

FAR = Reference(uri="objects:///acme/big", sha256="0" * 64, size=10**6)
FAR_LIST = structs.replace(FAR, length=3)
PLACE = ("objects:///acme/big",)


@pytest.fixture
def world():
    return World()


def submit(world, *nodes, edges="", stored=None, inputs=None, prompts=(), **more):
    """Submit a run of which ``big`` is stored, unless told otherwise."""
    found = {"big": FAR} if stored is None else stored
    spec = resolved(*nodes, edges=edges, **{p.name: p for p in prompts})
    given = dict.fromkeys(found) | (inputs or {})
    world.feed(submitted(spec, inputs=given, stored_inputs=found, **more))


def test_a_root_gets_stored_inputs_as_links(world):
    submit(world, function("a", function_args={"n": 1}), inputs={"x": 2})
    request = world.requests[0]
    assert args_of(request) == {"big": PLACE, "x": 2, "n": 1}
    assert [link.at for link in request.links] == [["big"]]


def test_what_the_node_binds_wins_over_a_stored_input(world):
    submit(world, function("a", function_args={"big": "mine"}))
    assert (world.requests[0].args, world.requests[0].links) == ({"big": "mine"}, [])


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        ("{{big}}", PLACE),
        ("{{ .big.rows.0 }}", (*PLACE, "rows", "0")),
        ({"deep": ["{{big}}", "{{x}}"]}, {"deep": [PLACE, 2]}),
        ("{{x}} and more", "2 and more"),
    ],
)
def test_a_stored_input_is_bound_as_a_whole_value_and_by_path(world, value, bound):
    submit(world, function("a", inputs={"v": value}), inputs={"x": 2})
    assert args_of(world.requests[0]) == {"v": bound}


def test_inside_a_text_it_fails_the_step_and_says_how_to_mend_it(world):
    submit(world, function("a", inputs={"v": "Say {{big}}"}))
    error = world.views[-1].error
    assert (world.status, error.code) == ("failed", "input_too_large")
    assert "make '{{big}}' the whole value" in error.message


def test_a_model_gets_the_stored_inputs_that_its_prompt_names(world):
    prompts = [make_prompt("Sum up {{big}}", "sum")]
    submit(world, llm("a", "sum@1"), stored={"big": FAR, "other": FAR}, prompts=prompts)
    assert [link.at for link in world.requests[0].links] == [["big"]]


def test_an_agent_gets_the_stored_inputs_that_its_prompt_names(world):
    submit(world, assistant("a"), stored={"word": FAR, "other": FAR})
    assert [link.at for link in world.requests[0].links] == [["word"]]


@pytest.mark.parametrize("items", ["{{big}}", ["{{big.0}}", "{{big.1}}", "{{big.2}}"]])
def test_a_map_over_a_stored_list(world, items):
    submit(world, function("m", parallel=True, items=items, inputs={"i": "{{item}}"}), stored={"big": FAR_LIST})
    steps = [0, 1, 2] if isinstance(items, str) else ["0", "1", "2"]
    assert [args_of(r) for r in world.requests] == [
        {"item": (*PLACE, at), "index": i, "i": (*PLACE, at)} for i, at in enumerate(steps)
    ]
    world.fail("m[1]")
    world.fire(next(iter(world.timers)))
    assert args_of(world.requests[-1]) == args_of(world.requests[1])


def test_a_mapped_root_gets_stored_inputs_beside_its_item(world):
    submit(world, function("m", parallel=True, items=[5]), stored={"big": FAR, "item": FAR})
    assert args_of(world.requests[0]) == {"big": PLACE, "item": 5, "index": 0}


@pytest.mark.parametrize(
    ("items", "says"),
    [("{{big}}", "it is not a list"), ("{{big.rows}}", "a list as a whole")],
)
def test_a_map_over_what_is_no_stored_list(world, items, says):
    submit(world, function("m", parallel=True, items=items))
    assert (world.status, world.views[-1].error.code) == ("failed", "not_a_list")
    assert says in world.views[-1].error.message


@pytest.mark.parametrize("condition", ["inputs.big == 'x'", "size(inputs) == 1"])
def test_a_condition_that_reads_a_stored_input_fails_its_step(world, condition):
    submit(world, function("a", condition=condition))
    assert (world.status, world.views[-1].error.code) == ("failed", "condition_unreadable")
    assert "inputs.big with 976 KiB, which is stored outside" in world.views[-1].error.message


def test_conditions_and_switches_read_the_inputs_that_are_here(world):
    nodes = [switch("s", ("inputs.x == 2", "b")), function("b", inputs={"v": "{{big}}"}), function("c")]
    submit(world, *nodes, edges="s>b s>c", inputs={"x": 2})
    assert args_of(world.requests[0]) == {"v": PLACE}
    assert world.states()["c"] == "skipped"


def test_a_switch_that_reads_a_stored_input_fails(world):
    submit(world, switch("s", ("inputs.big == 2", "b")), function("b"), edges="s>b")
    assert world.views[-1].error.code == "condition_unreadable"


def test_what_compensates_gets_them_too_but_not_in_place_of_the_runs_error(world):
    undo = function("undo", inputs={"v": "{{big}}", "why": "{{run_error_code}}"})
    spec = resolved(function("a", {"retries": {"max_attempts": 1}}), undo, on_failure="undo")
    stored = {"big": FAR, "run_error_code": FAR}
    world.feed(submitted(spec, inputs=dict.fromkeys(stored), stored_inputs=stored))
    world.fail("a", retryable=False)
    assert args_of(world.requests[-1]) == {"v": PLACE, "why": "boom"}


def test_readers_see_where_they_are_once(world):
    submit(world, function("a"), inputs={"x": 2})
    assert (world.views[0].inputs, world.views[0].stored_inputs) == ({"big": None, "x": 2}, {"big": FAR})
    world.succeed("a", 1)
    assert (world.views[-1].inputs, world.views[-1].stored_inputs) == (None, None)
    emitted = [c.record for c in world.rules.outstanding(world.state, RUN, 9) if isinstance(c, Emit)]
    assert [view.stored_inputs for view in emitted if isinstance(view, RunView)] == [{"big": FAR}]


def test_the_entries_of_a_run_are_read_back(world):
    submit(world, function("a"), inputs={"x": 2})
    stored = world.rules.encode(RUN, "si", {"big": FAR})
    assert world.rules.decode(RUN, "si", stored) == {"big": FAR}
    assert world.snapshot()[RUN]["si"] == stored


def test_a_run_without_any_has_no_entry_and_no_field(world):
    world.submit(function("a"), inputs={"x": 2})
    assert "si" not in world.state.fields(RUN)
    assert world.views[0].stored_inputs is None
