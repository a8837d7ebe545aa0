"""Reading workflow documents: only what survives as JSON gets in."""

import pytest

from schemas.errors import InvalidSpec
from schemas.spec.read import MAX_DOCUMENT_CHARS, read_document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\nwhen: 2024-01-02\n", {"name": "x", "when": "2024-01-02"}),
        ('{"a": [1, 2.5, null, true], "b": "é"}', {"a": [1, 2.5, None, True], "b": "é"}),
        ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
        ('\n\t{"a":\t1}', {"a": 1}),
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
        ("a: !!binary aGk=", "a: a binary value is not a JSON value"),
        ("a: .nan", "a: nan is not a JSON value"),
        ("a: [1, .inf]", r"a\[1\]: inf is not a JSON value"),
        ("a: 123456789012345678901234567890", "over 64 bits"),
        ("yes: 1", 'the key true is not text; write it in quotes, such as "yes": YAML reads yes, no, on'),
        ("a: {1: x}", "the key 1 is not text"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
        ("a" * (MAX_DOCUMENT_CHARS + 1), "the most is"),
        (["a"], "the document is a list"),
        ({"a": {1, 2}}, "a set is not a JSON value"),
        ("a: 0000-99-99T99:99:99Z\nb: \x00", "not YAML"),
    ],
)
def test_refused(source, message):
    with pytest.raises(InvalidSpec, match=message) as caught:
        read_document(source)
    assert all(problem.fix for problem in caught.value.problems)
