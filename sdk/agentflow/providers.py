"""The decorator ``provider``: a model of your own, as one function that answers one request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, TypeVar, runtime_checkable

#: The attribute of a decorated object that holds its ``ProviderDeclaration``.
PROVIDER_ATTRIBUTE = "__agentflow_provider__"

_G = TypeVar("_G", bound=Callable[..., Any])
Failure = Literal[
    "rate_limited",
    "provider_unavailable",
    "provider_timeout",
    "provider_auth",
    "provider_no_credit",
    "context_too_long",
    "content_filtered",
    "provider_rejected",
]


@runtime_checkable
class GenerateRequest(Protocol):
    """What a model is asked. All that is not in ``takes`` of the declaration is as it is here by default."""

    model: str
    prompt: str
    max_tokens: int
    #: The same for all attempts of one step: a service that takes it makes no call twice.
    idempotency_key: str
    #: How long the answer may take; the call is broken off then.
    timeout_s: float
    #: The organisation's own key, if it has stored one of this provider; empty otherwise. Is in no ``repr``.
    api_key: str
    system: str
    developer: str
    #: Earlier messages, as ``(role, text)`` with the roles ``user`` and ``assistant``.
    history: tuple[tuple[str, str], ...]
    temperature: float | None
    top_p: float | None
    stop: tuple[str, ...]
    seed: int | None
    reasoning_effort: str | None
    #: A JSON schema that the answer must follow.
    output_schema: dict[str, Any] | None


@dataclass(frozen=True)
class GenerateResponse:
    """An answer. Counts that are ``None`` are replaced by upper bounds, which is what is billed then."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: Literal["stop", "length", "content_filter", "refusal"] = "stop"
    #: What the service says that the call costs, in US dollars. Price lists say whether it counts.
    cost_usd: str | float | None = None


class ProviderError(Exception):
    """The call failed. ``code`` says how, and so whether it is tried again.

    ``sent`` is false when the model has surely not worked: then the call costs nothing. Any other exception of a
    provider leaves that open, and its estimate is booked.
    """

    def __init__(self, code: Failure, message: str, *, retry_after_ms: int | None = None, sent: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_ms = retry_after_ms
        self.sent = sent


class ProviderDeclaration(TypedDict):
    """What the decorator was given."""

    name: str
    models: Mapping[str, tuple[str, str]]
    takes: tuple[str, ...]


def provider(
    name: str, *, models: Mapping[str, tuple[str, str]] | None = None, takes: Iterable[str] = ()
) -> Callable[[_G], _G]:
    """Declare a provider: a function of one ``GenerateRequest``, async or plain, or a class with a method ``generate``.

    ``models`` has the prices of its models, in US dollars per million tokens of input and of output, as texts; other
    models need an entry in the price file. ``takes`` names the further fields of a request that it understands; a call
    with any other field is refused, so that nothing is silently left out. A class is instantiated once, without
    arguments. It returns a ``GenerateResponse``, or a text alone.
    """
    declaration = ProviderDeclaration(name=name, models=dict(models or {}), takes=tuple(takes))

    def declared(made_of: _G) -> _G:
        setattr(made_of, PROVIDER_ATTRIBUTE, declaration)
        return made_of

    return declared
