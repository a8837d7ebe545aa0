"""Workflows that run others: what is refused on registration, what is pinned, and what the hash covers."""

from typing import Any

import pytest

from schemas.errors import BadRecord, InvalidSpec, TooLarge
from schemas.spec.check.workflow import check_spec, parse_workflow
from schemas.spec.hash import is_whole, resolve
from schemas.spec.inputs.required_inputs import required_of
from schemas.spec.model import ResolvedSpec
from schemas.spec.nested import MAX_DEPTH, MAX_MEMBERS, child_spec
from services.workflows.resolver import make_plan
from streams.core.runs.plan.compile import compile_plan
from tests.support.families import PROMPTS, family, flow, runs, whole
from tests.support.runs import function, llm


def problems(spec: Any, *others: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        check_spec(spec, prompts=PROMPTS, tools=(), functions=("echo",), family=family(*others))
    return str(caught.value)


def checked(spec: Any, *others: Any) -> Any:
    return check_spec(spec, prompts=PROMPTS, tools=(), functions=("echo",), family=family(*others))


def chain(length: int) -> list[Any]:
    """Workflows ``w1`` to ``w<length>``, each of which runs the next one."""
    last = flow(f"w{length}", function("f"))
    return [*(flow(f"w{n}", runs("a", f"w{n + 1}")) for n in range(1, length)), last]


def test_a_workflow_that_is_not_there_is_refused() -> None:
    said = problems(flow("a", runs("x", "summaries")), flow("summary", function("f")))
    assert "dag.nodes[0].config.workflow: there is no workflow 'summaries'; did you mean 'summary'" in said
    assert "version 3; register it first" in problems(
        flow("a", runs("x", "b", version=3)), flow("b", function("f"), version=2)
    )


def test_a_workflow_that_reaches_itself_is_refused_with_the_way_round() -> None:
    assert "'a' would run itself: a -> a" in problems(flow("a", runs("x", "a")))
    round_ = (flow("b", runs("x", "c")), flow("c", runs("x", "a")))
    assert "'a' would run itself: a -> b -> c -> a" in problems(flow("a", runs("x", "b")), *round_)
    others = (flow("b", runs("x", "c")), flow("c", runs("x", "b")))
    assert "'b' would run itself: b -> c -> b" in problems(flow("a", runs("x", "b")), *others)


def test_another_version_of_itself_is_itself() -> None:
    old = flow("a", function("f"), version=1)
    assert "'a' would run itself" in problems(flow("a", runs("x", "a", version=1), version=2), old)


def test_workflows_are_in_one_another_only_so_deep() -> None:
    checked(*chain(MAX_DEPTH))
    assert f"nested {MAX_DEPTH + 1} deep" in problems(*chain(MAX_DEPTH + 1))


def test_only_so_many_workflows_are_reached() -> None:
    others = [flow(f"w{n}", function("f")) for n in range(MAX_MEMBERS + 1)]
    nodes = [runs(f"n{n}", other.name) for n, other in enumerate(others)]
    assert "more than 100 workflows" in problems(flow("a", *nodes), *others)


def test_what_a_workflow_needs_is_told_where_it_is_not_given() -> None:
    other = flow("b", function("f", inputs={"v": "{{text}}"}))
    assert "needs the input 'text', which 'x' does not give; add `text` to `inputs`; given are item, y" in problems(
        flow("a", runs("x", "b", inputs={"y": 1, "item": 2})), other
    )
    assert "given are n" in problems(flow("a", function("n"), runs("x", "b"), edges="n>x"), other)
    checked(flow("a", function("text"), runs("x", "b"), edges="text>x"), other)


def test_what_a_root_passes_on_is_required_of_the_submission() -> None:
    inner = flow("c", llm("f"))
    middle = flow("b", runs("m", "c"))
    assert checked(flow("a", runs("x", "b")), middle, inner).required_inputs == {"word"}
    item = flow("c", function("f", inputs={"v": "{{item}}"}))
    assert checked(flow("a", runs("x", "c", parallel=True, items="{{list}}")), item).required_inputs == {"list"}


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (runs("x", "b", {"timeout_ms": 5}, detach=True), "a detached run is not waited for"),
        (runs("x", "b", version=0), "greater than or equal to 1"),
        (runs("x", "b", queue="gpu"), "unknown"),
        (runs("x", "b", wait=True), "the field `wait` is unknown"),
        (runs("x", "b", {"on_unknown": "reconcile"}), "cannot be reconciled"),
    ],
)
def test_what_makes_no_sense_is_refused(node: Any, said: str) -> None:
    if "queue" in node["config"]:
        node["queue"] = node["config"].pop("queue")
    document = {"name": "a", "version": 1, "dag": {"nodes": [node]}}
    with pytest.raises(InvalidSpec, match=said):
        check_spec(
            parse_workflow(document),
            prompts={},
            tools=(),
            functions=("echo",),
            family=family(flow("b", function("f"))),
        )


def test_a_run_of_another_workflow_does_not_compensate() -> None:
    dag = {"on_failure": ["x"]}
    assert "of type workflow" in problems(flow("a", function("f"), runs("x", "b"), **dag), flow("b", function("f")))


def test_everything_that_is_reached_is_pinned() -> None:
    old, new = flow("c", function("f")), flow("c", llm("f", inputs={"word": 1}), version=2)
    found = whole(flow("a", runs("x", "b"), runs("y", "c", version=1)), flow("b", runs("m", "c")), old, new)
    assert sorted(found.children) == ["b@1", "c@1", "c@2"]
    assert found.pins == {"b": 1}
    assert found.children["b@1"].pins == {"c": 2}
    assert sorted(found.children["c@2"].prompts) == ["ask@1"]
    assert sorted(child_spec(found, "b@1").children) == ["c@2"]


def test_a_child_is_as_it_would_be_by_itself() -> None:
    inner, middle = flow("c", llm("f")), flow("b", runs("m", "c"))
    found = whole(flow("a", runs("x", "b")), middle, inner)
    assert child_spec(found, "b@1") == whole(middle, inner)
    assert child_spec(found, "c@1") == resolve(inner, PROMPTS)


def test_the_hash_covers_what_is_reached() -> None:
    spec = flow("a", runs("x", "b"))
    middle = flow("b", runs("m", "c"))
    one, two = (whole(spec, middle, flow("c", function("f", inputs={"v": n}))) for n in (1, 2))
    assert one.hash != two.hash


def test_it_survives_being_written() -> None:
    found = whole(flow("a", runs("x", "b")), flow("b", function("f")))
    again = ResolvedSpec.model_validate_json(found.model_dump_json(by_alias=True))
    assert again == found
    assert is_whole(again)


def test_what_was_changed_on_the_way_is_found() -> None:
    found = whole(flow("a", runs("x", "b")), flow("b", function("f")))
    other = resolve(flow("b", function("g")), {})
    assert not is_whole(found.model_copy(update={"children": {"b@1": other}}))
    assert not is_whole(found.model_copy(update={"children": {}}))
    assert not is_whole(found.model_copy(update={"pins": {}}))
    assert not is_whole(found.model_copy(update={"children": {"b@1": found}}))
    with pytest.raises(BadRecord, match="not pinned"):
        compile_plan(found.model_copy(update={"pins": {}}))


def test_all_of_it_together_must_fit_a_record() -> None:
    others = [flow(f"w{n}", function("f", inputs={"v": "x" * 100_000})) for n in range(8)]
    nodes = [runs(f"n{n}", other.name) for n, other in enumerate(others)]
    with pytest.raises(TooLarge, match="the workflows that it runs have"):
        make_plan(flow("a", *nodes), {}, family(*others))


def test_the_inputs_of_a_plan_are_those_of_its_children_too() -> None:
    found = make_plan(flow("a", runs("x", "b")), {}, family(flow("b", function("f", inputs={"v": "{{text}}"}))))
    assert found.required == {"text"} == required_of(found.resolved)
