"""Joins, conditions and switches are checked on registration: each problem with its place and its fix."""

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.flow import MAX_CONDITIONS
from schemas.spec.check.workflow import check_spec, parse_workflow
from tests.support.runs import function, spec, switch


def problems_of(*nodes, edges=""):
    with pytest.raises(InvalidSpec) as caught:
        check_spec(spec(*nodes, edges=edges), prompts={}, tools={"t"}, functions={"echo"})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            "z.output == 1",
            "dag.nodes[1].config.condition: it names 'z.output', which is unknown; known are inputs, a.output",
        ),
        (
            "c.output == 1",
            "dag.nodes[1].config.condition: it names 'c.output', which is unknown; add an edge that leads from",
        ),
        ("b.output == 1", "dag.nodes[1].config.condition: it names 'b.output', which is unknown; known are inputs,"),
        ("a.output ==", "dag.nodes[1].config.condition: it is not a CEL expression at character 12: Syntax error"),
        ("size(a.output)", "dag.nodes[1].config.condition: it gives a value of type INT, not true or false;"),
        (
            "a.output.exists(x, x)",
            "dag.nodes[1].config.condition: `exists` is not available here: conditions cannot iterate",
        ),
        ("true || " * 70 + "true", "dag.nodes[1].config.condition: it has 564 characters, the maximum is 500; let a"),
    ],
)
def test_conditions(condition, said):
    [problem] = problems_of(function("a"), function("b", condition=condition), function("c"), edges="a>b b>c")
    assert problem.startswith(said)


def test_a_condition_may_look_at_every_ancestor():
    nodes = [function("a"), function("b"), function("c", condition="a.output == b.output && inputs.x")]
    check_spec(spec(*nodes, edges="a>b b>c"), prompts={}, tools=(), functions={"echo"})


def test_conditions_that_are_too_much_together():
    nodes = [function(f"n{i}", condition="true || " * 60 + "true") for i in range(MAX_CONDITIONS // 480 + 1)]
    [problem] = problems_of(*nodes)
    assert problem.startswith("dag.nodes: the conditions have")
    assert problem.endswith("the maximum is 40000; let functions decide, or split the workflow")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (switch("s", ("true", "z")), "cases[0].to: 'z' does not follow 's' directly; add an edge from 's' to 'z', or"),
        (switch("s", ("true", ["b", "a"])), "cases[0].to: 'a' does not follow 's' directly; add an edge from 's' to"),
        (switch("s", ("true", "c")), "cases[0].to: 'c' does not follow 's' directly; add an edge from 's' to 'c'"),
        (switch("s", ("true", "b"), default="q"), "config.default: 'q' does not follow 's' directly;"),
        (switch("s", ("tru", "b")), "cases[0].when: it names 'tru', which is unknown; known are inputs, a.output"),
        (switch("s", ("true", "b"), inputs={}), "config.inputs: a switch has no `inputs`: its conditions name the"),
        (switch("s", ("true", "b"), parallel=True, items=[1]), "config.parallel: a switch has no `parallel`"),
        (switch("s", ("true", "b")) | {"policy": {"timeout_ms": 5}}, "no worker executes a switch, so there is"),
    ],
)  # fmt: skip
def test_switches(node, said):
    problems = problems_of(function("a"), node, function("b"), function("c"), edges="a>s s>b b>c")
    assert [p for p in problems if said in p], problems


def test_the_shape_of_a_switch():
    bad = """
name: flow
version: 1
dag:
  nodes:
    - {id: s, type: switch, config: {cases: []}}
    - {id: t, type: switch, config: {cases: [{when: "true", too: s}]}}
  edges: []
"""
    with pytest.raises(InvalidSpec) as caught:
        parse_workflow(bad)
    said = [str(problem) for problem in caught.value.problems]
    assert any(p.startswith("dag.nodes[0].config.cases: list should have at least 1 item") for p in said), said
    assert any("dag.nodes[1].config.cases[0].too: the field `too` is unknown; did you mean 'to'?" in p for p in said)


@pytest.mark.parametrize(
    ("node", "edges", "said"),
    [
        (function("b", join="all"), "", "dag.nodes[1].join: 'b' has no predecessors to join;"),
        (
            function("b", join="each"),
            "a>b",
            "dag.nodes[1].join: there is no join 'each'; write one of all, any, all_done",
        ),
    ],
)
def test_joins(node, edges, said):
    edge_list = [{"from": a, "to": b} for a, b in (e.split(">") for e in edges.split())]
    document = {"name": "f", "version": 1, "dag": {"nodes": [function("a"), node], "edges": edge_list}}
    with pytest.raises(InvalidSpec) as caught:
        check_spec(parse_workflow(document), prompts={}, tools=(), functions={"echo"})
    assert next(str(problem) for problem in caught.value.problems).startswith(said)
