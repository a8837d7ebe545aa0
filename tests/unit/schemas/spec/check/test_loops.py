"""Loops are checked on registration: each problem with its place and its fix. All else knows their bodies."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.check.waiting_nodes import signal_names
from schemas.spec.check.workflow import CheckedSpec, check_spec, parse_workflow, prompt_refs, queues_of
from schemas.spec.inputs.decision_inputs import read_here
from schemas.spec.loops import every_node, iteration_step, output_node, placed_nodes
from schemas.spec.model import LoopNode, WorkflowSpec
from schemas.spec.text.document import document_of
from tests.support.runs import function, llm, loop, prompt, signal, spec, switch

WHERE = "dag.nodes[0].config"


def problems_of(*nodes: dict[str, Any], edges: str = "") -> list[str]:
    """The problems that registration finds."""
    document = {"name": "flow", "version": 1, "dag": {"nodes": list(nodes)}}
    document["dag"]["edges"] = [dict(zip(("from", "to"), edge.split(">"), strict=True)) for edge in edges.split()]
    with pytest.raises(InvalidSpec) as caught:
        checked(document)
    return [str(problem) for problem in caught.value.problems]


def checked(document: dict[str, Any]) -> CheckedSpec:
    """A workflow as it is registered."""
    known = parse_workflow(document)
    return check_spec(known, prompts={"ask@1": prompt()}, tools={"t"}, functions={"echo"})


def good(policy: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """A loop without problems, but for what is told."""
    node = loop("r", function("p"), function("q"), edges="p>q", until="loop.output == 1", policy=policy)
    said = node["config"] | config
    return node | {"config": {name: value for name, value in said.items() if value is not None}}


CASES: list[tuple[dict[str, Any], str]] = [
    (good(until=None), f"{WHERE}: a loop needs either `until` or `while`, this one has neither; write exactly one"),
    (good(**{"while": "true"}), f"{WHERE}: a loop needs either `until` or `while`, this one has both; write exactly"),
    (good(max_iterations=0), f"{WHERE}.max_iterations: input should be greater than or equal to 1"),
    (good(max_iterations=1001), f"{WHERE}.max_iterations: input should be less than or equal to 1000"),
    (good(on_exhausted="stop"), f"{WHERE}.on_exhausted: input should be 'fail' or 'last'"),
    (good(body=[]), f"{WHERE}.body: list should have at least 1 item"),
    (good(inputs={}), f"{WHERE}.inputs: a loop has no `inputs`"),
    (good(parallel=True, items=[1]), f"{WHERE}.parallel: a loop has no `parallel`"),
    (good(until="loop.score == 1"), f"{WHERE}.until: it names 'loop"),
    (good(until="z.output == 1"), f"{WHERE}.until: it names 'z.output', which is unknown; known are inputs, loop.iter"),
    (good(until="p.output == 1"), f"{WHERE}.until: it names 'p.output', which is unknown"),
    (good(until="loop.output =="), f"{WHERE}.until: it is not a CEL expression"),
    (good(output="judge.output"), f"{WHERE}.output: the body of 'r' has no node 'judge'; known are p, q"),
    (good(output="p.output.x"), f"{WHERE}.output: 'p.output.x' is not the whole output of a node; write p.output"),
    (good(output="p"), f"{WHERE}.output: 'p' is not the whole output of a node; write q.output"),
    (good(edges=[]), f"{WHERE}.output: the body of 'r' has several last nodes, or none, so its output is ambiguous"),
    (
        good(edges=[{"from": "p", "to": "q"}, {"from": "q", "to": "p"}], output="q.output"),
        f"{WHERE}.edges: the nodes wait for each other in a cycle: p -> q -> p; remove one of the edges",
    ),
    (good(edges=[{"from": "p", "to": "z"}]), f"{WHERE}.edges[0].to: there is no node 'z'"),
    (
        good(edges=[{"from": "p", "to": "q"}] * 2),
        f"{WHERE}.edges[1]: the edge from 'p' to 'q' repeats {WHERE}",
    ),
    (good(edges=[{"from": "p", "too": "q"}]), f"{WHERE}.edges[0].to: is missing"),
    (good(policy={"timeout_ms": 5}), "dag.nodes[0].policy.timeout_ms: no worker executes a loop"),
    (good(max_iterations=1000, body=[function(f"n{i}") for i in range(11)], edges=[], output="n1.output"), "10000"),
    (
        good(body=[function("p"), function("p")], edges=[]),
        f"{WHERE}.body[1].id: the id 'p' is taken by {WHERE}",
    ),
    (good(body=[function("r")], edges=[]), f"{WHERE}.body[0].id: the id 'r' is taken by the workflow's node 'r'"),
    (good(body=[function("loop")], edges=[]), f"{WHERE}.body[0].id: 'loop' is reserved inside of loops"),
    (good(body=[function("turn-2")], edges=[]), f"{WHERE}.body[0].id: 'turn-2' is reserved inside of loops"),
    (good(body=[function("item")], edges=[]), f"{WHERE}.body[0].id: 'item' is reserved"),
    (
        good(body=[function("p", parallel=True, items=[1])], edges=[]),
        f"{WHERE}.body[0].config.parallel: 'p' is inside of a loop, where no node maps; let one function process",
    ),
    (
        good(body=[loop("inner", function("p"), until="true")], edges=[]),
        f"{WHERE}.body[0].type: a loop cannot be inside of a loop; run a workflow that has the inner loop",
    ),
    (good(body=[{"id": "p", "type": "fun"}], edges=[]), f"{WHERE}.body[0].type: there is no node type 'fun'"),
    (good(body=[function("p", text="x")], edges=[]), f"{WHERE}.body[0].config.text: the field `text` is unknown"),
    (good(untill="true"), f"{WHERE}.untill: the field `untill` is unknown; did you mean 'until'?"),
    (
        good(body=[function("p", inputs={"x": "p.output"})], edges=[]),
        f"{WHERE}.body[0].config.inputs.x: 'p.output' refers to the node itself",
    ),
    (
        good(body=[function("p", inputs={"x": "r.output"})], edges=[]),
        f"{WHERE}.body[0].config.inputs.x: 'r.output' refers to the loop that it is inside of; write loop.previous",
    ),
    (
        good(body=[function("p", inputs={"x": "q.output"}), function("q")]),
        f"{WHERE}.body[0].config.inputs.x: 'q.output' refers to 'q', which does not run before 'p'; add an edge",
    ),
    (
        good(body=[function("p", inputs={"x": "z.output"})], edges=[]),
        f"{WHERE}.body[0].config.inputs.x: 'z.output' refers to the node 'z', which does not exist",
    ),
    (
        good(body=[function("p", inputs={"x": "loop.iteration.x"})], edges=[]),
        f"{WHERE}.body[0].config.inputs.x: 'loop.iteration.x' goes into a number; write loop.iteration",
    ),
    (
        good(body=[function("p", condition="loop.output == 1")], edges=[]),
        f"{WHERE}.body[0].config.condition: it names 'loop.output', which is unknown",
    ),
    (
        good(body=[function("nope", function_name="nope")], edges=[]),
        f"{WHERE}.body[0].config.function_name: there",
    ),
    (good(body=[llm("p", inputs={})], edges=[]), f"{WHERE}.body[0].config.inputs: the prompt 'ask@1' needs 'word'"),
    (good(body=[function("p", join="any")], edges=[]), f"{WHERE}.body[0].join: 'p' has no predecessors to join"),
    (
        good(body=[switch("p", ("true", "a")), function("q")]),
        f"{WHERE}.body[0].config.cases[0].to: 'a' does not follow 'p' directly",
    ),
]


@pytest.mark.parametrize(("node", "said"), CASES, ids=[said[-40:] for _, said in CASES])
def test_a_loop_with_a_problem(node: dict[str, Any], said: str) -> None:
    found = problems_of(node)
    assert any(said in problem for problem in found), found
    assert all("; " in problem for problem in found)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("p.output", "'p.output' refers to 'p', which is inside of the loop 'r'; name the loop: r.output"),
        ("loop.previous", "'loop.previous' is a value of a loop, and 'z' is outside of one"),
        ("z2.outputs", "'z2.outputs': only a loop has several outputs; write z2.output"),
        (
            "r.outputs",
            "'r.outputs' refers to 'r', which does not run before 'z'; add an edge that leads from",
        ),
    ],
)
def test_a_node_outside_that_names_what_is_inside(value: str, said: str) -> None:
    (problem,) = problems_of(good(), function("z", inputs={"x": value}), function("z2"))
    assert problem.startswith(f"dag.nodes[1].config.inputs.x: {said}")


def test_nodes_of_two_loops_and_around_them_need_ids_of_their_own() -> None:
    found = problems_of(good(), loop("s", function("p"), until="true"), function("loop"))
    assert any(
        problem.startswith("dag.nodes[1].config.body[0].id: the id 'p' is taken by a node inside") for problem in found
    )
    assert any(problem.startswith("dag.nodes[2].id: 'loop' is reserved") for problem in found)


def test_a_loop_may_not_compensate() -> None:
    document = {"name": "f", "version": 1, "dag": {"nodes": [function("a"), good()], "on_failure": ["r"]}}
    with pytest.raises(InvalidSpec, match="'r' compensates and is of type loop"):
        check_spec(parse_workflow(document), prompts={}, tools=(), functions={"echo"})


def whole() -> WorkflowSpec:
    """A workflow whose loop uses all that a workflow may use."""
    body = (
        llm("draft", inputs={"word": "loop.previous.text", "n": "loop.iteration", "topic": "{{topic}} now"}),
        signal("go", "go"),
        function(
            "judge", inputs={"of": "a.output", "all": "first.outputs"}, condition="inputs.strict && loop.iteration > 1"
        ),
    )
    body[2]["queue"] = "gpu"
    first = loop("first", function("one"), until="true")
    main = loop("r", *body, edges="draft>go go>judge", until="loop.output.score > inputs.goal")
    return spec(function("a"), first, main, function("z", inputs={"x": "r.outputs.0"}), edges="a>first first>r r>z")


def test_a_loop_that_uses_everything_is_accepted() -> None:
    found = check_spec(whole(), prompts={"ask@1": prompt()}, tools=(), functions={"echo"})
    assert found.required_inputs == {"topic", "strict", "goal"}, "its conditions read two of them"
    assert list(found.resolved.prompts) == ["ask@1"]


def test_all_that_reads_a_workflow_knows_the_nodes_inside() -> None:
    assert prompt_refs(whole()) == {"ask@1"}
    assert queues_of(whole()) == {"gpu"}
    assert signal_names(whole()) == {"go"}
    assert read_here(whole().dag.nodes) == {"topic", "strict", "goal"}
    assert [node.id for node in every_node(whole().dag.nodes)] == [
        "a",
        "first",
        "one",
        "r",
        "draft",
        "go",
        "judge",
        "z",
    ]
    assert [path for path, node in placed_nodes(whole()) if node.id == "judge"] == ["dag.nodes[2].config.body[2]"]


def test_a_root_inside_needs_the_inputs_of_its_prompt_from_the_run() -> None:
    looped = spec(function("a"), loop("r", llm("draft"), until="true"), edges="a>r")
    found = check_spec(looped, prompts={"ask@1": prompt("{{word}}")}, tools=(), functions={"echo"})
    assert found.required_inputs == {"word"}


def test_a_loop_is_written_without_its_defaults_and_read_again() -> None:
    document = document_of(spec(loop("r", function("p"), **{"while": "true"})))
    config = document["dag"]["nodes"][0]["config"]
    assert config.keys() == {"max_iterations", "while", "body"}
    assert WorkflowSpec.model_validate(document) == spec(loop("r", function("p"), **{"while": "true"}))


def test_a_text_that_looks_like_a_loops_value_is_a_text_where_there_is_no_loop() -> None:
    nodes = (function("a"), function("b", inputs={"x": "b.outputs of it", "y": "loop.previous"}))
    check_spec(spec(*nodes, edges="a>b"), prompts={}, tools=(), functions={"echo"})


@pytest.mark.parametrize(
    ("step_id", "found"),
    [
        ("r~2/draft", ("r", 2, "draft")),
        ("r~1000/a-b", ("r", 1000, "a-b")),
        ("r~0/draft", None),
        ("r~2/ask/turn-1", None),
        ("r~2", None),
        ("draft", None),
        ("m[3]", None),
    ],
)
def test_the_ids_of_steps_inside_are_known(step_id: str, found: tuple[str, int, str] | None) -> None:
    assert iteration_step(step_id) == found


def test_the_output_is_that_of_the_named_node_or_of_the_only_last_one() -> None:
    for node, expected in ((good(), "q"), (good(output="p.output"), "p"), (good(edges=[]), None)):
        (known,) = spec(node).dag.nodes
        assert isinstance(known, LoopNode)
        assert output_node(known.config) == expected
