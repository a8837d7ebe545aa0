"""Runs that begin with what another run recorded."""

import pytest

from schemas.errors import BadRecord
from schemas.payload import Reference, inline
from schemas.records.run_events import Reused
from tests.support.runs import RUN, World, args_of, function

FORK = {"source": "fork:before"}
STORED = Reference(uri="objects:///acme/0", sha256="0" * 64, size=70_000)


def world(*nodes, edges="", **reuse: Reused) -> World:
    found = World()
    found.submit(*nodes, edges=edges, reuse=reuse, **FORK)
    return found


def test_only_what_is_not_reused_is_asked_for():
    run = world(function("a"), function("b"), function("c"), edges="a>b b>c", a=Reused(output=inline({"n": 1})))
    assert run.asked() == [("b", 1)]
    assert run.requests[0].args == {"a": {"n": 1}}
    run.succeed("b", 2)
    run.succeed("c", 3)
    assert (run.status, run.states()) == ("succeeded", {"a": "succeeded", "b": "succeeded", "c": "succeeded"})


def test_nodes_after_several_and_beside_the_reused_ones():
    run = world(
        *map(function, "abcd"), edges="a>c b>c c>d", a=Reused(output=inline(1)), b=Reused(output=STORED)
    )  # fmt: skip
    assert run.asked() == [("c", 1)]
    assert args_of(run.requests[0]) == {"a": 1, "b": (STORED.uri,)}
    beside = world(*map(function, "abc"), edges="a>c b>c", a=Reused(output=inline(1)))
    assert beside.asked() == [("b", 1)]
    beside.succeed("b")
    assert beside.asked()[1:] == [("c", 1)]


def test_a_mapped_node_comes_with_its_children():
    children = [inline("x"), inline("y")]
    run = world(
        function("a", parallel=True, items=[1, 2]), function("b"), edges="a>b", a=Reused(children=children)
    )  # fmt: skip
    assert run.requests[0].args == {"a": ["x", "y"]}
    run.succeed("b")
    assert run.status == "succeeded"


def test_a_mapped_node_whose_outputs_were_gathered():
    stored = Reference(uri="objects:///acme/1", sha256="1" * 64, size=200_000, length=9)
    nodes = [function("m", parallel=True, items=[1]), function("b", inputs={"a": "m.output", "one": "m.output[3]"})]
    run = world(*nodes, edges="m>b", m=Reused(output=stored))
    assert [(link.at, link.payload, link.path) for link in run.requests[0].links] == [
        (["a"], stored, []),
        (["one"], stored, [3]),
    ]


def test_reused_steps_cost_nothing_and_say_where_they_come_from():
    run = world(function("a"), function("b"), edges="a>b", a=Reused(output=inline(1)))
    seen = {step.step_id: step for view in run.views for step in view.steps}
    assert (seen["a"].reused_from, seen["a"].attempt, seen["a"].cost_nano) == ("before", 0, 0)
    assert seen["b"].reused_from is None
    run.succeed("b", cost_nano=5)
    assert run.state.get(RUN, "p").cost_nano == 5


def test_a_restore_says_it_again():
    run = world(function("a"), function("b"), edges="a>b", a=Reused(output=inline(1)))
    run.views.clear()
    run.take_in(run.rules.outstanding(run.state, RUN, run.now_ms))
    assert [s.reused_from for s in run.views[0].steps] == ["before", None]
    assert run.asked() == [("b", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("reuse", "why"),
    [
        ({"x": Reused(output=inline(1))}, "no node 'x'"),
        ({"a": Reused(output=inline(1)), "m": Reused(children=[]), "z": Reused(output=inline(1))}, "nothing left"),
        ({"a": Reused()}, "without an output"),
        ({"m": Reused(output=inline(1))}, "without outputs of children"),
    ],
)
def test_what_does_not_fit_the_workflow(reuse, why):
    nodes = [function("a"), function("m", parallel=True, items=[1]), function("z")]
    with pytest.raises(BadRecord, match=why):
        world(*nodes, edges="a>z m>z", **reuse)


def test_results_need_a_source_that_names_their_run():
    with pytest.raises(BadRecord, match="fork:<id>"):
        World().submit(function("a"), function("b"), edges="a>b", reuse={"a": Reused(output=inline(1))})
