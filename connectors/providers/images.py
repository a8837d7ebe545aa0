"""Images that a model is shown with its prompt. Data only."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: The media types that services with OpenAI's chat completions accept.
MEDIA_TYPES: Mapping[str, str] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
#: Upper bound of the tokens that a service may count for one image at its highest detail, by prefix of its model's
#: name, with room for changes: the published tiles or patches of that family, at its largest size.
_MAX_TOKENS = (
    ("gpt-4o-mini", 50_000),
    ("gpt-4o", 2_000),
    ("gpt-4.1-mini", 4_000),
    ("gpt-4.1-nano", 6_000),
    ("gpt-4.1", 2_500),
    ("o4-mini", 4_000),
    ("o1", 2_000),
    ("o3", 2_000),
    ("claude", 8_000),
)
#: Of any other model. No service is known to count more for an image unless it is told to split it.
MAX_IMAGE_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class ImageInput:
    """An image's bytes. ``said`` is a description of its measurements."""

    media_type: str
    data: bytes = field(repr=False)
    said: str = ""

    @property
    def base64(self) -> str:
        """The image in base64."""
        return base64.b64encode(self.data).decode()

    @property
    def url(self) -> str:
        """The image as a ``data:`` URL."""
        return f"data:{self.media_type};base64,{self.base64}"

    @property
    def sha256(self) -> str:
        """The hash of its bytes."""
        return hashlib.sha256(self.data).hexdigest()


def most_tokens(model: str) -> int:
    """Return an upper bound of a service's count for one image."""
    name = model.lower().rpartition("/")[2]
    return next((most for start, most in _MAX_TOKENS if name.startswith(start)), MAX_IMAGE_TOKENS)


def noted(body: dict[str, Any], pictures: Sequence[ImageInput]) -> dict[str, Any]:
    """Return a request's body as it is stored: each image as its hash and size instead of its bytes."""
    if not pictures:
        return body
    kept = {p.url: (p, f"data:{p.media_type};base64,") for p in pictures} | {p.base64: (p, "") for p in pictures}
    without: dict[str, Any] = _without_bytes(body, kept)
    return without


def _without_bytes(value: Any, kept: Mapping[str, tuple[ImageInput, str]]) -> Any:
    if isinstance(value, list):
        return [_without_bytes(item, kept) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        picture, prefix = kept.get(item, (None, "")) if isinstance(item, str) else (None, "")
        if picture is None:
            found[key] = _without_bytes(item, kept)
        else:
            found |= {key: prefix, "sha256": picture.sha256, "bytes": len(picture.data)}
    return found
