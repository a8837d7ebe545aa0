"""Configurations of promptfoo: prompts, cases and scorers, read and written."""

import json
from typing import Any

import pytest
import yaml

from schemas.api_models.prompts.evaluations import Scorer
from schemas.errors import InvalidSpec
from schemas.prompt_files.imported import Imported
from schemas.prompt_files.own import read_prompt
from schemas.prompt_files.promptfoo import read_promptfoo, write_promptfoo

CONFIG = """description: translates
prompts:
  - 'Translate to {{language}}: {{input}}'
  - file://second.txt
providers:
  - id: openai:chat:gpt-4o-mini
    config: {temperature: 0, apiHost: x}
  - anthropic:messages:claude-haiku-4-5
defaultTest:
  assert:
    - {type: latency, threshold: 3000}
    - {type: not-contains, value: sorry}
    - {type: javascript, value: output.length < 10}
tests:
  - description: two cases
    vars: {language: [French, German], input: Hello}
    assert:
      - {type: icontains, value: a}
      - {type: llm-rubric, value: is polite}
  - vars: {language: Latin, input: Hello}
    options: {transform: x}
    assert:
      - {type: equals, value: Salve, weight: 2, metric: word}
      - {type: llm-rubric, value: is polite}
      - {type: regex, value: ^S}
"""


def _no_files(name: str) -> str:
    raise AssertionError(name)


def _read(text: str, **files: str) -> list[Imported]:
    return read_promptfoo(text, "translate", lambda name: files.get(name.partition(".")[0], ""))


def test_a_configuration_becomes_prompts_cases_and_scorers() -> None:
    first, second = _read(
        CONFIG, second='[{"role": "system", "content": "Be"}, {"role": "user", "content": "{{input}}"}]'
    )
    assert (first.prompt.name, first.prompt.template) == ("translate", "Translate to {{language}}: {{input}}")
    assert (first.prompt.parameters.provider, first.prompt.parameters.model) == ("openai", "gpt-4o-mini")
    assert (first.prompt.parameters.temperature, first.prompt.message) == (0, "translates")
    assert (second.prompt.name, [one.role for one in second.prompt.messages]) == ("translate_2", ["system", "user"])
    assert [(case["inputs"]["language"], case.get("expected")) for case in first.cases] == [
        ("French", "a"),
        ("German", "a"),
        ("Latin", None),
    ]
    assert first.scorers == [
        {"kind": "latency", "options": {"limit_ms": 3000}},
        {"kind": "contains", "options": {"match": "none", "values": ["sorry"]}},
        {"kind": "llm_judge", "options": {"rubric": "is polite"}},
        {"kind": "contains", "options": {"ignore_case": True}, "name": "contains_2"},
    ]
    assert all(Scorer.model_validate(one) for one in first.scorers)


def test_each_thing_that_is_lost_is_named() -> None:
    subjects = {note.subject for note in _read(CONFIG, second="x {{input}}")[0].notes}
    assert subjects == {
        "assert.javascript",
        "providers[0].config.apiHost",
        "providers[1]",
        "tests[1].options",
        "tests[2].assert.equals",
        "tests[2].assert.regex",
        "missing values",
    }


def test_an_assertion_of_one_test_is_what_its_case_expects() -> None:
    text = (
        "prompts: ['{{a}}']\ntests:\n- vars: {a: 1}\n  assert: [{type: equals, value: one, weight: 2, metric: word}]\n"
    )
    [found] = _read(text + "- vars: {a: 2}\n  assert: [{type: equals, value: two, weight: 2, metric: word}]\n")
    assert [case["expected"] for case in found.cases] == ["one", "two"]
    assert found.scorers == [{"kind": "exact", "weight": 2, "name": "word"}]


def test_a_template_of_nunjucks_keeps_the_dialect_jinja() -> None:
    [found] = _read("prompts: ['{% if a %}x{% endif %}']\n")
    assert found.prompt.dialect == "jinja"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tests: []\n", "has no prompts"),
        ("prompts: [file://a.py]\n", "is a program"),
        ("prompts: [x]\ntests: file://tests.csv\n", "is a file or a generator"),
        ("prompts: [x]\ntests: [file://tests.yaml]\n", "is a file"),
        ("prompts: [{label: x}]\n", "has no text"),
        ("""prompts: ['[{"role": "tool", "content": "x"}]']\n""", "no text of a role"),
        ("prompts: [x]\ntests:\n- vars: {" + ", ".join(f"v{n}: [1, 2, 3, 4]" for n in range(8)) + "}\n", "10000 cases"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_a_fix(text: str, words: str) -> None:
    with pytest.raises(InvalidSpec, match=words) as raised:
        _read(text)
    assert raised.value.problems[0].fix


PROMPT = """---
name: reply
model: gpt-4o
provider: openai
config: {temperature: 0.1}
input:
  schema:
    question: string
    urgent: boolean
---
{{role "system"}}
Be {{tone | default("kind")}}.{{#urgent}} Now.{{/urgent}}{{^urgent}} So.{{/urgent}}

{{role "user"}}
{{.question}} {{facts | json}} {{"{{"}}
"""
_SCORERS: list[dict[str, Any]] = [
    {"kind": "exact"},
    {"kind": "contains", "options": {"values": ["a", "b"], "match": "any"}, "name": "words", "weight": 2.0},
    {"kind": "regex", "options": {"pattern": "^S", "absent": True}},
    {"kind": "json_schema", "options": {"schema": {"type": "object"}}},
    {"kind": "latency", "options": {"limit_ms": 900.0}},
    {"kind": "llm_judge", "options": {"rubric": "is polite"}},
]


def test_a_prompt_is_written_with_its_cases_and_scorers() -> None:
    cases = [{"id": "a", "inputs": {"question": "Q", "urgent": True}, "expected": "A"}]
    text, notes = write_promptfoo(read_prompt(PROMPT), cases, [*_SCORERS, {"kind": "custom", "options": {"name": "x"}}])
    config = yaml.safe_load(text)
    chat = yaml.safe_load(config["prompts"][0])
    assert chat[0] == {
        "role": "system",
        "content": 'Be {{ tone | default("kind") }}.{% if urgent %} Now.{% endif %}{% if not urgent %} So.{% endif %}',
    }
    assert chat[1]["content"] == '{{question}} {{ facts | dump }} {{ "{{" }}'
    assert config["providers"] == [{"id": "openai:gpt-4o", "config": {"temperature": 0.1}}]
    assert [one["type"] for one in config["tests"][0]["assert"]] == [
        "equals",
        "contains-any",
        "not-regex",
        "is-json",
        "latency",
        "llm-rubric",
    ]
    assert [note.subject for note in notes] == ["scorer custom"]


def test_what_is_written_is_read_back_as_the_same_cases_and_scorers() -> None:
    cases = [{"id": f"test-{n}", "inputs": {"question": f"Q{n}"}, "expected": f"A{n}"} for n in (1, 2)]
    text, _ = write_promptfoo(read_prompt("Answer {{question}}", "reply"), cases, _SCORERS)
    [found] = read_promptfoo(text, "reply", _no_files)
    assert found.prompt.template == "Answer {{question}}"
    assert found.cases == cases
    assert sorted(map(_shown, found.scorers)) == sorted(map(_shown, _SCORERS))


def _shown(scorer: dict[str, Any]) -> str:
    return json.dumps({**scorer, "name": ""}, sort_keys=True)


@pytest.mark.parametrize(
    "template",
    [
        "{{> header}}",
        "{{#items}}x{{/items}}",
        "{{text | truncate(3)}}",
        "{{text | indent(2)}}",
        "{{#a}}{{.}}{{/a}}",
        "{{#tags}}x{{/tags}}",
    ],
)
def test_a_tag_without_a_counterpart_is_an_error_with_its_line(template: str) -> None:
    schema = "{'items(array)': string, 'tags?(array)': string, text: string, 'a?': string}"
    text = f"---\nname: a\ninput: {{schema: {schema}}}\n---\nx\n{template}"
    with pytest.raises(InvalidSpec, match="line 2, column"):
        write_promptfoo(read_prompt(text), [], [])


def test_a_section_of_a_value_without_a_schema_is_a_condition_with_a_note() -> None:
    text, notes = write_promptfoo(read_prompt("{{#questions}}{{text}}{{/questions}}", "a"), [], [])
    assert "{% if questions %}{{text}}{% endif %}" in text
    assert "#questions" in [note.subject for note in notes]


@pytest.mark.parametrize("kind", ["json_schema", "regex", "llm_judge"])
def test_a_scorer_without_its_option_is_noted(kind: str) -> None:
    _, notes = write_promptfoo(read_prompt("x", "a"), [{"inputs": {}}], [{"kind": kind}])
    assert f"scorer {kind}" in [note.subject for note in notes]


@pytest.mark.parametrize(("threshold", "grade"), [(0, 1), (0.5, 3), (0.6, 4), (1, 5)])
def test_the_threshold_of_a_rubric_is_the_least_grade_that_reaches_it(threshold: float, grade: int) -> None:
    rubric = {"type": "llm-rubric", "value": "is polite", "threshold": threshold}
    (found,) = _read(yaml.safe_dump({"prompts": ["Say {{x}}"], "defaultTest": {"assert": [rubric]}}))
    assert found.scorers == [{"kind": "llm_judge", "options": {"rubric": "is polite", "pass_grade": grade}}]
    written, _ = write_promptfoo(found.prompt, [{"inputs": {"x": "a"}}], found.scorers)
    assert yaml.safe_load(written)["tests"][0]["assert"] == [{**rubric, "threshold": (grade - 1) / 4}]


def test_values_that_look_like_templates_come_back_as_they_were() -> None:
    value = "{{tone}} {% x %} {# y #} {{{ {% endraw %}"
    cases = [{"id": "a", "inputs": {"question": value, "more": {"deep": value}}}]
    text, _ = write_promptfoo(read_prompt("Answer {{question}} {{more.deep}}", "reply"), cases, [])
    written = yaml.safe_load(text)["tests"][0]["vars"]
    assert written["question"].startswith('{{ "{{" }}tone}} {{ "{%" }} x %}')
    (found,) = read_promptfoo(text, "reply", _no_files)
    assert found.cases[0]["inputs"] == cases[0]["inputs"]
