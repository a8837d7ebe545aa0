"""The requests of the ``local`` models' server, read out of their JSON bodies."""

import base64
import json
from typing import Any

from connectors.providers.embeddings import EmbeddingRequest
from connectors.providers.local import images
from schemas.errors import InvalidInput


def embedding_request(body: dict[str, Any]) -> EmbeddingRequest:
    """Return a request for vectors. Raises ``InvalidInput`` for a bad field."""
    texts = [body.get("input")] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidInput("'input' must be a text or a list of texts")
    dimensions = body.get("dimensions")
    if dimensions is not None and (not isinstance(dimensions, int) or isinstance(dimensions, bool)):
        raise InvalidInput("'dimensions' must be a whole number")
    return EmbeddingRequest(str(body.get("model")), tuple(texts), "", dimensions)


def asked(body: dict[str, Any]) -> tuple[str, list[str], int]:
    """Return model, the messages' texts and the most tokens of a request. Raises ``InvalidInput`` for a bad field."""
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str):
        raise InvalidInput("'model' must be a string")
    if not isinstance(messages, list) or not messages:
        raise InvalidInput("'messages' must be a list with at least one message")
    max_tokens = body.get("max_completion_tokens", body.get("max_tokens", 1024))
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 1:
        raise InvalidInput("'max_tokens' must be a whole number over zero")
    return model, [text for message in messages if (text := _content(message)) or len(messages) == 1], max_tokens


def _content(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is None and isinstance(message, dict) and message.get("tool_calls"):
        return ""
    if not isinstance(content, str):
        raise InvalidInput("a message's 'content' must be text")
    return content


def seen_in(messages: list[Any]) -> str:
    """Return what is measured of a request's pictures. Raises ``StepError`` and ``InvalidInput`` for what is none."""
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content if isinstance(part, dict)]
    said = [images.describe(_picture(part)) for part in parts if part.get("type") == "image_url"]
    return images.together(said) if said else ""


def _picture(part: dict[str, Any]) -> bytes:
    url = part["image_url"].get("url") if isinstance(part.get("image_url"), dict) else None
    head, _, data = url.partition(";base64,") if isinstance(url, str) else ("", "", "")
    if not head.startswith("data:image/"):
        raise InvalidInput("an image_url is a data: URL of an image in base64 here")
    return base64.b64decode(data, validate=True)


def object_of(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except RecursionError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInput("the body must be a JSON object")
    return value
