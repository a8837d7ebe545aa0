"""What is inserted: values are data, whatever they hold, and what today's templates render stays the same."""

import random
from types import MappingProxyType

import pytest

from bench.prompts.hostile import structure_changes
from schemas.spec.references import MissingVariable, render, variables_of
from schemas.templates import TemplateError, limits, parse, parse_stored

HOSTILE = 10_000
VALUES = {
    "a": "text {{b}}",
    "b": {"c": {"d": [1, {"e": "deep"}]}, "größe": "ü", "$id": 5, "x:y": 1},
    "n": 1.5,
    "t": True,
    "z": None,
    "l": ["x", "y"],
    "under_score-dash": "ok",
}
PIECES = (
    *("{{a}}", "{{ .a }}", "{{b.c.d.1.e}}", "{{b.größe}}", "{{b.$id}}", "{{b.x:y}}", "{{ n\n}}", "{{t}}", "{{z}}"),
    *("{{l}}", "{{l.1}}", "{{.under_score-dash}}", "{{{a}}}", "{{{{a}}}}", '{"k": {"v": {{a}}}}', "}}", "} }", "{ }"),
    *("}", '{"x": 1}', "text", "\n", "é", "\r\n", "%}", "{% if %}", "{# #}", "${a}", "|", '"', "\0"),
)


def test_no_hostile_value_changes_the_structure_of_a_template():
    assert structure_changes(HOSTILE) == 0


def test_a_template_of_today_renders_the_same_bytes():
    rng = random.Random(3)
    for _ in range(3_000):
        text = "".join(rng.choices(PIECES, k=rng.randint(1, 8)))
        assert parse(text).render(VALUES) == render(text, VALUES), text
        assert parse(text).variables == variables_of(text), text


def test_errors_of_values_are_those_of_today():
    for text in ("{{gone}}", "{{a.b}}", "{{b.c.gone}}", "{{l.9}}"):
        with pytest.raises(MissingVariable) as ours:
            parse(text).render(VALUES)
        with pytest.raises(MissingVariable) as todays:
            render(text, VALUES)
        assert str(ours.value) == str(todays.value)


@pytest.mark.parametrize(
    "text", ["{{a", "Hello {{user name}} {{a}}", "{{#if a}}{{a}}{{/if}}", "{{a | shout}}", "{a}} {{a}}"]
)
def test_a_version_that_exists_keeps_its_meaning(text):
    assert parse_stored(text).render(VALUES) == render(text, VALUES)
    assert parse_stored(text).variables == variables_of(text)
    assert parse_stored(text).parts == ()


def test_a_well_formed_version_is_read_as_template():
    assert parse_stored("{{#l}}<{{.}}>{{/l}}").render(VALUES) == "<x><y>"


def test_stored_mustache_and_jinja_are_strict():
    with pytest.raises(TemplateError):
        parse_stored("{{#a}}", "mustache")


def test_the_output_is_bounded():
    big = "x" * 1_000_000
    with pytest.raises(TemplateError, match="is over 16777216 characters"):
        parse("{{a}}" * 17).render({"a": big})
    with pytest.raises(TemplateError, match="is over 16777216 characters"):
        parse("{{#l}}{{a}}{{/l}}").render({"a": big, "l": [1] * 20})
    with pytest.raises(TemplateError, match="is over 16777216 characters"):
        parse("{{#l}}{{o}}{{/l}}").render({"o": [big], "l": [1] * 20})


def test_items_and_parts_are_bounded_over_all_sections():
    class Parts:
        def part(self, _):
            return parse(""), self

    values = {"l": [1] * 400}
    with pytest.raises(TemplateError, match=f"more than {limits.MAX_ITEMS} items, with those of 'l'"):
        parse("{{#l}}{{#l}}{{/l}}{{/l}}").render(values)
    with pytest.raises(TemplateError, match=f"more than {limits.MAX_ITEMS} parts"):
        parse("{{#l}}" + "{{> p}}" * 300 + "{{/l}}").render(values, Parts())


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ('{{x | join(",")}}', "text", "it is a text, not a list"),
        ("{{x | length}}", 3, "it is a number, which has no length"),
        ("{{x | first}}", {"a": 1}, "it is an object, not a list"),
        ("{{x | indent(100000)}}", "\n" * 100, "are over 1000000 characters"),
    ],
)
def test_a_filter_says_which_value_it_does_not_take(template, value, said):
    with pytest.raises(TemplateError, match="line 1, column 2") as caught:
        parse(f" {template}").render({"x": value})
    assert said in str(caught.value)


def test_a_mapping_that_is_no_dict_is_taken():
    assert parse("{{a}}").render(MappingProxyType({"a": 1})) == "1"
