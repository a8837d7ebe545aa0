"""Step 1: the prompt is rendered from its template."""

import pytest

from schemas.errors import StepError
from services.calls.call import Template
from services.calls.stages.render import Render
from tests.support.calls import Next, call


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
