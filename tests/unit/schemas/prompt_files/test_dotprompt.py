"""Files of dotprompt: its own suites pass with our templates, and what has no counterpart is named."""

import pytest
import yaml

from bench.prompts.dotprompt_suites import SUITES, outcomes
from schemas.errors import InvalidSpec
from schemas.prompt_files.dotprompt import read_dotprompt, write_dotprompt
from schemas.prompt_files.handlebars import Values, converted
from schemas.prompt_files.own import read_prompt
from schemas.prompt_files.problems import Note
from schemas.prompts.input_schemas import input_schema_of
from schemas.templates import parse
from tests.support.suites import suites


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_of_dotprompt_passes_as_a_whole(name: str) -> None:
    found = dict(outcomes(suites() / "dotprompt", name))
    assert [f"{case}: {fault}" for case, fault in found.items() if fault] == []
    assert len(found) == SUITES[name]


FILE = """# Copyright of somebody
---
name: triage
model: googleai/gemini-2.0-flash
description: sorts mail
config:
  temperature: 0.3
  maxOutputTokens: 200
  topK: 4
input:
  schema:
    subject: string
    tags?(array): string
    urgent?: boolean
  default:
    urgent: false
    tags: [a]
output:
  schema:
    queue(enum): [sales, support]
tools: [search]
acme.owner: mail
variant: short
---
{{role "system"}}
You sort mail.
{{role "user"}}
{{media url=photo}}
Subject: {{subject}}
{{#if urgent}}Urgent{{else}}Not urgent{{/if}}
{{#each tags}}
- {{this}}
{{else}}
No tags.
{{/each}}
{{json tags}}
"""


def test_a_file_becomes_a_prompt_and_names_what_it_cannot_say() -> None:
    found = read_dotprompt(FILE)
    prompt = found.prompt("other")
    assert (prompt.name, prompt.message, prompt.tools) == ("triage", "sorts mail", ["search"])
    assert (prompt.parameters.provider, prompt.parameters.model) == ("google", "gemini-2.0-flash")
    assert (prompt.parameters.temperature, prompt.parameters.max_tokens) == (0.3, 200)
    assert [(one.role, one.images) for one in prompt.messages] == [("system", []), ("user", ["photo"])]
    assert prompt.messages[1].template == (
        "Subject: {{subject}}\n{{#urgent}}Urgent{{/urgent}}{{^urgent}}Not urgent{{/urgent}}\n"
        "{{#tags}}\n- {{.}}\n{{/tags}}{{^tags}}No tags.\n{{/tags}}\n{{tags | json}}"
    )
    assert {note.subject for note in found.notes} == {
        "if urgent",
        "input.default.tags",
        "config.topK",
        "acme.owner",
        "variant",
    }


def test_a_converted_else_keeps_the_lines_of_handlebars() -> None:
    template = converted("{{#each tags}}\n- {{this}}\n{{else}}\nNone.\n{{/each}}\nEnd\n", Values(), [])
    assert parse(template).render({"tags": ["a", "b"]}) == "- a\n- b\nEnd\n"
    assert parse(template).render({"tags": []}) == "None.\nEnd\n"


def test_an_else_if_is_a_section_inside() -> None:
    template = converted("{{#if a}}A{{else if b}}B{{else}}C{{/if}}", Values(), [])
    shown = [parse(template).render({"a": a, "b": b}) for a, b in ((True, True), (False, True), (False, False))]
    assert shown == ["A", "B", "C"]


def test_a_value_that_is_missing_is_empty_unless_the_schema_requires_it() -> None:
    assert converted("{{a}} {{b}} {{c}}", Values(frozenset({"a"}), defaults={"b": 'x"y'}), []) == (
        '{{a}} {{b | default("x\\"y")}} {{c | default("")}}'
    )


def test_braces_that_are_text_stay_text() -> None:
    assert parse(converted(r"Write \{{name}} here", Values(), [])).render({}) == "Write {{name}} here"


def test_a_look_at_an_outer_value_is_noted() -> None:
    notes: list[Note] = []
    assert converted("{{#each a}}{{../b}}{{/each}}", Values(), notes) == '{{#a}}{{b | default("")}}{{/a}}'
    assert [note.subject for note in notes] == ["../b"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("x\n{{history}}", "line 2: 'history' of Handlebars has no counterpart"),
        ("{{#ifEquals a b}}x{{/ifEquals}}", "'ifEquals'"),
        ("{{#each a}}{{@index}}{{/each}}", "'@index'"),
        ("{{lookup a b}}", "'lookup'"),
        ('{{media url="http://x"}}', "'media'"),
        ("{{#if a}}x", "the block 'if' is not closed"),
        ("{{#if a}}x{{/each}}", "the one that is open is 'if'"),
        ("{{/if}}", "none is open"),
        ("{{else}}", "outside of a block"),
        ("{{> (lookup . 'x')}}", "'> (lookup'"),
        ("{{> a b}}", "'b'"),
    ],
)
def test_what_has_no_counterpart_is_an_error_with_its_line(template: str, words: str) -> None:
    with pytest.raises(InvalidSpec, match=r"Handlebars|block") as raised:
        converted(template, Values(), [])
    assert words in str(raised.value)
    assert raised.value.problems[0].fix


def test_a_condition_over_a_list_is_an_error_since_it_would_repeat() -> None:
    with pytest.raises(InvalidSpec, match="repeats for each item"):
        converted("{{#if a}}x{{/if}}", Values(lists=frozenset({"a"})), [])


def test_a_wrong_schema_is_named() -> None:
    with pytest.raises(InvalidSpec, match="no type 'strnig'"):
        read_dotprompt("---\ninput: {schema: {a: strnig}}\n---\n{{a}}")


OURS = """---
name: report
model: gemini-2.0-flash
provider: googleai
config:
  temperature: 0.3
  max_tokens: 9
  reasoning_effort: low
input:
  schema:
    subject: string
    "tags?(array)": string
output:
  schema: string
tools: [search]
---
{{role "developer"}}
{{> header@2 tone="kind"}} {{tone | default("dry")}} {{"{{"}}

{{role "user"}}
{{media url=photo}}
{{.subject}} {{#tags}}{{.}}{{/tags}}{{^tags}}none{{/tags}} {{tags | json}}
"""


def test_a_prompt_is_written_as_a_file_of_dotprompt_and_names_what_it_cannot_say() -> None:
    text, notes = write_dotprompt(read_prompt(OURS))
    assert text.endswith(
        '---\n{{role "system"}}\n{{> header tone="kind"}} {{#if tone}}{{tone}}{{else}}dry{{/if}} \\{{\n\n'
        '{{role "user"}}\n{{media url=photo}}\n'
        "{{subject}} {{#tags}}{{this}}{{/tags}}{{^tags}}none{{/tags}} {{json tags}}\n"
    )
    assert {note.subject for note in notes} == {"reasoning_effort", "developer", "> header@2"}
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["model"], front["config"]) == (
        "googleai/gemini-2.0-flash",
        {"temperature": 0.3, "maxOutputTokens": 9},
    )


def test_a_file_that_was_written_is_read_back_with_the_same_schemas() -> None:
    ours = read_prompt("---\nname: a\ninput: {schema: {x: string}}\noutput: {schema: number}\n---\nSay {{x}}")
    text, notes = write_dotprompt(ours)
    again = read_dotprompt(text).prompt("a")
    assert notes == []
    assert (again.template, again.output_schema) == (ours.template, ours.output_schema)
    assert again.variables == input_schema_of(ours.variables)


@pytest.mark.parametrize("template", ["{{a | upper}}", "{{a | join(', ')}}".replace("'", '"'), '{{a | default("{{")}}'])
def test_a_tag_without_a_counterpart_there_is_an_error_with_its_line(template: str) -> None:
    with pytest.raises(InvalidSpec, match="line 2, column 1"):
        write_dotprompt(read_prompt(f"x\n{template}", "a"))


def test_another_dialect_is_not_exported() -> None:
    with pytest.raises(InvalidSpec, match="mustache cannot be exported"):
        write_dotprompt(read_prompt("---\nname: a\ndialect: mustache\n---\nx"))
