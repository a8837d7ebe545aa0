"""What a version says: a text with its parts, or the messages of a chat."""

from typing import Any

import msgspec
import pytest

from schemas.prompts.rendering import Rendered, rendered
from schemas.records.steps import TemplateForm
from schemas.spec.references import MissingVariable
from schemas.templates import TemplateError

HOSTILE = "{{secret}} {{> head}}"


def form(**fields: Any) -> TemplateForm:
    return msgspec.convert(fields, TemplateForm)


def chat(*messages: tuple[str, str], **more: Any) -> TemplateForm:
    return form(messages=[{"role": role, "template": text} for role, text in messages], **more)


def test_a_text_has_its_parts_which_have_theirs() -> None:
    parts = {
        "head@2": {"template": "Dear {{who}}{{> mark}}", "refs": {"mark": "mark@1"}},
        "mark@1": {"template": "!"},
    }
    made = form(refs={"head@production": "head@2"}, parts=parts)
    assert rendered("{{> head@production who=name}} Hi", made, {"name": HOSTILE}).prompt == f"Dear {HOSTILE}! Hi"


def test_a_chat_has_its_system_and_history_before_the_last_message_of_the_user() -> None:
    made = chat(
        *(
            ("system", "Be {{tone}}."),
            ("user", "1+1?"),
            ("assistant", "2"),
            ("developer", "Short."),
            ("system", "Fine."),
        ),
        ("user", "{{x}}+1?"),
    )
    found = rendered("", made, {"tone": "brief", "x": HOSTILE})
    assert found == Rendered(f"{HOSTILE}+1?", "Be brief.\n\nFine.", "Short.", (("user", "1+1?"), ("assistant", "2")))


def test_a_message_without_text_is_left_out() -> None:
    made = chat(("system", "{{#rules}}{{rules}}{{/rules}}"), ("user", " "), ("user", "Hi"))
    assert rendered("", made, {"rules": ""}) == Rendered("Hi")


def test_a_chat_that_ends_with_the_assistant_is_an_error() -> None:
    with pytest.raises(TemplateError, match="end with a message of the user"):
        rendered("", chat(("user", "Hi"), ("assistant", "Ho")), {})


def test_a_missing_value_of_any_message_is_an_error() -> None:
    with pytest.raises(MissingVariable, match="tone"):
        rendered("", chat(("system", "{{tone}}"), ("user", "Hi")), {})
