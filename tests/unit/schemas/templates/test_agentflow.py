"""The `agentflow` dialect: what each construct renders, and which values it needs."""

import pytest

from schemas.spec.references import MissingVariable
from schemas.templates import TemplateError, parse

VALUES = {
    "name": "Ada",
    "user": {"name": "Bo", "tags": ["x", "y"]},
    "items": [{"title": "one", "n": 1}, {"title": "two", "n": 2}],
    "words": ["a", "b"],
    "empty": [],
    "no": False,
    "null": None,
    "text": "a\nb",
    "rows": [[1, 2], [3]],
}


class Parts:
    """Parts by reference; all of them may include each other."""

    def __init__(self, **texts):
        self.texts = texts

    def part(self, ref):
        return parse(self.texts[ref.replace("@", "_")]), self


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{name}} {{.name}} {{ name }}", "Ada Ada Ada"),
        ("{{user.tags.1}}", "y"),
        ("{{user}}", '{"name":"Bo","tags":["x","y"]}'),
        ("{{{name}}} {{{{name}}}}", "{Ada} {{Ada}}"),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
        ('{{"{{"}}name}}', "{{name}}"),
        ('{{"a\\"b"}}', 'a"b'),
        ('{{gone | default("x")}} {{user.gone.at | default("x")}} {{null | default("x")}}', "x x x"),
        ('{{name | default("x")}} {{no | default("x")}}', "Ada false"),
        ('{{gone | upper | default("x") | upper}}', "X"),
        ("{{name | upper}} {{name|lower}} {{text | indent(2)}}", "ADA ada a\n  b"),
        ('{{words | join(", ")}} {{words | length}} {{words | first}} {{words | last}}', "a, b 2 a b"),
        ('{{name | truncate(2)}} {{" a " | trim}} {{name | json}} {{user.tags | json}}', 'Ad a "Ada" ["x","y"]'),
        ('{{empty | first | default("none")}}', "none"),
        ("{{#items}}{{n}}={{title}};{{/items}}", "1=one;2=two;"),
        ("{{#items}}{{name}} {{.title}} {{/items}}", "Ada one Ada two "),
        ("{{#words}}<{{.}}>{{/words}}", "<a><b>"),
        ("{{#rows}}{{#.}}{{.}} {{/.}}| {{/rows}}", "1 2 | 3 | "),
        ("{{#user}}{{name}}{{/user}}", "Bo"),
        ("{{#name}}Dear {{.}}, {{name}}{{/name}}", "Dear Ada, Ada"),
        ("{{#no}}x{{/no}}{{#gone}}x{{/gone}}{{#empty}}x{{/empty}}{{#null}}x{{/null}}{{#user.gone}}x{{/user.gone}}", ""),
        ("{{^no}}a{{/no}}{{^gone}}b{{/gone}}{{^empty}}c{{/empty}}{{^name}}d{{/name}}", "abc"),
        ("{{#name}}{{#no}}a{{/no}}{{^no}}b{{/no}}{{/name}}", "b"),
        ("a{{! a comment with } and { }}b", "ab"),
        ("a\n{{! alone }}\nb\n  {{#words}}\n- {{.}}\n  {{/words}}\nc", "a\nb\n- a\n- b\nc"),
        ("a\r\n{{#name}}\r\nb\r\n{{/name}}\r\nc", "a\r\nb\r\nc"),
        ("{{#words}}{{.}}{{/words}}\n", "ab\n"),
    ],
)
def test_rendered(template, expected):
    assert parse(template).render(VALUES) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{> h@2}}\nbody", "Hi Ada\nbody"),
        ('{{> h@2 name="Cy"}} {{name}}', "Hi Cy Ada"),
        ("{{> h@2 name=user.name | upper}}", "Hi BO"),
        ("{{#words}}{{> h@2 name=.}};{{/words}}", "Hi a;Hi b;"),
        ("{{#user}}{{> h@2}}{{/user}}", "Hi Bo"),
        ("{{> outer a=1 b=true c=null d=-1.5}}", "1 true null -1.5 Hi Ada"),
        ("{{> shout what=name}}", "Ada!"),
    ],
)
def test_parts(template, expected):
    parts = Parts(h_2="Hi {{name}}", outer="{{a}} {{b}} {{c}} {{d}} {{> h@2}}", shout="{{what}}!")
    assert parse(template).render(VALUES, parts) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{gone}}", r"'gone' is needed for \{\{gone\}\} and is not given"),
        ("{{user.gone}}", "leads nowhere: 'gone' is not there"),
        ("{{words.9}}", "leads nowhere"),
        (f"{{{{words.{'9' * 5_000}}}}}", "leads nowhere"),
        ("{{gone | upper}}", "'gone' is needed"),
        ("{{empty | first}}", "empty list"),
        ("{{#items}}{{gone}}{{/items}}", "'gone' is needed"),
        ("{{#gone}}{{/gone}}{{gone}}", "'gone' is needed"),
        ("{{> h x=gone}}", "'gone' is needed"),
        ("{{> h}}", "'x' is needed for .*, in the part 'h'"),
    ],
)
def test_missing_value_is_named(template, message):
    with pytest.raises(MissingVariable, match=message):
        parse(template).render(VALUES, Parts(h="{{x}}"))


@pytest.mark.parametrize(
    ("template", "must", "may"),
    [
        ("", set(), set()),
        ("{{a}} {{b.c}} {{a}}", {"a", "b"}, set()),
        ('{{a | default("x")}} {{b | upper}}', {"b"}, {"a"}),
        ('{{a | default("x")}} {{a}}', {"a"}, set()),
        ("{{#a}}{{a}} {{b}}{{/a}} {{^c}}{{d}}{{/c}}", set(), {"a", "b", "c", "d"}),
        ("{{#a}}{{.}}{{/a}}{{a}}", {"a"}, set()),
        ('{{> p x=a y=b.c z="t" w=d | default(1)}}', {"a", "b"}, {"d"}),
        ('{{"{{"}}a}}', set(), set()),
    ],
)
def test_names(template, must, may):
    assert parse(template).variables == must
    assert parse(template).optional == may


def test_parts_are_listed_with_their_arguments():
    first, second = parse("{{> a@2 x=b.c}}{{#l}}{{> b.c@production}}{{/l}}").parts
    assert (first.ref, first.name, first.which, list(first.args)) == ("a@2", "a", 2, ["x"])
    assert (second.ref, second.name, second.which) == ("b.c@production", "b.c", "production")


def test_a_part_that_is_not_there_is_an_error_with_its_place():
    with pytest.raises(TemplateError, match="there is no part 'h@1' here") as caught:
        parse("a\n {{> h@1}}").render({})
    assert (caught.value.line, caught.value.column) == (2, 2)


def test_an_error_inside_of_a_part_names_the_part():
    with pytest.raises(TemplateError, match=r"in the part 'a > b', line 1, column 2: .*not a list"):
        parse("{{> a}}").render({"x": 1}, Parts(a="{{> b}}", b='-{{x | join(",")}}'))


def test_a_cycle_of_parts_is_an_error():
    with pytest.raises(TemplateError, match="inside of one another"):
        parse("{{> a}}").render({}, Parts(a="{{> b}}", b="{{> a}}"))


def test_parts_inside_of_sections_are_bounded_too():
    inside = "{{^no}}" * 32 + "{{> a}}" + "{{/no}}" * 32
    with pytest.raises(TemplateError, match="inside of one another more than 64 times"):
        parse(inside).render({}, Parts(a=inside))
