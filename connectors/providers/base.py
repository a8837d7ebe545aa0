"""The port of a model provider. One call in, one answer or one ``StepError`` out; it never retries by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import SecretStr

from connectors.providers.conversation import Asked, Said, ToolSpec, Turn
from connectors.providers.images import ImageInput
from schemas.errors import StepError
from schemas.limits.quotas import Observed
from schemas.records.base import Usage
from schemas.spec.policy import Effort, PromptCache


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The JSON schema that an answer must follow. ``name`` is letters, digits, '_' and '-'."""

    schema: dict[str, Any]
    name: str = "answer"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to a model.

    ``idempotency_key`` is stable over the attempts of a step. ``attempt`` numbers them; 0 is a request of no step.

    The model reads ``system`` and ``developer`` texts, ``history`` (earlier messages), then ``prompt`` with its
    ``pictures``. With ``tools`` it may request calls instead of answering; ``turns`` are the earlier turns since the
    prompt. ``tool_choice`` is ``auto``, ``none``, ``required`` or the name of a tool; ``parallel_tools`` is whether a
    turn may request several calls. ``options`` are fields of a provider's own wire, by provider; ``prompt_cache`` marks
    the prompt's stable beginning. ``silence_s`` is how long an answer that has begun may stop. ``api_key`` is sent in
    place of the environment's, ``trace_headers`` are those of W3C Trace Context. A wire that cannot express a field
    that is set raises a final ``unsupported_parameter``; nothing is dropped.
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
    system: str = ""
    developer: str = ""
    history: tuple[Said, ...] = ()
    tool_choice: str = "auto"
    output_schema: OutputSchema | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: Effort | None = None
    top_p: float | None = None
    parallel_tools: bool | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prompt_cache: PromptCache = "never"
    silence_s: float = 30.0
    api_key: SecretStr | None = None
    trace_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """A model's answer. ``sent`` and ``received`` are the exact JSON bodies, without credentials and images.

    ``finish_reason`` is ``stop``, ``length``, ``tool_calls``, ``content_filter`` or ``refusal``, whatever the wire
    calls it. ``asked`` are the tool calls that it requests; then it has not answered yet, and ``text`` may be empty.
    ``notes`` are short codes of what was corrected in it, such as counts that cannot be (``providers.usage``).
    ``problem`` is why an answer that is paid for cannot be used, for example that it has no text. ``opaque`` is what
    the provider wants back with the turn's results, such as signed reasoning. ``served`` is how it was served where
    that may have a price of its own, such as ``("service_tier", "priority")``. ``limits`` are the provider's limits, as
    the answer states them. ``stated_cost_usd`` is what the provider itself says that the call costs, as it wrote it.
    ``share_nano`` is its part of a bill that several calls share; without it, its usage has its price.
    """

    text: str
    usage: Usage
    finish_reason: str = "stop"
    sent: dict[str, Any] = field(default_factory=dict)
    received: dict[str, Any] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()
    notes: tuple[str, ...] = ()
    problem: StepError | None = None
    opaque: dict[str, Any] | None = None
    served: tuple[tuple[str, str], ...] = ()
    limits: tuple[Observed, ...] = ()
    stated_cost_usd: object = None
    share_nano: int | None = None


class Provider(Protocol):
    """A model provider.

    ``complete`` raises ``StepError`` with a stable ``code``, see ``providers.http_errors``.
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

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        """Return an upper bound of the tokens of texts that the service adds for tools and for an output's schema."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
