"""Files that nobody wrote with care: each is read or refused, and none becomes a malformed template."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidSpec
from schemas.prompt_files.exchange import IMPORTS, export_text, import_text
from schemas.prompt_files.lint import lint, size_of
from schemas.prompt_files.own import read_prompt
from schemas.prompt_files.versions import texts_of
from schemas.prompt_files.yaml_lines import yaml_text
from schemas.templates import template_errors

_PIECES = [
    *("{{a}}", "{{ a.b }}", "{{.}}", "{{#a}}", "{{/a}}", "{{^a}}", "{{> p}}", "{{> p x=a}}", "{{!-- c --}}", "{{{a}}}"),
    *(
        "{{#if a}}",
        "{{else}}",
        "{{else if b}}",
        "{{/if}}",
        "{{#each a}}",
        "{{/each}}",
        "{{this}}",
        "{{~a~}}",
        "{{@x.y}}",
    ),
    *("{{json a}}", '{{role "user"}}', '{{role "system"}}', "{{media url=a}}", "\\{{a}}", "{{", "}}", "{%", "%}", "{#"),
    *(
        "\n",
        " ",
        "---\n",
        "x",
        '"',
        "<t>",
        "</t>",
        "user:\n",
        "system:\n",
        "{{a | upper}}",
        '{{a | default("b")}}',
        "é",
    ),
]
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=10).map("".join)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "x/y", "string", "{{a}}", "openai:m"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["a", "type", "default", "schema", "vars", "assert", "value", "id", "raw", "name", "api"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
_FRONT = st.dictionaries(
    st.sampled_from(
        [
            *("name", "model", "config", "input", "output", "tools", "inputs", "sample", "template", "description"),
            *("prompts", "providers", "tests", "defaultTest", "a.b", "messages", "labels", "dialect"),
        ]
    ),
    _VALUES,
    max_size=4,
)


@given(_FRONT, _TEXTS)
def test_a_file_of_ours_is_refused_or_linted_and_exported(front: dict[str, Any], body: str) -> None:
    text = f"---\n{yaml_text(front)}---\n{body}" if front else body
    try:
        prompt = read_prompt(text, "a")
    except InvalidSpec:
        return
    assert all(one.line >= 1 and one.fix for one in lint(prompt, text, lambda _: None))
    size = size_of(prompt, lambda _: None)
    assert 0 <= size.tokens <= size.most
    for form in ("dotprompt", "promptfoo"):
        try:
            export_text(form, prompt, [], [])
        except InvalidSpec:
            continue


@pytest.mark.parametrize("form", IMPORTS)
@given(front=_FRONT, body=_TEXTS)
def test_a_file_of_another_program_is_refused_or_becomes_a_prompt(form: str, front: dict[str, Any], body: str) -> None:
    if form == "promptfoo":
        text = yaml_text({**front, "prompts": [body]}) if body else yaml_text(front)
    else:
        text = f"---\n{yaml_text(front)}---\n{body}" if front else body
    try:
        found = import_text(form, text, "a", lambda _: "x")
    except InvalidSpec as exc:
        problems = exc.problems
        assert all(problem.message for problem in problems)
        return
    assert all(str(note) for one in found for note in one.notes)
    for one in found:
        assert all(template_errors(text, one.prompt.dialect) == () for text in texts_of(one.prompt))
