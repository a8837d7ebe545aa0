"""What an adapter is: how one kind of service writes requests and answers. Pure functions over JSON values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.providers.base import ModelRequest
from connectors.providers.conversation import Asked
from connectors.providers.images import ImageInput, most_tokens
from schemas.errors import StepError

#: Finish reasons as every adapter reports them.
STOP, LENGTH, TOOL_CALLS, CONTENT_FILTER, REFUSAL = "stop", "length", "tool_calls", "content_filter", "refusal"
_USUAL = ("", "auto", "default", "standard", "global", "not_available")
#: What a service adds around each tool, and to say what a schema means.
TOKENS_OF_A_TOOL = 64
TOKENS_OF_A_SCHEMA = 256
UNKNOWN_FINISH = "finish_reason:unknown"


class MalformedError(ValueError):
    """The body is no answer of this wire; the message names the problem."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A parsed answer. ``counts`` are the provider's by kind, as it gave them (see ``providers.usage``).

    ``problem`` is why an answer that was counted cannot be used; ``hidden`` says that it has output that is not shown,
    such as reasoning, so that the visible text bounds nothing. ``opaque``, ``served`` and ``stated_cost_usd`` are as in
    ``ModelResponse``.
    """

    text: str
    finish_reason: str
    counts: Mapping[str, object] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()
    problem: StepError | None = None
    notes: tuple[str, ...] = ()
    opaque: dict[str, Any] | None = None
    hidden: bool = False
    served: tuple[tuple[str, str], ...] = ()
    stated_cost_usd: object = None


class Wire(Protocol):
    """One wire format. ``answers`` names an answer in errors, such as ``a chat completion``."""

    answers: str

    def headers(self, api_key: str) -> dict[str, str]:
        """Return the headers that authenticate; none without a key."""
        ...

    def path(self, request: ModelRequest) -> str:
        """Return the path below the base URL."""
        ...

    def body(self, request: ModelRequest) -> dict[str, Any]:
        """Return the JSON body. Raises a final ``StepError`` ``unsupported_parameter`` that names the field."""
        ...

    def read(self, received: object, request: ModelRequest) -> Completion:
        """Return the answer in a success's JSON value. Raises ``MalformedError``."""
        ...

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        """Return an upper bound of the tokens that images are counted as."""
        ...

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        """Return an upper bound of the tokens that the service adds for tools and for an output's schema."""
        ...


class Bounded:
    """Bounds for wires of services that add little of their own, and count images as most models do."""

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return most_tokens(model) * len(pictures)

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return tools * TOKENS_OF_A_TOOL + (TOKENS_OF_A_SCHEMA if has_schema else 0)


def bearer(api_key: str) -> dict[str, str]:
    """Return the header of a bearer token (RFC 6750); none without a key."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def unsupported(provider: str, name: str, why: str) -> StepError:
    """Return the error for a field of a request that a wire cannot express; ``why`` says so, and what to do."""
    return StepError("unsupported_parameter", f"{provider}: {name!r} cannot be sent: {why}", details={"field": name})


def parallel_of(request: ModelRequest, provider: str) -> bool | None:
    """Return whether several calls at once are wished for; ``None`` for the service's own way."""
    if request.parallel_tools is not None and not request.tools:
        raise unsupported(provider, "parallel_tools", "the call has no tools; leave it out")
    return request.parallel_tools


def finish(reason: object, known: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return a finish reason as we call it, and a note when the wire's is not known."""
    if reason is None:
        return STOP, ()
    found = known.get(reason) if isinstance(reason, str) else None
    return (found, ()) if found is not None else (STOP, (UNKNOWN_FINISH,))


def served_by(answer: Mapping[str, Any], names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return how a call was served, out of the answer's fields; ``names`` are ours by those on the wire.

    The usual way is left out: it has no price of its own.
    """
    said = ((name, text_of(answer.get(field))[:40].lower()) for field, name in names.items())
    return tuple((name, value) for name, value in said if value not in _USUAL)


def an_object(value: object) -> dict[str, Any]:
    """Return a JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str:
    """Return a text, or an empty one in place of anything else."""
    return value if isinstance(value, str) else ""
