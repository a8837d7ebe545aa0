"""Which parts a prompt of a file includes."""

import pytest

from schemas.prompt_files.own import checked
from schemas.prompt_files.versions import Part, parts_of


@pytest.mark.parametrize(
    "template",
    ["{{! see {{> tone}} x", '{{x | default("{{> tone}}")}}', "{{> tone"],
    ids=["comment", "literal", "malformed"],
)
def test_a_reference_that_is_no_tag_names_no_part(template: str) -> None:
    assert parts_of(checked({"name": "ask", "template": template})) == []


@pytest.mark.parametrize(("dialect", "parts"), [("mustache", [Part("tone", "2")]), ("jinja", [])])
def test_parts_are_those_of_the_dialect(dialect: str, parts: list[Part]) -> None:
    template = "{{>tone@2}} {{> tone@2 }}" if dialect == "mustache" else "{% raw %}{{> tone@2}}{% endraw %}"
    assert parts_of(checked({"name": "ask", "template": template, "dialect": dialect})) == parts


def test_each_part_is_named_once_with_its_version_or_label() -> None:
    template = "{{> tone}} {{> tone@production}} {{> tone how=x}} {{#a}}{{> end@3}}{{/a}}"
    assert parts_of(checked({"name": "ask", "template": template})) == [
        Part("tone", ""),
        Part("tone", "production"),
        Part("end", "3"),
    ]
