"""The `jinja` dialect: a subset in a sandbox. Nothing is called, assigned, included or multiplied."""

import subprocess
import sys

import pytest

from schemas.spec.references import MissingVariable
from schemas.templates import TemplateError, parse

VALUES = {"x": "v", "l": [{"n": 1}, {"n": None}], "o": {"k": [1, "a"], "items": 2}, "t": True, "w": ["a", "b"]}


def rendered(text):
    return parse(text, "jinja").render(VALUES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ x }} {{x|upper}} {{ t }} {{ o }}\n", 'v V true {"k":[1,"a"],"items":2}\n'),
        (
            "{% for one in l %}{{ loop.index }}={{ one.n }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1=1, 2=null",
        ),
        ("{% if x == 'v' and (t or x) %}a{% elif t %}b{% else %}c{% endif %}", "a"),
        ("{{ gone|default('d') }} {{ gone is defined }} {{ x is not none }}", "d false true"),
        (
            "{{ w|join(', ') }} {{ l|map(attribute='n')|list }} {{ x|replace('v', 'w') }} {{ x ~ '!' }}",
            "a, b [1,null] w v!",
        ),
        ("{{ o.k[1] }} {{ o['items'] }} {{ x|tojson }} {{ o|tojson }}", 'a 2 "v" {"k":[1,"a"],"items":2}'),
        ("{% raw %}{{ x * 3 }}{% endraw %}{# x * 3 #}{%- if t -%} a {%- endif %}", "{{ x * 3 }}a"),
        ("{{ '<&>' }} {{ \"a)(*\" }}", "<&> a)(*"),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
    ],
)
def test_rendered(text, expected):
    assert rendered(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("{{ x.upper() }}", 11, "nothing is called"),
        ("{{ range(9) }}", 9, "nothing is called"),
        ("{{ o.clear () }}", 12, "nothing is called"),
        ("{{ o['k'](1) }}", 10, "nothing is called"),
        ("{{ (x)(1) }}", 7, "nothing is called"),
        ("{{ 'a'(1) }}", 7, "nothing is called"),
        ("{% for i in l recursive %}{{ loop(l) }}{% endfor %}", 34, "nothing is called"),
        ("{{ [1] * 99 }}", 8, "multiplied"),
        ("{{ x ** 2 }}", 6, "multiplied"),
        ("{{ x|format(1) }}", 6, "the filter 'format' is not allowed"),
        ("{% set a = x %}", 1, "the statement 'set' is not allowed"),
        ("{%- set a = x %}", 1, "the statement 'set' is not allowed"),
        ("{% macro m() %}{% endmacro %}", 1, "the statement 'macro' is not allowed"),
        ("{% include 'x' %}", 1, "the statement 'include' is not allowed"),
        ("{% import 'x' as y %}", 1, "the statement 'import' is not allowed"),
        ("{% extends 'x' %}", 1, "the statement 'extends' is not allowed"),
        ("{% with a = x %}{% endwith %}", 1, "the statement 'with' is not allowed"),
        ("{% filter upper %}a{% endfilter %}", 1, "the statement 'filter' is not allowed"),
        ("{% autoescape true %}{% endautoescape %}", 1, "the statement 'autoescape' is not allowed"),
        ("{{ {'a': 1} }}", 4, "there are no objects"),
        ("{{ x %}", 6, "%} does not close"),
        ("{% if x }}{% endif %}", 9, "}} does not close"),
        ("{{ 'x }}", 4, "the text is not closed"),
        ("{{ x", 5, "unexpected end"),
        ("{{ x | }}", 8, "expected identifier"),
        ("é{{ x | }}", 9, "expected identifier"),
        ("{% if x %}", 9, "unexpected end"),
        ("{% endif %}", 1, ""),
    ],
)
def test_refused_with_its_place(text, column, said):
    with pytest.raises(TemplateError) as caught:
        parse(f"a\n{text}", "jinja")
    assert said in caught.value.message
    assert caught.value.line == 2
    assert said == "" or abs(caught.value.column - column) <= 1, caught.value
    assert caught.value.fix


@pytest.mark.parametrize(
    "text", ["{{ gone }}", "{{ o.gone }}", "{{ x.__class__ }}", "{{ self }}", "{{ debug }}", "{{ loop }}"]
)
def test_what_is_not_there_is_an_error(text):
    with pytest.raises(MissingVariable, match="is needed in line 1"):
        rendered(text)


def test_values_are_not_changed_and_methods_are_not_reached():
    with pytest.raises((TemplateError, MissingVariable)):
        rendered("{{ w|map('append')|list }}")
    assert VALUES["w"] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in many %}{% for b in many %}{% for c in many %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in many %}{% for b in many %}{{ big }}{% endfor %}{% endfor %}",
        "{% for a in many %}{% for b in many %}" + "z" * 50_000 + "{% endfor %}{% endfor %}",
        "{{ big|replace('a', big) }}",
        "{{ big|list|join(big) }}",
        "{{ big|indent(99999999) }}",
    ],
)
def test_steps_and_texts_are_bounded(text):
    with pytest.raises(TemplateError, match=r"too many steps|is over"):
        parse(text, "jinja").render({"many": list(range(400)), "big": "a" * 10_000})


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "not " * 20_000 + "x }}",
        "{{ " + "-" * 20_000 + "1 }}",
        "{{ x" + " ~ x" * 20_000 + " }}",
        "{{ x" + " or x" * 20_000 + " }}",
        "{{ " + "(" * 20_000 + "x" + ")" * 20_000 + " }}",
        "{{ " + "[" * 20_000 + "x" + "]" * 20_000 + " }}",
        "{% if x %}" + "{% elif x %}" * 20_000 + "{% endif %}",
        "{% if x %}" * 5_000 + "{% endif %}" * 5_000,
        r"{{ '" + r"\'" * 20_000,
    ],
    ids=["not", "minus", "tilde", "or", "brackets", "lists", "elif", "if", "text"],
)
def test_what_would_overflow_the_stack_of_the_library_is_refused_before(text):
    with pytest.raises(TemplateError):
        parse(text, "jinja")


@pytest.mark.parametrize("text", ["{{ x|join(3) }}", "{{ x|indent('a') }}", "{{ x|replace(1, 2) }}", "{{ w|sum }}"])
def test_a_filter_that_gets_a_wrong_value_is_an_error_of_the_template(text):
    with pytest.raises(TemplateError):
        rendered(text)


def test_names_may_be_missing_since_a_template_may_test_them():
    template = parse("{{ a.b }}{% for x in l %}{{ x }}{{ c }}{% endfor %}", "jinja")
    assert template.variables == frozenset()
    assert template.optional == {"a", "l", "c"}
    assert template.parts == ()


def test_the_library_is_loaded_when_it_is_used():
    code = "import schemas.templates, sys; schemas.templates.parse('{{a}}'); sys.exit('minijinja' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
