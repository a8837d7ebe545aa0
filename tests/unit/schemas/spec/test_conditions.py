"""Conditions: what they may say, what they see, and that nothing that they see makes them raise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.spec.conditions import MAX_CHARS, BadCondition, compile_condition

INPUTS = {"x": 1, "half": 0.5, "s": "a", "none": None, "list": [1, {"a": 2}], "yes": True, "big": 2**64 - 1}
TEXT = {"classify": {"type": "text", "score": 1}}
NOBODY = {"classify": None}


@pytest.mark.parametrize(
    ("text", "outputs", "holds"),
    [
        ("classify.output.type == 'text'", TEXT, True),
        ("classify.output.type == 'image'", TEXT, False),
        ("classify.output.score < 1.5", TEXT, True),  # int against double
        ("classify.output.score >= 0.8", TEXT, True),
        ("inputs.half < 1", TEXT, True),
        ("inputs.x == 1.0", TEXT, True),
        ("inputs.big > 1", TEXT, True),
        ("inputs.none == null", TEXT, True),
        ("classify.output == null", TEXT, False),
        ("classify.output == null", NOBODY, True),
        ("classify.output == null || classify.output.type == 'text'", NOBODY, True),
        ("has(inputs.nope)", TEXT, False),
        ("has(inputs.nope) && inputs.nope == 1", TEXT, False),
        ("has(classify.output.type)", TEXT, True),
        ("'b' in ['a', 'b']", TEXT, True),
        ("1 in inputs.list", TEXT, True),
        ("size(inputs.list) == 2 && inputs.list[1].a == 2", TEXT, True),
        ("inputs['x'] == 1 && size(inputs) == 7", TEXT, True),
        ("inputs.s.startsWith('a') && inputs.s.contains('a')", TEXT, True),
        ("inputs.yes", TEXT, True),
        ("!inputs.yes", TEXT, False),
        ("inputs.yes ? classify . output.score == 1 : false", TEXT, True),
        ("inputs.s == 1", TEXT, False),
    ],
)
def test_what_holds(text, outputs, holds):
    answer = compile_condition(text, ["classify", "other"]).evaluate(INPUTS, outputs)
    assert (answer.holds, answer.note) == (holds, None)


@pytest.mark.parametrize(
    ("text", "outputs", "why"),
    [
        ("classify.output.kind == 'text'", TEXT, 'Key not found in map : "kind"'),
        ("inputs.nope == 1", TEXT, 'Key not found in map : "nope"'),
        ("classify.output.type == 'text'", NOBODY, "SELECT"),
        ("inputs.s < 1", TEXT, "No matching overloads found"),
        ("inputs.list[7] == 1", TEXT, "Index error"),
        ("1 / 0 == 1", TEXT, "divide by zero"),
        ("inputs.s", TEXT, "gives a value of type STRING, not true or false"),
        ("inputs.none", TEXT, "gives a value of type NULL"),
    ],
)
def test_what_cannot_be_decided_is_false_and_says_why(text, outputs, why):
    answer = compile_condition(text, ["classify"]).evaluate(INPUTS, outputs)
    assert not answer.holds
    assert answer.note is not None
    assert answer.note.startswith("it cannot be decided, so it is false: ")
    assert why in answer.note


def test_an_or_looks_past_what_is_missing():
    assert compile_condition("inputs.nope == 1 || inputs.x == 1", []).evaluate(INPUTS, {}).holds


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("nope.output == 1", "it names 'nope.output', which is unknown", "known are inputs, classify.output"),
        ("classify == 1", "it names 'classify', which is unknown", "known are inputs, classify.output"),
        ("classify.result == 1", "it names 'classify.result', which is unknown", "known are"),
        ("my-node.output == 1", "it names 'my', which is unknown", "'-' cannot be named, since that is a minus"),
        ("a b", "not a CEL expression at character 3: Syntax error", "write it like"),
        ("", "not a CEL expression at character 1", "write it like"),
        ("for.output == 1", "reserved identifier: for", "write it like"),
        ("1 + 1", "it gives a value of type INT, not true or false", "compare it with something"),
        ("'a' < 1", "found no matching overload", "write it like"),
        ("inputs.list.exists(x, x == 1)", "`exists` is not available here", "let a function decide"),
        ("inputs.list.all(x, inputs.list.all(y, x == y))", "`all` is not available here", "let a function decide"),
        ("inputs.list.map(x, x * 2) == []", "`map` is not available here", "let a function decide"),
        ("inputs.s.matches('(a*)*b')", "`matches` is not available here", "let a function decide"),
        ("(" * 100 + "true" + ")" * 100, "recursion limit", "write it like"),
        ("inputs.x == 1 " + "|| true " * 100, f"the maximum is {MAX_CHARS}", "let a function decide"),
    ],
)
def test_what_is_refused(text, message, fix):
    with pytest.raises(BadCondition) as caught:
        compile_condition(text, ["classify", "my-node"])
    assert message in str(caught.value)
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("text", "nodes", "inputs"),
    [
        ("a.output == 1", ("a",), set()),
        ("b . output.a == 1 && inputs.x == inputs . y.z", ("a", "b"), {"x", "y"}),
        ("inputs['x'] == 1", (), None),
        ("inputs.x == size(inputs)", (), None),
        ("inputs == {}", (), None),
        ("inputs // .x\n == {}", (), None),
    ],
)
def test_what_may_be_read_is_known_beforehand(text, nodes, inputs):
    condition = compile_condition(text, ["a", "b", "c", "inputs"])
    assert condition.nodes == nodes
    assert condition.inputs == (None if inputs is None else frozenset(inputs))


def test_two_of_one_text_are_equal():
    assert compile_condition("inputs.x == 1", []) == compile_condition("inputs.x == 1", [])
    assert compile_condition("inputs.x == 1", []) != compile_condition("inputs.x == 2", [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=8,
)
TEXTS = [
    "a.output.x == inputs.x",
    "a.output < inputs.x",
    "a.output[0] in inputs.x",
    "size(a.output) > inputs.x",
    "a.output ? inputs.x : a.output.x",
    "string(a.output) == inputs.x",
    "double(a.output) / inputs.x > 1.0",
    "timestamp(a.output) < timestamp(inputs.x)",
    "a.output[inputs.x] != -a.output",
]


@settings(max_examples=300)
@given(text=st.sampled_from(TEXTS), output=JSON, x=JSON)
def test_no_value_makes_it_raise(text, output, x):
    answer = compile_condition(text, ["a"]).evaluate({"x": x}, {"a": output})
    assert answer.holds in (True, False)
    assert answer == compile_condition(text, ["a"]).evaluate({"x": x}, {"a": output})


@pytest.mark.parametrize(
    "inputs",
    [{"role": "admin\0guest"}, {"role": {"k\0": 1}}, {"role": ["admin", "x\0"]}, {"role": "\ud800"}, {"role": 2**64}],
)
def test_a_text_that_cel_would_cut_decides_nothing(inputs):
    answer = compile_condition("inputs.role == 'admin'", ()).evaluate(inputs, {})
    assert not answer.holds
    assert "cannot be decided" in (answer.note or "")


def test_an_escaped_backslash_before_u0000_is_no_nul():
    answer = compile_condition("inputs.role == 'a'", ()).evaluate({"role": "\\u0000"}, {})
    assert (answer.holds, answer.note) == (False, None)
