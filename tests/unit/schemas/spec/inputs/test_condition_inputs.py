"""The inputs that conditions read."""

import pytest

from schemas.spec.inputs.condition_inputs import inputs_of_conditions
from tests.support.runs import function, spec, switch


@pytest.mark.parametrize(
    ("condition", "named", "asked", "whole"),
    [
        ("inputs.x > 3 && inputs . y == 'inputs.z'", {"x", "y"}, set(), False),
        ("has(inputs.x) && inputs.x > 3", {"x"}, {"x"}, False),
        ("has(inputs.x.y)", {"x"}, set(), False),
        ("inputs['x'] == 1", {"x"}, set(), False),
        ("'x' in inputs && inputs['x'] == 1", {"x"}, {"x"}, False),
        ("inputs == {}", set(), set(), True),
        ("inputs[a.output] == 1", set(), set(), True),
        ("a.output.inputs.x == 1", set(), set(), False),
        (r"a.output == 'it\'s inputs.x'", set(), set(), False),
        ("a.output == '''inputs.x''' || a.output == r\"inputs.y\"", set(), set(), False),
        ("true", set(), set(), False),
    ],
)
def test_a_condition_reads_inputs(condition: str, named: set[str], asked: set[str], whole: bool) -> None:
    read = inputs_of_conditions(spec(function("a"), function("b", condition=condition), edges="a>b").dag.nodes)
    assert (read.named, read.asked, read.whole) == (named, asked, whole)


def test_a_question_in_one_condition_counts_for_all() -> None:
    nodes = spec(
        switch("s", ("!has(inputs.x)", "b"), ("inputs.x > inputs.y", "b")), function("b"), edges="s>b"
    ).dag.nodes
    assert inputs_of_conditions(nodes).needed == {"y"}
