"""References and templates: what is one, and what is put in for it."""

import pytest

from schemas.spec.references import MissingVariable, Reference, parse_reference, parse_template, render, variables_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ingest.output", Reference("ingest")),
        ("a_b-c.output.text", Reference("a_b-c", ("text",))),
        ("a.output.items.0.name", Reference("a", ("items", "0", "name"))),
        ("a.output[3].x[0]", Reference("a", (3, "x", 0))),
        ("a.output.ü", Reference("a", ("ü",))),
    ],
)
def test_reference(text, expected):
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "output",
        ".output",
        "a.outputs",
        "a.output.",
        "a.output..b",
        "a.output[x]",
        "a.output[-1]",
        " a.output",
        "a.output\n",
        "see a.output",
        "1a.output",
        "{{a.output}}",
        "a.output.{{b}}",
        "a.b.output",
    ],
)
def test_literal(text):
    assert parse_reference(text) is None


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("", set()),
        ("plain { } {{ }} {{}}", set()),
        ("{{a}}", {"a"}),
        ("{{ .a }} and {{.b}} and {{ c.d.0 }}", {"a", "b", "c"}),
        ("{{{a}}}", {"a"}),
        ("{{a b}} {{1}} {{#each x}}", set()),
    ],
)
def test_variables(template, names):
    assert variables_of(template) == names


def test_a_lone_placeholder_keeps_the_type():
    values = {"n": 3, "o": {"list": [1, {"x": None}]}}
    assert parse_template("{{n}}").value(values) == 3
    assert parse_template("{{ o.list.1.x }}").value(values) is None
    assert parse_template("{{.o}}").value(values) is values["o"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("é\n", "é\n"), (3, "3"), (1.5, "1.5"), (True, "true"), (None, "null"), ({"a": [1, "ü"]}, '{"a":[1,"ü"]}')],
)
def test_values_in_a_text(value, text):
    assert parse_template("<{{v}}>").value({"v": value}) == f"<{text}>"
    assert render("{{v}}", {"v": value}) == text


def test_what_is_inserted_is_never_expanded():
    values = {"a": "{{b}}", "b": "secret", "c": "{{"}
    assert render("{{a}}{{c}}b}}", values) == "{{b}}{{b}}"
    assert parse_template("{{a}}").value(values) == "{{b}}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("x {{gone}}", "'gone' is needed"),
        ("{{a.b}}", "leads nowhere"),
        ("{{l.5}}", "leads nowhere"),
        ("{{l.-1}}", "nowhere"),
    ],
)
def test_what_is_missing_is_named(template, message):
    with pytest.raises(MissingVariable, match=message):
        render(template, {"a": {"c": 1}, "l": [1, 2]})


def test_many_open_braces_take_linear_time():
    text = "{{" * 50_000 + "a." * 50_000
    assert parse_template(text).variables == ()
