"""Which prompts may be compared by meaning: those in which the marked variable only stands there."""

from typing import Any

import msgspec
import pytest

from schemas.records.steps import CacheWish, SemanticWish, TemplateForm
from services.caching.key import digest_of
from services.calls.cache_question import asked_of, question_of
from services.calls.call import Call, Template
from services.calls.stages.render import Render
from tests.support.calls import Next, call

WISH = CacheWish(semantic=SemanticWish(variable="question", threshold=0.8))


async def rendered(text: str, args: dict[str, Any], **form: Any) -> Call:
    made = msgspec.convert(form, TemplateForm) if form else None
    template, proceed = Template(name="ask", version=1, text=text, args=args, form=made), Next()
    await Render()(call(template=template, prompt="", cache=True, cache_wish=WISH), proceed)
    return proceed.call


def chat(*messages: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "template": text} for role, text in messages]


async def test_a_variable_that_stands_in_the_last_message_may_differ() -> None:
    messages = chat(("system", "Be brief."), ("user", "Q: {{question}}"))
    one, other = [
        question_of(await rendered("", {"question": text}, messages=messages)) for text in ("how tall", "how high")
    ]
    assert one is not None
    assert other is not None
    assert (one.text, one.partition) == ("how tall", other.partition)
    changed = question_of(await rendered("", {"question": "how tall"}, messages=chat(("user", "Q: {{question}}"))))
    assert changed is not None
    assert changed.partition != one.partition


async def test_a_variable_in_another_message_makes_no_two_alike() -> None:
    messages = chat(("system", "About {{question}}."), ("user", "Q: {{question}}"))
    one, other = [
        question_of(await rendered("", {"question": text}, messages=messages)) for text in ("how tall", "how high")
    ]
    assert one is None or other is None or one.partition != other.partition


@pytest.mark.parametrize("text", ["{{question | upper}}", "{{#question}}There is one.{{/question}}"])
async def test_a_variable_that_is_changed_or_only_decides_is_not_compared(text: str) -> None:
    assert question_of(await rendered(text, {"question": "how tall"})) is None


async def test_a_plain_placeholder_is_compared_as_before() -> None:
    one = question_of(await rendered("Q: {{question}} {{n}}", {"question": "how tall", "n": 1}))
    other = question_of(await rendered("Q: {{question}} {{n}}", {"question": "how high", "n": 2}))
    assert one is not None
    assert other is not None
    assert one.partition != other.partition


async def test_the_key_of_an_answer_has_every_message_and_the_schema() -> None:
    keys = {
        digest_of(asked_of(await rendered("", {"x": value}, messages=chat(*messages))))
        for value in "ab"
        for messages in (
            [("system", "{{x}}"), ("user", "Hi")],
            [("developer", "{{x}}"), ("user", "Hi")],
            [("user", "{{x}}"), ("user", "Hi")],
            [("user", "{{x}}")],
        )
    }
    assert len(keys) == 8
