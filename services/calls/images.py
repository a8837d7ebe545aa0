"""Pictures that a model is shown: what its node's inputs name, read, checked and measured before anything is paid."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.images.inspect import analyzed
from connectors.providers.images import MEDIA_TYPES, ImageInput
from connectors.providers.local.images import described
from connectors.tools.builtin.images import decoded, image_at
from connectors.tools.context import ToolContext
from schemas.errors import StepError

MAX_IMAGES = 16
#: In base64 it takes a third more, and services refuse bodies over some tens of MiB.
MAX_BYTES = 20 * 1024 * 1024


async def shown(
    context: ToolContext, names: Sequence[str], args: Mapping[str, Any]
) -> tuple[tuple[ImageInput, ...], dict[str, Any]]:
    """Return the pictures of the arguments called ``names``, and the arguments with what a prompt says in their place.

    An argument is a ``data:`` URL or base64, an object that names a document (``bucket`` and ``key``), or a list of
    these; null is none. Raises a final ``StepError``: ``not_an_image``, ``too_large``, ``bad_arguments``, and those of
    ``s3.fetch``; ``Unavailable``.
    """
    if not names:
        return (), dict(args)
    pictures: list[ImageInput] = []
    named = dict(args)
    for name in names:
        first = len(pictures) + 1
        pictures += await asyncio.to_thread(_of_argument, context, name, args.get(name))
        named[name] = ", ".join(f"picture {number}" for number in range(first, len(pictures) + 1)) or "no picture"
    _check(pictures)
    return tuple(pictures), named


def _of_argument(context: ToolContext, name: str, value: Any) -> list[ImageInput]:
    return list(_pictures(context, name, value))


def _pictures(context: ToolContext, name: str, value: Any) -> Iterator[ImageInput]:
    if value is None:
        return
    if isinstance(value, list):
        for one in value[: MAX_IMAGES + 1]:
            yield from _pictures(context, name, one)
        return
    data = decoded(value) if isinstance(value, str) else image_at(context, value) if isinstance(value, dict) else None
    if data is None:
        raise StepError(
            "bad_arguments",
            f"{name!r} is to be a picture: a data: URL, base64, or an object with 'key' (and 'bucket') of a document",
        )
    yield picture_of(data)


def picture_of(data: bytes) -> ImageInput:
    """Return an image's bytes as they are shown. Raises a final ``StepError``."""
    facts = analyzed(data)
    media_type = MEDIA_TYPES.get(facts["format"])
    if media_type is None:
        known = ", ".join(MEDIA_TYPES)
        raise StepError("not_an_image", f"models are shown {known}, and this is a {facts['format']}; convert it")
    return ImageInput(media_type, data, described(facts))


def _check(pictures: Sequence[ImageInput]) -> None:
    size = sum(len(picture.data) for picture in pictures)
    if len(pictures) > MAX_IMAGES or size > MAX_BYTES:
        raise StepError(
            "too_large",
            f"a model is shown at most {MAX_IMAGES} pictures of {MAX_BYTES} bytes together, and these are "
            f"{len(pictures)} with {size}; show fewer, or make them smaller",
        )
