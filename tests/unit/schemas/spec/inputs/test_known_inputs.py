"""The inputs that a workflow reads, and those that submissions must give."""

from typing import Any

import pytest

from schemas.spec.check.shape import MAX_NAMED
from schemas.spec.hash import resolve
from schemas.spec.inputs.known_inputs import any_arguments, given_problems, known_inputs, unknown_input_problems
from schemas.spec.inputs.required_inputs import needed_of, required_of
from schemas.spec.model import ResolvedSpec, WorkflowSpec
from tests.support.families import family, flow, runs
from tests.support.runs import function, llm, prompt, spec, wait

TAKES = {"echo": None, "add": frozenset({"x", "y"}), "fetch": frozenset({"key", "bucket"})}


def arguments(_kind: str, name: str) -> frozenset[str] | None:
    return TAKES.get(name)


PROMPTS = {ref: prompt("Say {{word}}") for ref in ("ask@1", "ask", "ask@production")}
PROMPTS["greet@1"] = prompt("{{#title}}{{title}} {{/title}}{{name}}", "greet")


def resolved(*nodes: dict[str, Any], edges: str = "", **document: Any) -> ResolvedSpec:
    written = spec(*nodes, edges=edges).model_dump(mode="json", by_alias=True) | document
    return resolve(WorkflowSpec.model_validate(written), PROMPTS)


@pytest.mark.parametrize(
    ("nodes", "edges", "known"),
    [
        ([llm("a")], "", {"word"}),
        ([llm("a", inputs={"word": "{{w.deep}}"})], "", {"w"}),
        ([llm("a", "greet@1")], "", {"name", "title"}),
        ([llm("a", "ask")], "", None),
        ([llm("a", "ask@production")], "", None),
        ([llm("a", "ask", inputs={"word": 1})], "", set()),
        ([function("a", function_name="add")], "", {"x", "y"}),
        ([function("a", function_name="add", function_args={"x": "{{n}}"})], "", {"y", "n"}),
        ([function("a", function_name="add", inputs={"x": 1})], "", set()),
        ([function("a", function_name="echo")], "", None),
        ([function("a", function_name="elsewhere")], "", None),
        ([function("a", function_name="echo", inputs={})], "", set()),
        ([wait("a", 1), function("b", function_name="echo")], "a>b", set()),
        ([function("a", function_name="add", condition="has(inputs.z) && inputs.v > 1")], "", {"x", "y", "z", "v"}),
        ([function("a", function_name="add", condition="inputs == {}")], "", None),
        ([function("a", function_name="add", parallel=True, items="{{rows}}")], "", {"x", "y", "rows"}),
    ],
)
def test_known_inputs(nodes: list[dict[str, Any]], edges: str, known: set[str] | None) -> None:
    assert known_inputs(resolved(*nodes, edges=edges), arguments) == known


def test_a_workflow_may_allow_unknown_inputs() -> None:
    assert known_inputs(resolved(llm("a"), allow_unknown_inputs=True), arguments) is None


def test_a_workflow_that_allows_nothing_keeps_its_hash() -> None:
    assert resolved(llm("a"), allow_unknown_inputs=False).hash == resolved(llm("a")).hash
    assert resolved(llm("a"), allow_unknown_inputs=True).hash != resolved(llm("a")).hash


def test_an_unknown_input_has_the_nearest_known_one() -> None:
    (problem,) = unknown_input_problems(frozenset({"document_key", "language"}), ["documentkey", "language"], "flow")
    assert problem.path == "inputs.documentkey"
    assert problem.fix.startswith("did you mean 'document_key'?; otherwise remove it")
    assert unknown_input_problems(None, ["anything"], "flow") == []


def test_of_many_unknown_inputs_the_first_are_named() -> None:
    names = [f"name_{n}" for n in range(100_000)]
    assert len(unknown_input_problems(frozenset({"name"}), names, "flow")) == MAX_NAMED


def test_an_input_that_only_a_condition_reads_is_needed_and_the_fold_does_not_ask_for_it() -> None:
    found = resolved(function("a", condition="inputs.n > 1"), function("b", condition="has(inputs.m) && inputs.m > 1"))
    assert (needed_of(found), required_of(found)) == ({"n"}, frozenset())


def test_a_child_that_gets_the_runs_inputs_makes_them_known() -> None:
    below = flow("b", function("f", function_name="add", function_args={"x": "{{text}}"}, condition="inputs.n > 1"))
    whole = resolve(flow("a", runs("r", "b")), {}, family(below))
    assert needed_of(whole) == {"text", "n"}
    assert known_inputs(whole, arguments) == {"text", "n", "y"}
    assert known_inputs(whole, any_arguments) is None


def test_an_input_that_a_child_does_not_read_is_a_problem_of_its_parent() -> None:
    below = flow("b", function("f", function_name="add", inputs={"x": "{{text}}"}))
    whole = resolve(flow("a", runs("r", "b", inputs={"text": 1, "txt": 2})), {}, family(below))
    (problem,) = given_problems(whole, arguments)
    assert (problem.path, problem.fix[:20]) == ("dag.nodes[0].config.inputs.txt", "did you mean 'text'?")
