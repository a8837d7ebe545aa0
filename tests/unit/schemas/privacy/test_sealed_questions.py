"""What rules ask of sealed values, who answers, and what is refused."""

from typing import Any

import pytest

from schemas.privacy.sealed_questions import questions_of, wants_by_node
from schemas.privacy.sealed_workflows import refused_of
from schemas.privacy.wants import Want
from schemas.spec.model import WorkflowSpec
from tests.support.runs import function, loop, resolved, signal, spec, switch


def asked(*nodes: dict[str, Any], edges: str = "") -> WorkflowSpec:
    return spec(*nodes, edges=edges)


def test_a_condition_over_one_output_is_answered_by_its_node() -> None:
    found = asked(function("a"), function("b", condition="a.output.score > 5"), edges="a>b")
    assert wants_by_node(found) == {"a": (Want(text="a.output.score > 5", source="a"),)}
    assert questions_of(found).refused == []


def test_words_in_a_text_are_no_sources() -> None:
    found = asked(function("a"), function("b"), function("c", condition="a.output == 'b.output'"), edges="a>c b>c")
    assert list(wants_by_node(found)) == ["a"]


def test_a_condition_over_inputs_is_answered_at_the_door() -> None:
    found = questions_of(asked(function("a", condition="inputs.x > inputs.y")))
    assert [one.inputs for one in found.conditions] == [frozenset({"x", "y"})]
    assert (found.wants, found.refused) == ({}, [])


def test_a_condition_over_a_switch_needs_nobody() -> None:
    found = asked(switch("s", ("inputs.x == 1", "a")), function("a", condition="s.output.case == 0"), edges="s>a")
    assert wants_by_node(found) == {}
    assert questions_of(found).refused == []


def test_a_loop_is_answered_by_the_node_that_gives_its_output() -> None:
    looped = loop("r", function("draft"), function("judge"), edges="draft>judge", until="loop.output.ok")
    found = asked(looped, function("after", condition="r.output.ok"), edges="r>after")
    assert wants_by_node(found) == {
        "judge": (Want(text="loop.output.ok", source="loop.output"), Want(text="r.output.ok", source="r"))
    }


def test_a_signal_is_answered_at_its_door() -> None:
    found = questions_of(asked(signal("s", "answer"), function("a", condition="s.output.yes"), edges="s>a"))
    assert found.signals == {"answer": [Want(text="s.output.yes", source="s")]}


def test_the_length_of_a_part_is_asked() -> None:
    found = asked(function("a"), function("b", parallel=True, items="a.output.parts"), edges="a>b")
    assert wants_by_node(found) == {"a": (Want(path=["parts"]),)}
    of_inputs = questions_of(asked(function("b", parallel=True, items="{{docs.list}}")))
    assert of_inputs.lengths == [("docs", ("list",))]


@pytest.mark.parametrize(
    ("nodes", "edges", "said"),
    [
        ((function("a"), function("b", condition="a.output.x == inputs.y")), "a>b", "inputs together with outputs"),
        ((function("a"), function("b"), function("c", condition="a.output == b.output")), "a>c b>c", "several values"),
        (
            (function("a", parallel=True, items=[1]), function("b", condition="size(a.output) > 1")),
            "a>b",
            "sealed one by one",
        ),
        ((function("a", inputs={"x": "Dear {{name}}!"}),), "", "inside of a text"),
        (({"id": "w", "type": "wait", "config": {"until": "{{then}}"}},), "", "a time that is sealed"),
        (
            (function("a", parallel=True, items=[1]), function("b", parallel=True, items="a.output[0].x")),
            "a>b",
            "whose length nobody can say",
        ),
    ],
)
def test_what_has_no_place_to_be_answered_is_refused(nodes: tuple[dict[str, Any], ...], edges: str, said: str) -> None:
    refused = refused_of(resolved(*nodes, edges=edges))
    assert len(refused) == 1
    assert said in refused[0]
