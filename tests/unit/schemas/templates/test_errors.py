"""Malformed templates: each is refused where its fault is, and says how to fix it."""

import random
import re

import pytest

from bench.prompts.malformed import TYPED, malformed, well_formed
from schemas.templates import TemplateError, parse, template_errors

COUNT = 500


def test_no_malformed_template_is_rendered():
    texts = list(malformed(COUNT))
    assert [text for text in texts if not template_errors(text)] == []
    assert len(set(texts)) > COUNT * 0.9


def test_every_error_has_a_place_inside_of_the_template():
    for text in malformed(COUNT, seed=1):
        lines = text.split("\n")
        for error in template_errors(text):
            assert 1 <= error.line <= len(lines), text
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1, text
            assert error.fix
            assert f"line {error.line}, column {error.column}: " in str(error)


def test_what_malformed_templates_are_made_of_is_well_formed():
    rng = random.Random(7)
    texts = [well_formed(rng) for _ in range(COUNT)]
    assert [text for text in texts if template_errors(text)] == []


def test_the_list_of_typed_templates_has_no_repeats():
    assert len(set(TYPED)) == len(TYPED)


@pytest.mark.parametrize(
    ("text", "line", "column", "said", "fix"),
    [
        ("a\nbc {{name", 2, 4, "not closed", "}}"),
        ("{{my name}}", 1, 1, "names no variable", "write {{my_name}}"),
        ("{{größe}}", 1, 1, "names no variable", "write {{grosse}}"),
        ("a {name}} b", 1, 3, "lacks a brace", "write {{name}}"),
        ("{{x | uper}}", 1, 7, "there is no filter 'uper'", "write upper"),
        ("{{x | truncate}}", 1, 7, "takes 1 argument, and has 0", "write truncate(100)"),
        ("\n{{#a}}\n{{#b}}{{/a}}", 3, 7, "the section that is open is 'b'", "write {{/b}} first"),
        ("{{#each a}}{{/a}}", 1, 1, "no word like 'each'", "write {{#a}}"),
        ("{{#unless a}}{{/a}}", 1, 1, "no word like 'unless'", "write {{^a}}"),
        ("{{#a}}x{{else}}y{{/a}}", 1, 8, "no else", "{{^x}}"),
        ("{{&a}}", 1, 1, "begin with '&'", "write {{name}}"),
        ("{{> h a=}}", 1, 9, "the end of the tag", "{{name}}"),
        ("{{.}}", 1, 1, "the item of a section", "inside of a section"),
        ('{{"a": {"b": 1}}}', 1, 6, "':' has no place here", '{{"{{"}}'),
        ("é🙂{{}}", 1, 3, "names no variable", "{{name}}"),
    ],
)
def test_error_says_where_what_and_how(text, line, column, said, fix):
    first = template_errors(text)[0]
    assert (first.line, first.column) == (line, column)
    assert said in first.message
    assert fix in first.fix


def test_parse_raises_the_first_of_all_errors():
    with pytest.raises(TemplateError, match="line 1, column 3"):
        parse("a {{b c}} {{d e}}")
    assert [error.column for error in template_errors("a {{b c}} {{d e}}")] == [3, 11]


def test_a_half_tag_is_text_where_its_braces_are_balanced():
    for text in (r"\frac{\sqrt{x}}", '{"a": {"b": 1}}', "{a: {b}}", "if (x) {y {z}}", "{{name}}}", "}}", "{x}"):
        assert template_errors(text) == (), text


@pytest.mark.parametrize(
    "text",
    ["{{" * 20_000, "{{a" * 20_000, "{{#a}}" * 20_000, "{{/a}}" * 20_000, "{a}}" * 20_000, "{" + " " * 50_000 + "}}{{"],
)
def test_errors_take_linear_time(text):
    assert template_errors(text)


def test_sections_are_nested_up_to_a_limit():
    assert template_errors("{{#a}}" * 32 + "{{/a}}" * 32) == ()
    for depth in (33, 5_000):
        assert "more than 32 times" in template_errors("{{#a}}" * depth + "{{/a}}" * depth)[0].message


def test_words_of_the_fix_are_a_template_where_it_quotes_one():
    for text in TYPED:
        for error in template_errors(text):
            for quoted in re.findall(r"write (\{\{[\w.]+\}\})", error.fix):
                assert template_errors(quoted) == ()
