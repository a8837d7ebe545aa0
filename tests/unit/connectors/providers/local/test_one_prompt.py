"""A conversation as one prompt, and a schema as the shape of the answer."""

import json
from typing import Any

import pytest

from connectors.providers.base import ModelRequest, OutputSchema
from connectors.providers.conversation import Said
from connectors.providers.local.one_prompt import one_prompt
from connectors.providers.local.provider import LocalProvider
from connectors.providers.request_text import request_text
from schemas.errors import StepError
from schemas.values.json_schemas import violations

SCHEMA = {
    "type": "object",
    "properties": {"mood": {"enum": ["glad", "sad"]}, "why": {"type": "string"}},
    "required": ["mood", "why"],
    "additionalProperties": False,
}


def request(**fields: Any) -> ModelRequest:
    return ModelRequest(
        **({"model": "local-silver", "prompt": "What a day.", "max_tokens": 200} | fields), idempotency_key="k"
    )


def test_texts_come_in_the_order_in_which_they_are_read() -> None:
    history = (Said("user", "Hi"), Said("assistant", "Ho"))
    found = one_prompt(request(system="Rules.", developer="More.", history=history))
    assert found == request(prompt="Rules.\n\nMore.\n\nHi\n\nHo\n\nWhat a day.")
    assert one_prompt(request()) == request()


async def test_an_answer_follows_a_schema_of_texts_and_is_counted_within_its_bound() -> None:
    provider = LocalProvider()
    asked = request(output_schema=OutputSchema(SCHEMA), system="Read what people say:")
    answer = await provider.complete(asked)
    await provider.close()
    assert violations(SCHEMA, json.loads(answer.text)) == ()
    assert answer.usage.input_tokens <= provider.count_tokens("local-silver", request_text(asked))


@pytest.mark.parametrize(
    "schema",
    [{"type": "array"}, {"type": "object"}, {"type": "object", "properties": {"n": {"type": "integer"}}}, {}],
)
def test_another_schema_is_refused_by_all_but_the_test_model(schema: dict[str, Any]) -> None:
    with pytest.raises(StepError) as caught:
        one_prompt(request(output_schema=OutputSchema(schema)))
    assert (caught.value.code, caught.value.details["field"]) == ("unsupported_parameter", "output_schema")
    assert one_prompt(request(output_schema=OutputSchema(schema), model="local-echo")).prompt == "What a day."


@pytest.mark.parametrize("field", [{"seed": 1}, {"stop": ("a",)}, {"top_p": 0.5}, {"options": {"local": {"x": 1}}}])
def test_a_field_of_no_use_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(StepError, match="local"):
        one_prompt(request(**field))
