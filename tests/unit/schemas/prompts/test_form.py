"""What a version of a prompt is, and the hash that covers it."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.ids import content_hash
from schemas.prompts.form import PromptForm, form_hash

_SCHEMA = {"type": "object"}


def test_a_version_that_is_only_a_text_has_the_hash_of_its_text() -> None:
    assert form_hash("Say {{word}}", None) == form_hash("Say {{word}}", PromptForm()) == content_hash(b"Say {{word}}")


@pytest.mark.parametrize(
    "form",
    [
        {"dialect": "mustache"},
        {"messages": [{"role": "user", "template": "hi"}]},
        {"refs": {"header": "header@1"}},
        {"parts": {"header@1": {"template": "Be brief."}}},
        {"parts": {"header@1": {"template": "Be kind."}}},
        {"parameters": {"temperature": 0.1}},
        {"parameters": {"temperature": 0.2}},
        {"input_schema": _SCHEMA},
        {"output_schema": _SCHEMA},
        {"output_schema": _SCHEMA, "repair": True},
        {"tools": ["search"]},
    ],
)
def test_all_that_changes_a_request_changes_the_hash(form: dict[str, Any]) -> None:
    others = [PromptForm(), *map(PromptForm.model_validate, _OTHERS)]
    hashes = {form_hash("text", one) for one in others if one != PromptForm.model_validate(form)}
    assert form_hash("text", PromptForm.model_validate(form)) not in hashes


_OTHERS: list[dict[str, Any]] = [
    {"dialect": "jinja"},
    {"messages": [{"role": "user", "template": "ho"}]},
    {"parts": {"header@1": {"template": "Be kind."}}},
    {"parameters": {"temperature": 0.2}},
    {"output_schema": _SCHEMA},
    {"tools": ["send"]},
]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"messages": [{"role": "system", "template": "x"}]}, "at least one message with the role user"),
        ({"repair": True}, "repair needs an output_schema"),
        ({"parameters": {"temperature": 3}}, "less than or equal to 2"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_form_that_cannot_be_asked_is_refused(form: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PromptForm.model_validate(form)
