"""Workflows whose runs must have a data subject: what registration refuses of them, and where."""

from typing import Any

import pytest

from schemas.errors import InvalidSpec
from schemas.privacy.sealed_workflows import refused_of, requires_subject, subject_problems
from schemas.spec.check.workflow import check_spec
from schemas.spec.model import ResolvedSpec, WorkflowSpec
from tests.support.runs import function, loop, resolved, switch

BOTH = "a.output == inputs.y"


def personal(*nodes: dict[str, Any], edges: str = "", **head: Any) -> ResolvedSpec:
    """A workflow with ``subject: required``, unless ``head`` says something else."""
    made = resolved(*nodes, edges=edges)
    document = made.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"subject": "required"} | head
    return made.model_copy(update={"spec": WorkflowSpec.model_validate(document)})


@pytest.mark.parametrize(
    ("nodes", "edges", "path"),
    [
        (
            (function("a"), function("b"), function("c", condition="a.output == b.output")),
            "a>c b>c",
            "dag.nodes[2].config.condition",
        ),
        (
            (function("a"), switch("s", ("a.output == inputs.y", "c")), function("c")),
            "a>s s>c",
            "dag.nodes[1].config.cases[0].when",
        ),
        ((function("a", inputs={"x": "Dear {{name}}!"}),), "", "dag.nodes[0].config.inputs.x"),
        (({"id": "w", "type": "wait", "config": {"until": "{{then}}"}},), "", "dag.nodes[0].config.until"),
        (
            (function("a", parallel=True, items=[1]), function("b", parallel=True, items="a.output[0].x")),
            "a>b",
            "dag.nodes[1].config.items",
        ),
        (
            (
                function("z"),
                loop(
                    "r",
                    function("a"),
                    function("b", condition="a.output == inputs.y"),
                    edges="a>b",
                    until="loop.output.ok",
                ),
            ),
            "z>r",
            "dag.nodes[1].config.body[1].config.condition",
        ),
    ],
)
def test_what_cannot_be_sealed_is_named_with_its_path(nodes: tuple[dict[str, Any], ...], edges: str, path: str) -> None:
    (problem,) = subject_problems(personal(*nodes, edges=edges))
    assert problem.path == path
    assert problem.fix
    assert str(problem) != problem.path


def test_the_same_workflow_without_the_demand_is_no_problem() -> None:
    nodes = (function("a"), function("b", condition="a.output == inputs.y"))
    assert not list(subject_problems(resolved(*nodes, edges="a>b")))
    assert len(refused_of(resolved(*nodes, edges="a>b"))) == 1


def test_registration_refuses_it() -> None:
    spec = personal(function("a"), function("b", condition="a.output == inputs.y"), edges="a>b").spec
    with pytest.raises(
        InvalidSpec, match=r"dag\.nodes\[1\]\.config\.condition: the condition .* inputs together"
    ) as caught:
        check_spec(spec, prompts={}, tools=[], functions=["echo"])
    assert "let one function read all of it" in caught.value.problems[0].fix
    fine = personal(function("a"), function("b", condition="a.output.ok"), edges="a>b").spec
    assert check_spec(fine, prompts={}, tools=[], functions=["echo"]).spec == fine


def test_an_output_schema_is_named() -> None:
    (problem,) = subject_problems(personal(function("a"), output_schema={"type": "object"}))
    assert problem.path == "output_schema"


def test_a_workflow_that_starts_one_needs_a_subject_too() -> None:
    child, whole = personal(function("a")), resolved(function("a"))
    both = whole.model_copy(update={"children": {"child@1": child}})
    assert requires_subject(both) == "child@1"
    (problem,) = subject_problems(both)
    assert (problem.path, problem.fix) == ("subject", "write subject: required")
    assert requires_subject(whole) is None
    assert requires_subject(child) == "flow"
