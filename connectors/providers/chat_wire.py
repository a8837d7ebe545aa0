"""The chat-completions wire format: a request's body, and an answer read from one. No I/O."""

from dataclasses import dataclass
from typing import Any, Literal

from connectors.providers.base import ModelRequest

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]


class MalformedError(ValueError):
    """The body is not a chat completion; the message names what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What an answer says. A token count is ``None`` where the provider gave none."""

    text: str
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None


def request_body(request: ModelRequest, max_tokens_field: MaxTokensField = "max_tokens") -> dict[str, Any]:
    """Return the JSON body of a request: the prompt as one message of the user."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": "user", "content": request.prompt}],
        max_tokens_field: request.max_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return body


def read_completion(body: object) -> Completion:
    """Read an answer's JSON body. Raises ``MalformedError``."""
    if not isinstance(body, dict):
        raise MalformedError(f"the body is a {type(body).__name__}, not an object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedError("'choices' is not a list with an object in it")
    text = _text(choices[0].get("message"))
    reason = choices[0].get("finish_reason")
    usage = body.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Completion(
        text=text,
        finish_reason=reason if isinstance(reason, str) else "stop",
        input_tokens=_tokens(counts.get("prompt_tokens")),
        output_tokens=_tokens(counts.get("completion_tokens")),
    )


def _text(message: object) -> str:
    """Return a message's text. A refusal is text too: it was answered and is paid for."""
    if not isinstance(message, dict):
        raise MalformedError("'choices[0].message' is not an object")
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        return refusal
    raise MalformedError("'choices[0].message.content' is not text")


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
