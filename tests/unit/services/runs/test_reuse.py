"""Which results of a run another one begins with: loops with the outputs of all of their iterations."""

from dataclasses import fields
from typing import Any

import pytest

from connectors.postgres.history.runs import StoredStep
from schemas.errors import InvalidInput
from schemas.payload import inline
from schemas.records.run_events import Reused
from services.runs.restart import _check_node
from services.runs.reuse import reusable
from tests.support.runs import function, loop, resolved

SPEC = resolved(
    function("a"),
    loop("r", function("draft"), function("judge"), edges="draft>judge", until="loop.iteration == 2"),
    function("z"),
    edges="a>r r>z",
)


def step(step_id: str, node_id: str, status: Any = "succeeded", value: Any = None, **more: Any) -> StoredStep:
    """A step as history has it."""
    empty = {field.name: None for field in fields(StoredStep)}
    output = {"kind": "inline", "value": value} if status == "succeeded" else None
    return StoredStep(**empty | {"step_id": step_id, "node_id": node_id, "status": status, "output": output} | more)


def recorded(*, first: Any = "succeeded", second: Any = "succeeded") -> list[StoredStep]:
    """The steps of a run whose last node failed."""
    return [
        *(step("a", "a", value=0), step("r", "r", value=2), step("z", "z", "failed")),
        *(step("r~1/draft", "draft", value="d"), step("r~2/draft", "draft", value="d")),
        *(step("r~2/judge", "judge", second, value=2), step("r~1/judge", "judge", first, value=1)),
    ]


def test_a_loop_is_reused_with_the_outputs_of_its_iterations_in_order() -> None:
    assert reusable(SPEC.spec, recorded()) == {
        "a": Reused(output=inline(0)),
        "r": Reused(output=inline(2), children=[inline(1), inline(2)]),
    }


def test_an_iteration_whose_node_was_skipped_gave_null() -> None:
    assert reusable(SPEC.spec, recorded(first="skipped"))["r"].children == [inline(None), inline(2)]


def test_a_loop_without_all_of_its_outputs_is_done_again() -> None:
    steps = [one for one in recorded() if one.step_id != "r~1/judge"]
    assert reusable(SPEC.spec, steps).keys() == {"a"}


def test_a_loop_that_failed_is_done_again() -> None:
    steps = [step("r", "r", "failed") if one.step_id == "r" else one for one in recorded()]
    assert reusable(SPEC.spec, steps).keys() == {"a"}


def test_a_restart_inside_of_a_loop_names_the_loop() -> None:
    with pytest.raises(InvalidInput, match="'draft' is inside of the loop 'r'; take 'r'"):
        _check_node(SPEC, "draft")
    with pytest.raises(InvalidInput, match="there is no node 'q'"):
        _check_node(SPEC, "q")
    _check_node(SPEC, "r")
