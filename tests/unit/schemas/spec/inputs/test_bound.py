"""The values that a node binds, and the texts among them that are literals."""

from schemas.spec.inputs.bound import has_literal, literal_of, texts
from schemas.spec.model import FunctionNode
from schemas.spec.rules_version import FIRST, LITERALS, rules_of
from tests.support.runs import function, spec


def node(**config: object) -> FunctionNode:
    found = spec(function("a", **config)).dag.nodes[0]
    assert isinstance(found, FunctionNode)
    return found


def test_only_an_object_with_one_text_is_a_literal() -> None:
    assert literal_of({"literal": "a.output"}) == "a.output"
    for value in ({"literal": 1}, {"literal": "x", "more": 1}, {"other": "x"}, "literal", ["literal"], None):
        assert literal_of(value) is None


def test_texts_are_found_at_any_depth_and_literals_are_not() -> None:
    found = node(inputs={"x": [{"y": "{{z}}"}, {"literal": "{{w}}"}], "literal": "{{v}}"}, function_args={"s": "t"})
    assert dict(texts(found)) == {".inputs.x[0].y": "{{z}}", ".inputs.literal": "{{v}}", ".function_args.s": "t"}


def test_a_workflow_with_a_literal_needs_the_rules_that_know_it() -> None:
    with_one = function("a", inputs={"x": {"deep": [{"literal": "a.output"}]}})
    assert has_literal(node(inputs={"x": {"deep": [{"literal": "a.output"}]}}))
    assert rules_of(spec(with_one)) == LITERALS
    assert rules_of(spec(function("a", inputs={"literal": "x"}))) == FIRST
