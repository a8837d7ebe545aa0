"""``image_analyzer`` with a model: the tool measures, then a vision model is asked, as an ``llm`` node would ask it.

The call goes the way of every model's call (``model_calls``), under the step's own claim: held, in the log before it is
made, settled, counted for the run's cap. The tool itself knows nothing of it.
"""

import asyncio
from typing import Any

from connectors.providers.images import ImageInput
from connectors.tools.builtin.images import ANALYZER, LOOK, MAX_TOKENS, image_of
from connectors.tools.context import ToolContext
from schemas.ids import content_hash
from schemas.records.steps import FunctionCall, LlmCall, ToolCall
from services.calls.images import picture_of


def question_of(work: ToolCall | FunctionCall) -> LlmCall | None:
    """Return what a node asks a model about its image; ``None`` where no model is configured."""
    config = work.config
    if work.kind != "tool" or work.name != ANALYZER or not config.get("model"):
        return None
    prompt = str(config.get("prompt") or LOOK)
    return LlmCall(
        prompt_name=ANALYZER,
        prompt_version=1,
        prompt_hash=content_hash(prompt.encode()),
        template=prompt,
        provider=config.get("provider"),
        model=str(config["model"]),
        max_tokens=int(config.get("max_tokens") or MAX_TOKENS),
    )


async def picture_in(context: ToolContext, args: dict[str, Any]) -> ImageInput:
    """Return the image that the arguments of the tool name. Raises a final ``StepError``, as the tool does."""
    return picture_of(await asyncio.to_thread(image_of, context, args))
