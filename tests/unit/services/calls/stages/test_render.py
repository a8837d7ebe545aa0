"""Step 1: the prompt is rendered from its template."""

import msgspec
import pytest

from connectors.providers.conversation import Said
from schemas.errors import StepError
from schemas.records.steps import TemplateForm
from services.calls.call import Template
from services.calls.stages.render import Render
from tests.support.calls import Next, call, replaced


def template(text: str) -> Template:
    return Template(name="ask", version=3, text=text, args={"word": "x"})


async def test_template_becomes_the_prompt() -> None:
    proceed = Next()
    await Render()(call(template=template("Tell {{word}}"), prompt=""), proceed)
    assert proceed.call.content.prompt == "Tell x"


async def test_prompt_without_a_template_stays() -> None:
    proceed, made = Next(), call(template=None, prompt="as it is {{word}}")
    await Render()(made, proceed)
    assert proceed.call is made


async def test_variable_without_a_value_is_final_and_names_the_prompt() -> None:
    proceed = Next()
    with pytest.raises(StepError, match="prompt ask@3") as caught:
        await Render()(call(template=template("Tell {{name}}")), proceed)
    assert (caught.value.code, caught.value.retryable, proceed.calls) == ("missing_variable", False, [])


def chat(**more: object) -> Template:
    messages = [
        {"role": "system", "template": "Be {{tone}}."},
        {"role": "user", "template": "Hi"},
        {"role": "assistant", "template": "Ho"},
        {"role": "user", "template": "{{word}}?"},
    ]
    form = msgspec.convert({"messages": messages} | more, TemplateForm)
    return Template(name="ask", version=3, text="", args={"word": "x", "tone": "brief"}, form=form)


async def test_a_chat_becomes_messages_and_the_system_text_of_the_node_comes_first() -> None:
    proceed = Next()
    await Render()(call(template=chat(), prompt="", system="Node first."), proceed)
    content = proceed.call.content
    assert (content.prompt, content.system) == ("x?", "Node first.\n\nBe brief.")
    assert content.history == (Said("user", "Hi"), Said("assistant", "Ho"))


async def test_a_template_that_cannot_be_rendered_is_final() -> None:
    proceed = Next()
    with pytest.raises(StepError, match="prompt ask@3") as caught:
        await Render()(call(template=chat(messages=[{"role": "assistant", "template": "Ho"}])), proceed)
    assert (caught.value.code, caught.value.retryable, proceed.calls) == ("bad_template", False, [])


SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "integer"}, "photo": {"type": "object"}},
    "required": ["word"],
    "additionalProperties": False,
}


async def test_values_that_break_the_input_schema_are_final_and_named() -> None:
    with pytest.raises(StepError, match=r'\$\.word: the value is not of type "integer"') as caught:
        await Render()(call(template=chat(input_schema=SCHEMA | {"additionalProperties": True})), Next())
    assert (caught.value.code, caught.value.retryable) == ("invalid_prompt_input", False)


async def test_values_are_checked_as_they_were_bound_and_those_that_the_prompt_does_not_read_are_not() -> None:
    made = chat(messages=[{"role": "user", "template": "{{word}} {{photo}}"}], input_schema=SCHEMA)
    args = {"word": 1, "photo": "picture 1", "other": "of the run"}
    template = replaced(made, args=args, given=args | {"photo": {"key": "a.png"}})
    proceed = Next()
    await Render()(call(template=template), proceed)
    assert proceed.call.content.prompt == "1 picture 1"


async def test_a_schema_that_refers_elsewhere_fetches_nothing() -> None:
    with pytest.raises(StepError) as caught:
        await Render()(call(template=chat(input_schema={"$ref": "http://127.0.0.1:1/x.json"})), Next())
    assert caught.value.code == "invalid_prompt_input"
