"""The texts of a version with its pinned parts: what they need, and what they render."""

import msgspec
import pytest

from schemas.prompts.form import PromptForm
from schemas.prompts.texts import known_names, parts_of, render_text, required_names
from schemas.records.steps import TemplateForm
from schemas.spec.references import MissingVariable

#: `header` means one version in the prompt, and another one inside of a part.
DOCUMENT = {
    "refs": {"header": "header@2", "footer@production": "footer@1"},
    "parts": {
        "header@2": {"template": "Two for {{who}}."},
        "header@1": {"template": "One for {{who}} by {{author}}."},
        "footer@1": {
            "template": '{{> header who=name}} {{sign | default("")}}',
            "refs": {"header": "header@1"},
        },
    },
}
TEXT = '{{> header who="you"}} {{question}} {{#more}}{{detail}}{{/more}} {{> footer@production}}'


@pytest.fixture(params=["stored", "record"])
def form(request):
    if request.param == "stored":
        return PromptForm.model_validate(DOCUMENT)
    return msgspec.convert(DOCUMENT, TemplateForm)


def test_each_text_has_its_own_references(form):
    values = {"question": "Why?", "name": "Ada", "author": "Bo"}
    assert render_text(TEXT, form, values) == "Two for you. Why?  One for Ada by Bo. "


def test_names_of_parts_are_needed_but_for_those_of_arguments(form):
    assert required_names(TEXT, form) == {"question", "name", "author"}
    assert known_names(TEXT, form) == {"question", "name", "author", "more", "detail", "sign"}


def test_a_part_inside_of_a_section_may_be_missing_its_values(form):
    assert required_names("{{#x}}{{> footer@production}}{{/x}}", form) == frozenset()


def test_a_reference_that_is_not_pinned_is_unknown(form):
    with pytest.raises(LookupError):
        parts_of(form).part("other")


def test_without_a_form_the_text_is_all():
    assert required_names("{{a}} {{b | default(1)}}") == {"a"}
    assert known_names("{{a}} {{b | default(1)}}") == {"a", "b"}
    assert render_text("{{a}}", None, {"a": 1}) == "1"


def test_messages_and_their_images_are_needed():
    messages = [
        {"role": "system", "template": "{{tone}}"},
        {"role": "user", "template": "{{question}}", "images": ["photo"]},
    ]
    form = PromptForm.model_validate({"messages": messages})
    assert required_names("", form) == known_names("", form) == {"tone", "question", "photo"}


def test_other_dialects_require_nothing():
    for dialect in ("mustache", "jinja"):
        form = PromptForm(dialect=dialect)
        assert required_names("{{a}}", form) == frozenset()
        assert known_names("{{a}}", form) == {"a"}


def test_names_of_a_malformed_text_do_not_stop_a_fold():
    assert known_names("{{#a}}", PromptForm(dialect="mustache")) == frozenset()


def test_a_missing_value_inside_of_a_part_is_named(form):
    with pytest.raises(MissingVariable, match="'author' is needed"):
        render_text(TEXT, form, {"question": "?", "name": "Ada"})
