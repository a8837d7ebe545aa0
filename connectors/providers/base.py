"""The port of a model provider. One call in, one answer or one ``StepError`` out; it never retries by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.providers.conversation import Asked, ToolSpec, Turn
from connectors.providers.images import ImageInput
from schemas.errors import StepError
from schemas.records.base import Usage


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to a model.

    ``idempotency_key`` is stable over the attempts of a step. ``attempt`` numbers them; 0 is a request of no step.

    With ``tools`` the model may request calls instead of answering; ``turns`` are the earlier turns since the prompt.
    ``pictures`` are images shown with the prompt.
    """

    model: str
    prompt: str
    max_tokens: int
    idempotency_key: str
    temperature: float | None = None
    timeout_s: float = 60.0
    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[Turn, ...] = ()
    pictures: tuple[ImageInput, ...] = ()
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """A model's answer. ``sent`` and ``received`` are the exact JSON bodies, without credentials and images.

    ``asked`` are the tool calls that it requests; then it has not answered yet, and ``text`` may be empty. ``notes``
    are short codes of what was corrected in it, such as counts that cannot be (``providers.usage``). ``problem`` is why
    an answer that is paid for cannot be used, for example that it has no text.
    """

    text: str
    usage: Usage
    finish_reason: str = "stop"
    sent: dict[str, Any] = field(default_factory=dict)
    received: dict[str, Any] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()
    notes: tuple[str, ...] = ()
    problem: StepError | None = None


class Provider(Protocol):
    """A model provider.

    ``complete`` raises ``StepError`` with a stable ``code``: ``rate_limited`` (retryable, with ``retry_after_ms`` when
    the provider says), ``provider_unavailable`` and ``provider_error`` (retryable), ``provider_timeout``
    (retryable; the outcome is unknown), ``provider_rejected`` and ``provider_auth`` (final).
    """

    name: str

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Call the model once."""
        ...

    def count_tokens(self, model: str, text: str) -> int:
        """Return an upper bound of the tokens in ``text``, for a hold's estimate."""
        ...

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        """Return an upper bound of the tokens that images are counted as."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
