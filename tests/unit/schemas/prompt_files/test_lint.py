"""The rules of `lint`: each finds its planted problem at its place, and says nothing about a prompt that is right."""

import pytest

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.prompt_files.injection import places
from schemas.prompt_files.lint import Finding, lint, size_of
from schemas.prompt_files.own import read_prompt
from schemas.prompt_files.versions import Part

HEADER = "---\nname: header\ninput: {schema: {tone(enum): [kind, short]}}\n---\nBe {{tone}}."
RIGHT = """---
name: report
input:
  schema:
    question: string
    count: integer
    tone(enum): [kind, short]
---
{{role "system"}}
{{> header@2}} Write {{count}} sentences.

{{role "user"}}
<question>
{{question}}
</question>
"""


def _files(*texts: str) -> dict[str, CreatePrompt]:
    found = [read_prompt(text, "other") for text in texts]
    return {one.name: one for one in found}


def _findings(text: str, *others: str) -> list[Finding]:
    known = _files(*others)
    return lint(read_prompt(text, "report"), text, lambda part: known.get(part.name))


def test_a_prompt_that_is_right_has_no_findings() -> None:
    assert _findings(RIGHT, HEADER) == []
    assert _findings(HEADER) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "rule", "severity"),
    [
        ("{{question}}", "{{question", (14, 1), "template", "error"),
        ("{{question}}", "{{question | uper}}", (14, 14), "template", "error"),
        ("header@2", "haeder@2", (10, 5), "unknown-part", "error"),
        ("header@2", "report", (10, 5), "part-cycle", "error"),
        ("{{question}}", "{{question}} {{topic}}", (14, 16), "missing-variable", "error"),
        ("question: string", "question?: string", (13, 2), "optional-variable", "warning"),
        ("count: integer", "count: integer\n    extra: string", (1, 1), "unused-variable", "warning"),
        ("count: integer", "count: string", (10, 22), "value-in-instructions", "warning"),
        ("<question>\n{{question}}\n</question>", "Answer:\n{{question}}", (14, 1), "value-begins-line", "warning"),
        ("<question>\n{{question}}\n</question>", "Answer {{question}}", (13, 8), "value-without-marks", "warning"),
    ],
)
def test_a_planted_problem_is_found_at_its_place(
    old: str, new: str, place: tuple[int, int], rule: str, severity: str
) -> None:
    assert old in RIGHT
    found = _findings(RIGHT.replace(old, new), HEADER)
    matching = [one for one in found if one.rule == rule]
    assert [(one.line, one.column, one.severity) for one in matching] == [(*place, severity)], found
    assert all(one.fix for one in found)


def test_a_prompt_without_a_schema_is_warned_of_the_names_that_it_needs() -> None:
    [found] = [one for one in _findings("Say <t>{{text}}</t>") if one.rule == "no-schema"]
    assert "text" in found.message


def test_names_that_a_part_needs_are_names_of_the_prompt() -> None:
    found = _findings(RIGHT.replace("    tone(enum): [kind, short]\n", ""), HEADER)
    assert [(one.rule, "tone" in one.message) for one in found] == [("missing-variable", True)]


def test_an_argument_gives_a_part_its_name() -> None:
    text = RIGHT.replace("    tone(enum): [kind, short]\n", "").replace("header@2", 'header@2 tone="kind"')
    assert _findings(text, HEADER) == []


def test_nothing_is_called_unused_while_a_part_is_unknown() -> None:
    assert {one.rule for one in _findings(RIGHT)} == {"unknown-part"}


def test_a_cycle_over_another_part_is_found() -> None:
    header = "---\nname: header\n---\n{{> report}}"
    assert "part-cycle" in {one.rule for one in _findings(RIGHT, header)}


def test_a_part_in_chat_form_is_refused() -> None:
    header = '---\nname: header\n---\n{{role "user"}}\nhi'
    assert [one.rule for one in _findings(RIGHT, header) if one.severity == "error"] == ["unknown-part"]


def test_an_image_is_a_use_of_its_name() -> None:
    text = (
        '---\nname: report\ninput: {schema: {photo: string}}\n---\n{{role "user"}}\n{{media url=photo}}\nDescribe it.'
    )
    assert _findings(text) == []


def test_a_value_that_is_trusted_may_be_in_instructions() -> None:
    schema = "input: {schema: {team: {type: string, required: true, x-trusted: true}}}"
    text = f'---\nname: report\n{schema}\n---\n{{{{role "system"}}}}\nYou are of {{{{team}}}}.\n{{{{role "user"}}}}\nHi'
    assert _findings(text) == []


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("<a>\n{{x}}\n</a>", True),
        ('<a lang="de">Title: {{x}}</a>', True),
        ("```\n{{x}}\n```", True),
        ('"{{x}}"', True),
        ("---\n{{x}}\n---", True),
        ('"""{{ x }}"""', True),
        ("<a>{{x}}</b>", False),
        ("<a></a>{{x}}", False),
        ('"{{x}}', False),
        ("Say {{x | upper}}", False),
    ],
)
def test_marks_around_a_value_are_recognised(text: str, marked: bool) -> None:
    assert [(one.name, one.is_marked) for one in places(text)] == [("x", marked)]


def test_sections_parts_comments_and_literals_are_no_values() -> None:
    assert list(places('{{#a}}{{/a}}{{^a}}{{> b}}{{! c}}{{"{{"}}')) == []


def test_a_size_counts_parts_and_is_at_most_a_token_a_byte() -> None:
    known = _files(HEADER)
    prompt = read_prompt("{{> header}} é", "report")
    tokens, most = size_of(prompt, lambda part: known.get(part.name))
    assert most == len(b"{{> header}} ") + 2 + len("Be {{tone}}.")
    assert tokens == -(-most // 4)
    assert size_of(prompt, lambda _: None).most == len(b"{{> header}} ") + 2
    assert Part("header", "").ref == "header"
