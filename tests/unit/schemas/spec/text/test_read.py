"""Reading workflow documents: only what survives as JSON gets in."""

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.text.read import MAX_DOCUMENT_CHARS, read_document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\nwhen: 2024-01-02\n", {"name": "x", "when": "2024-01-02"}),
        ('{"a": [1, 2.5, null, true], "b": "é"}', {"a": [1, 2.5, None, True], "b": "é"}),
        ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
        ('\n\t{"a":\t1}', {"a": 1}),
        ("a: -9223372036854775808\nb: 9223372036854775807", {"a": -(2**63), "b": 2**63 - 1}),
        ("a: [no, yes, On, off, y]", {"a": ["no", "yes", "On", "off", "y"]}),
        ("a: [true, False, TRUE, ~, null, Null]", {"a": [True, False, True, None, None, None]}),
        ("a: [010, 0o10, 0x1F, +5, -3]", {"a": [10, 8, 31, 5, -3]}),
        ("a: [1_000, 1:30, 0b11, =]", {"a": ["1_000", "1:30", "0b11", "="]}),
        ("a: [1e3, .5, 2., -1.5E-1]", {"a": [1000.0, 0.5, 2.0, -0.15]}),
        ("yes: 1\n<<: {no: 2}\nb:", {"yes": 1, "<<": {"no": 2}, "b": None}),
    ],
)
def test_yaml_and_json(text, expected):
    assert read_document(text) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "the document is empty"),
        ("- a", "the document is a list"),
        ("just text", "the document is a text"),
        ("a: 1\nb: 2\na: 3", "the key 'a' occurs twice in one mapping .line 3."),
        ("x:\n  a: 1\n  a: 2", "occurs twice"),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice in one object"),
        ("a: &x [1]\nb: *x", "line 2 has an alias"),
        ("a: [1", "not YAML at line"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("a: !!binary aGk=", "a: a bytes is not a JSON value"),
        ("a: .nan", "a: nan is not a JSON value"),
        ("a: [1, .inf]", r"a\[1\]: inf is not a JSON value"),
        ("a: 123456789012345678901234567890", "over 64 bits"),
        ("true: 1", 'the key true is not text; write it in quotes, such as "true"'),
        ("a: 9223372036854775808", "a: it is an integer of over 64 bits"),
        ("a: -9223372036854775809", "over 64 bits"),
        ('{"a": 18446744073709551615}', "over 64 bits"),
        ('a: "x\\0"', "a: the text has the character U.0000"),
        ('"k\\0": 1', "the key 'k.u0000' has the character U.0000"),
        ("a: 1e400", "a: inf is not a JSON value"),
        ('{"a": 1e400}', "a: inf is not a JSON value"),
        ("a: !!int 1_0", "without underscores"),
        ("a: {1: x}", "the key 1 is not text"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("a: " + "[" * 5000 + "]" * 5000, "line 1: the document is nested deeper"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
        ("a" * (MAX_DOCUMENT_CHARS + 1), "the most is"),
        (["a"], "the document is a list"),
        ({"a": {1, 2}}, "a set is not a JSON value"),
        ("a: 0000-99-99T99:99:99Z\nb: \x00", "not YAML"),
        ('{"a": 1,\n "b" 2}', "not JSON at line 2: Expecting ':' delimiter"),
        ("name: x version: 1", "keep its lines: curl sends them with --data-binary"),
    ],
)
def test_refused(source, message):
    with pytest.raises(InvalidSpec, match=message) as caught:
        read_document(source)
    assert all(problem.fix for problem in caught.value.problems)
