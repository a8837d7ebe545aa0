"""The image that an attempt works on."""

import asyncio
from typing import Any

from connectors.providers.images import ImageInput
from connectors.tools.builtin.images import image_of
from connectors.tools.context import ToolContext
from services.calls.images import picture_of


async def picture_in(context: ToolContext, args: dict[str, Any]) -> ImageInput:
    """Return the image that ``image_analyzer`` is given. Raises a final ``StepError``, as the tool does."""
    return picture_of(await asyncio.to_thread(image_of, context, args))
