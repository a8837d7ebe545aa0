"""Files of Prompty as prompts of ours."""

import pytest

from schemas.errors import InvalidSpec
from schemas.prompt_files.prompty import read_prompty
from schemas.templates import parse

FILE = """---
name: Customer reply
description: answers mail
authors: [somebody]
model:
  api: chat
  configuration:
    type: azure_openai
    azure_deployment: gpt-4o
    api_key: ${env:KEY}
  parameters:
    max_tokens: 300
    temperature: 0.2
    logprobs: true
inputs:
  firstName:
    type: string
    sample: Ada
  tone:
    type: string
    default: kind
  question:
    type: string
sample:
  question: Where is it?
---
system:
You answer mail in a {{ tone }} way.
![logo](logo.png)

# user:
{{firstName}} asks:
{{question}}
"""


def test_a_file_becomes_a_prompt_with_its_messages_schema_and_sample() -> None:
    found = read_prompty(FILE, "other")
    prompt = found.prompt
    assert (prompt.name, prompt.message, prompt.dialect) == ("Customer_reply", "answers mail", "agentflow")
    assert (prompt.parameters.provider, prompt.parameters.model, prompt.parameters.max_tokens) == (
        "azure",
        "gpt-4o",
        300,
    )
    assert [one.role for one in prompt.messages] == ["system", "user"]
    assert parse(prompt.messages[0].template).render({}).startswith("You answer mail in a kind way.")
    assert prompt.messages[1].template == "{{firstName}} asks:\n{{question}}"
    assert prompt.variables == {
        "firstName": {"type": "string", "required": True},
        "tone": {"type": "string", "required": False},
        "question": {"type": "string", "required": True},
    }
    assert found.cases == [{"id": "sample", "inputs": {"question": "Where is it?", "firstName": "Ada"}}]


def test_what_has_no_counterpart_is_noted() -> None:
    subjects = {note.subject for note in read_prompty(FILE, "other").notes}
    assert subjects == {
        "authors",
        "name",
        "image logo.png",
        "missing values",
        "model.configuration",
        "model.parameters.logprobs",
    }


def test_a_template_with_statements_keeps_the_dialect_jinja() -> None:
    found = read_prompty("---\nname: a\n---\nuser:\n{% for x in items %}{{ x | upper }}{% endfor %}", "a")
    assert found.prompt.dialect == "jinja"
    assert parse(found.prompt.messages[0].template, "jinja").render({"items": ["a", "b"]}) == "AB"


def test_a_template_of_mustache_keeps_its_dialect_unless_it_reads_the_same() -> None:
    text = "---\nname: a\ntemplate: {format: mustache, parser: prompty}\n---\nuser:\n%s"
    assert read_prompty(text % "{{#a}}x{{/a}}", "a").prompt.dialect == "mustache"
    assert read_prompty(text % "{{a}}", "a").prompt.dialect == "agentflow"


def test_inputs_may_be_a_list_of_the_second_version() -> None:
    text = "---\nname: a\nmodel: {id: gpt-4o, options: {maxOutputTokens: 9}}\ninputs:\n- name: q\n  kind: string\n"
    prompt = read_prompty(text + "---\nsystem:\nHi\n\nuser:\n{{q}}", "a").prompt
    assert prompt.variables == {"q": {"type": "string", "required": True}}
    assert (prompt.parameters.model, prompt.parameters.max_tokens) == ("gpt-4o", 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("---\nname: a\ntemplate: liquid\n---\nuser:\nx", "'liquid' is unknown"),
        ("---\nname: a\nmodel: {api: embedding}\n---\nuser:\nx", "'embedding' has no counterpart"),
        ("---\nname: a\n---\nuser:\nx\ntool:\ny", "the role 'tool'"),
        ("---\nname: a\n---\nsystem:\nx", "at least one message with the role user"),
    ],
)
def test_what_cannot_be_a_prompt_is_an_error_with_a_fix(text: str, words: str) -> None:
    with pytest.raises(InvalidSpec, match=words) as raised:
        read_prompty(text, "a")
    assert raised.value.problems[0].fix
