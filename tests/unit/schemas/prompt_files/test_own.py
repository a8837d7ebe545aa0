"""AgentFlow's own files of prompts: each prompt can be written and is read back, byte by byte."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.api_models.prompts.versions import CreatePrompt
from schemas.errors import InvalidSpec
from schemas.prompt_files.own import read_prompt, write_prompt

CHAT = """---
name: support_reply
labels: [staging]
message: "Says who may answer"
model: gpt-4o
config:
  temperature: 0.2
  stop: [END, "a: b"]
input:
  schema:
    question: string
    "tags(array, of the question)": string
output:
  schema:
    type: object
    properties:
      answer:
        type: string
repair: true
tools: [search]
---
{{role "system"}}
Be kind. {{> rules@2 tone="warm"}}

{{role "user"}}
{{media url=photo}}
<question>
{{question}}
</question>
"""
TEXT = "---\nname: shortener\n---\nSay this in fewer words:\n\n{{.text}}\n"

_PIECES = [
    "{{name}}",
    '{{role "user"}}',
    "{{media url=a}}",
    "---",
    "\n",
    "\r\n",
    "\t",
    " ",
    "#",
    "\ufeff",
    "é",
    "'",
    '"',
]
_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
    st.lists(st.one_of(st.sampled_from(_PIECES), st.text("ab:-|>{}", max_size=3)), min_size=1, max_size=8).map("".join),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=5,
)
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "system", "assistant", "developer"]), "template": _TEXTS},
    optional={"images": st.lists(st.sampled_from(["a", "photo"]), max_size=2)},
)
_MORE = {
    "dialect": st.sampled_from(["agentflow", "mustache", "jinja"]),
    "schema": st.just({"content": {"type": "string", "required": True}}),
    "output_schema": st.fixed_dictionaries({"type": st.just("object"), "default": _JSON, "title": _TEXTS}),
    "parameters": st.fixed_dictionaries(
        {},
        optional={
            "model": _TEXTS,
            "temperature": st.floats(0, 2),
            "stop": st.lists(_TEXTS, max_size=2),
            "seed": st.integers(0, 2**31 - 1),
        },
    ),
    "tools": st.lists(st.sampled_from(["search", "no", "a.b"]), max_size=2),
    "project": st.sampled_from(["search", "on"]),
    "message": _TEXTS,
    "labels": st.lists(st.sampled_from(["production", "staging", "no"]), max_size=2),
}
_NAMES = st.sampled_from(["greeter", "no", "a.b-c", "e1", "null"])
_PROMPTS = st.one_of(
    st.fixed_dictionaries({"name": _NAMES, "template": _TEXTS}, optional=_MORE),
    st.fixed_dictionaries({"name": _NAMES, "messages": st.lists(_MESSAGE, min_size=1, max_size=3)}, optional=_MORE),
)


@given(_PROMPTS)
def test_any_prompt_that_is_written_is_read_back_and_written_to_the_same_bytes(body: dict[str, Any]) -> None:
    try:
        prompt = CreatePrompt.model_validate(body)
    except ValidationError:
        return
    text = write_prompt(prompt)
    assert read_prompt(text) == prompt
    assert write_prompt(read_prompt(text)) == text


@given(_PROMPTS)
def test_front_matter_says_the_same_to_any_reader_of_yaml(body: dict[str, Any]) -> None:
    try:
        text = write_prompt(CreatePrompt.model_validate(body))
    except ValidationError:
        return
    front = text.removeprefix("---\n").split("\n---\n")[0]
    if "template" in body or all("---" not in message["template"] for message in body["messages"]):
        assert yaml.safe_load(front)["name"] == body["name"]


@pytest.mark.parametrize("text", [CHAT, TEXT])
def test_a_file_in_the_usual_form_is_written_to_the_same_bytes(text: str) -> None:
    assert write_prompt(read_prompt(text)) == text.replace('"Says who may answer"', "Says who may answer")


def test_a_chat_file_has_messages_images_parameters_and_schemas() -> None:
    prompt = read_prompt(CHAT)
    assert prompt.template is None
    assert [(one.role, one.images) for one in prompt.messages] == [("system", []), ("user", ["photo"])]
    assert prompt.messages[1].template == "<question>\n{{question}}\n</question>"
    assert (prompt.parameters.model, prompt.parameters.temperature) == ("gpt-4o", 0.2)
    assert prompt.variables == {"question": "string", "tags(array, of the question)": "string"}
    assert (prompt.repair, prompt.tools, prompt.labels) == (True, ["search"], ["staging"])


def test_a_text_without_front_matter_is_a_template_of_the_files_name() -> None:
    prompt = read_prompt("# Task\n---\nShorten {{text}}\n", "shortener")
    assert (prompt.name, prompt.template) == ("shortener", "# Task\n---\nShorten {{text}}")


def test_a_file_with_the_line_ends_of_windows_is_the_same_prompt() -> None:
    assert read_prompt("\ufeff" + CHAT.replace("\n", "\r\n")) == read_prompt(CHAT)


def test_text_before_the_first_role_is_of_the_user() -> None:
    prompt = read_prompt('Hi\n{{role "model"}}\nHello\n', "a")
    assert [(one.role, one.template) for one in prompt.messages] == [("user", "Hi"), ("assistant", "Hello")]


def test_an_output_in_picoschema_is_json_schema() -> None:
    prompt = read_prompt("---\nname: a\noutput:\n  schema: string, the answer\n---\nx")
    assert prompt.output_schema == {"type": "string", "description": "the answer"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("---\nname: a\n", "", "not closed"),
        ("---\nname: a\nmodle: x\n---\nx", "modle", "the fields are name"),
        ("---\nname: a\nname: b\n---\nx", "", "line 3"),
        ("---\nname: a\nx: [\n---\nx", "", "line 4"),
        ("---\nname: a b\n---\nx", "name", "pattern"),
        ("---\nname: a\nconfig: {temprature: 1}\n---\nx", "config.temprature", "write one of max_tokens"),
        ("---\nname: a\nconfig: {temperature: 7}\n---\nx", "temperature", "less than or equal to 2"),
        ("---\nname: a\nconfig: 3\n---\nx", "config", "no mapping"),
        ("---\nname: a\ninput: {schema: {x: strnig}}\n---\nx", "input.schema.x", "no type 'strnig'"),
        ("---\nname: a\ninput: {default: {x: 1}}\n---\nx", "input.default", 'default("text")'),
        ("---\nname: a\noutput: {fromat: json}\n---\nx", "output.fromat", "no field of output"),
        ("---\nname: a\nlabels: [3]\n---\nx", "labels[0]", "valid string"),
        ("---\nname: a\ntemplate: x\n---\nx", "", "given twice"),
        ("---\nname: a\n---\n", "template", "the file has no text"),
        ('{{role "robot"}} x', "", "no role 'robot'"),
        ('{{role "system"}} x', "", "at least one message with the role user"),
        ('{{role "user"}} x {{media url=a}}', "", "right after the role"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place_and_a_fix(text: str, place: str, words: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        read_prompt(text, "a")
    [problem] = raised.value.problems
    assert problem.path == place
    assert words in str(problem)
    assert problem.fix
