"""``image_analyzer``: format and statistics of an image, measured by Pillow. If its configuration names a ``model``,
the worker calls it, too (``streams.roles.worker.vision``), and pays for it as for any call.

The image is ``image`` (a ``data:`` URL, or base64), or a document as for ``s3.fetch`` (``bucket`` and ``key``). Without
either, the first of the other inputs that has these names is taken: so a node after a classifier, or one that gets the
run's inputs, finds its image by itself.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from connectors.images.inspect import MAX_BYTES, analyzed
from connectors.tools.builtin.s3 import read_document
from connectors.tools.context import ToolContext
from connectors.tools.registry import tool
from schemas.errors import StepError

ANALYZER = "image_analyzer"
#: The default prompt for the model.
LOOK = "Describe what this picture shows in a few plain sentences."
MAX_TOKENS = 300
_KEY_NAMES = ("key", "document_key", "image_key")


@tool(ANALYZER, isolation="thread", source="third_party", effects=False)
class ImageAnalyzer:
    """Return format, size, mode, EXIF and statistics of an image: channels, brightness, dominant colours.

    With a ``model`` that can see, its answer to ``prompt`` is there as ``description``: a paid call like that of an
    ``llm`` node. Raises a final ``StepError``: ``bad_arguments`` (no image is named), ``not_an_image``, ``too_large``,
    and those of ``s3.fetch``.
    """

    def __init__(
        self,
        *,
        model: Annotated[str, Field(min_length=1, max_length=200)] | None = None,
        provider: Annotated[str, Field(min_length=1, max_length=64)] | None = None,
        prompt: Annotated[str, Field(min_length=1, max_length=10_000)] = LOOK,
        max_tokens: Annotated[int, Field(ge=1, le=32_768)] = MAX_TOKENS,
    ) -> None:
        if model is None and (provider is not None or prompt != LOOK):
            raise ValueError("a provider and a prompt are a model's: name the model, too")

    def __call__(
        self, context: ToolContext, *, image: str = "", bucket: str = "", key: str = "", **inputs: Any
    ) -> dict[str, Any]:
        """Measure the image."""
        return analyzed(_bytes(context, {"image": image, "bucket": bucket, "key": key}, inputs))


def image_of(context: ToolContext, args: Mapping[str, Any]) -> bytes:
    """Return the bytes of the image that the tool's arguments name. Raises as the tool does."""
    named = {name: str(args.get(name) or "") for name in ("image", "bucket", "key")}
    return _bytes(context, named, {name: value for name, value in args.items() if name not in named})


def image_at(context: ToolContext, place: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of the image that ``place`` names: ``image``, or a document; ``None`` if it names none.

    Raises a final ``StepError``: ``bad_arguments``, ``too_large``, and those of ``s3.fetch``.
    """
    if place.get("image"):
        return decoded(str(place["image"]))
    for name in _KEY_NAMES:
        if isinstance(place.get(name), str) and place[name]:
            return read_document(context, str(place.get("bucket") or ""), place[name], MAX_BYTES)
    return None


def _bytes(context: ToolContext, named: dict[str, str], inputs: dict[str, Any]) -> bytes:
    for place in _places(named, inputs):
        found = image_at(context, place)
        if found is not None:
            return found
    has = ", ".join(inputs) or "none"
    raise StepError(
        "bad_arguments",
        "image_analyzer needs an image: give 'key' (and 'bucket') of a document, or 'image' with a data: URL or "
        f"base64; its other inputs are: {has}",
    )


def _places(named: dict[str, str], inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield named
    yield inputs
    yield from (value for value in inputs.values() if isinstance(value, dict))


def decoded(text: str) -> bytes:
    """Return the bytes of a ``data:`` URL, or of base64. Raises a final ``StepError``."""
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise StepError("bad_arguments", "the data: URL of 'image' is not in base64")
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise StepError("too_large", f"'image' has {len(text)} characters, which is over {MAX_BYTES} bytes of image")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise StepError("bad_arguments", "'image' is neither a data: URL nor base64") from exc
