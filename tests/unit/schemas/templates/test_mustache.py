"""The `mustache` dialect: the specification's suites, and what it refuses."""

import pytest
import yaml

from schemas.templates import TemplateError, parse
from tests.support.suites import suites

FILES = ("comments", "interpolation", "inverted", "partials", "sections")


class Partials:
    def __init__(self, texts):
        self.texts = texts

    def part(self, ref):
        return parse(self.texts[ref], "mustache"), self


@pytest.mark.parametrize("name", FILES)
def test_suite_of_the_specification_passes_as_a_whole(name):
    cases = yaml.safe_load((suites() / "mustache" / f"{name}.yml").read_text())["tests"]
    rendered = {
        case["name"]: parse(case["template"], "mustache").render(case["data"], Partials(case.get("partials", {})))
        for case in cases
    }
    assert rendered == {case["name"]: case["expected"] for case in cases}
    assert len(cases) > 10


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
        parse("{{> a}}", "mustache").render({}, Partials({"a": "{{> b}}", "b": "{{> a}}"}))
