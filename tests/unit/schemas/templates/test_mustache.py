"""The `mustache` dialect: the specification's suites, and what it refuses."""

import pytest

from bench.prompts import mustache_suites
from schemas.templates import TemplateError, parse
from tests.support.suites import suites


@pytest.mark.parametrize("name", mustache_suites.SUITES)
def test_suite_of_the_specification_passes_as_a_whole(name):
    found = dict(mustache_suites.outcomes(suites() / "mustache", name))
    assert {case: fault for case, fault in found.items() if fault} == {}
    assert len(found) > 10


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("a\n {{name", 2, 2, "not closed"),
        ("{{{name}}", 1, 1, "not closed"),
        ("{{}}", 1, 1, "no name"),
        ("{{my name}}", 1, 1, "is no name"),
        ("{{=<% %>=}}", 1, 1, "delimiters"),
        ("{{#a}}", 1, 1, "not closed"),
        ("x{{/a}}", 1, 2, "not opened"),
        ("{{#a}}{{/b}}", 1, 1, "not closed"),
        ("{{> a b}}", 1, 1, "is no name"),
        ("{{> ../a}}", 1, 1, "is no name"),
        ("{{! a", 1, 1, "not closed"),
    ],
)
def test_malformed_template_is_refused(text, line, column, said):
    with pytest.raises(TemplateError, match=said) as caught:
        parse(text, "mustache")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.fix


def test_names_are_all_optional():
    template = parse("{{a}}{{#b}}{{c}}{{/b}}{{> d}}", "mustache")
    assert template.variables == frozenset()
    assert template.optional == {"a", "b", "c"}
    assert [part.ref for part in template.parts] == ["d"]


def test_a_cycle_of_partials_is_an_error():
    with pytest.raises(TemplateError, match="inside of one another"):
        parse("{{> a}}", "mustache").render({}, mustache_suites.Partials({"a": "{{> b}}", "b": "{{> a}}"}))
