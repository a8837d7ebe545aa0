"""A declared function as a provider: requests in the SDK's shape, answers and errors checked."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.providers import http_errors
from connectors.providers.base import ModelRequest, ModelResponse
from connectors.providers.custom.registry import TAKEN
from connectors.providers.http_provider import FRAME_TOKENS
from connectors.providers.images import ImageInput
from connectors.providers.json_body import NOT_UNICODE, whole_text
from connectors.providers.request_text import request_text
from connectors.providers.results import filtered, no_text
from connectors.providers.usage import Bounds, counted
from connectors.providers.wire import CONTENT_FILTER, LENGTH, REFUSAL, STOP, UNKNOWN_FINISH, unsupported
from connectors.tools.isolation.async_calls import AsyncCalls
from connectors.tools.isolation.raised import described
from connectors.tools.isolation.thread_pool import Threads
from schemas.errors import StepError

_NEVER = ("tools", "turns", "pictures")
_FINISH = frozenset({STOP, LENGTH, CONTENT_FILTER, REFUSAL})
#: Codes of failures, and whether they are retried.
FAILURES = {
    "rate_limited": True,
    "provider_unavailable": True,
    "provider_timeout": True,
    "provider_auth": False,
    "provider_no_credit": False,
    "context_too_long": False,
    "content_filtered": False,
    "provider_rejected": False,
}
_LONGEST_MESSAGE = 500

Generate = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the SDK's shape (``agentflow.GenerateRequest``)."""

    model: str
    prompt: str
    max_tokens: int
    idempotency_key: str
    timeout_s: float
    api_key: str = field(repr=False)
    system: str = ""
    developer: str = ""
    history: tuple[tuple[str, str], ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: str | None = None
    output_schema: dict[str, Any] | None = None


class CustomProvider:
    """A provider that is a function of the user's. Plain functions run in threads, async ones in tasks of their own."""

    def __init__(self, name: str, generate: Generate, takes: Sequence[str]) -> None:
        self.name = name
        self._generate = generate
        self._takes = frozenset(takes)
        self._threads = Threads()
        self._tasks = AsyncCalls()

    async def complete(self, request: ModelRequest) -> ModelResponse:
        asked = self._asked(request)
        try:
            found = await self._made(asked)
        except StepError:
            raise
        except Exception as exc:
            raise self._failure(exc, asked.api_key) from exc
        return self._response(request, found)

    def count_tokens(self, model: str, text: str) -> int:
        return len(text.encode("utf-8", "surrogatepass")) + FRAME_TOKENS

    def picture_tokens(self, model: str, pictures: Sequence[ImageInput]) -> int:
        return 0

    def added_tokens(self, tools: int, *, has_schema: bool) -> int:
        return 0

    async def close(self) -> None:
        """Threads are daemons, and what the function has opened is its own."""

    def _asked(self, request: ModelRequest) -> Asked:
        plain = ModelRequest(request.model, request.prompt, request.max_tokens, request.idempotency_key)
        for name in (*_NEVER, *TAKEN, "tool_choice", "parallel_tools"):
            if name not in self._takes and getattr(request, name) != getattr(plain, name):
                why = "its function does not take it; leave it out, or add it to `takes` of its declaration"
                raise unsupported(self.name, name, why)
        if request.options.get(self.name):
            raise unsupported(self.name, "provider_options", "a function has none; remove them from the policy")
        schema = request.output_schema
        return Asked(
            model=request.model,
            prompt=request.prompt,
            max_tokens=request.max_tokens,
            idempotency_key=request.idempotency_key,
            timeout_s=request.timeout_s,
            api_key="" if request.api_key is None else request.api_key.get_secret_value(),
            system=request.system,
            developer=request.developer,
            history=tuple((one.role, one.text) for one in request.history),
            temperature=request.temperature,
            top_p=request.top_p,
            stop=request.stop,
            seed=request.seed,
            reasoning_effort=request.reasoning_effort,
            output_schema=None if schema is None else schema.schema,
        )

    async def _made(self, asked: Asked) -> Any:
        if inspect.iscoroutinefunction(self._generate):
            return await self._tasks.run(self._generate(asked))
        found = await self._threads.run(self._generate, None, **{_parameter(self._generate): asked})
        return await self._tasks.run(found) if isinstance(found, Awaitable) else found

    def _failure(self, exc: Exception, secret: str) -> StepError:
        code, text = getattr(exc, "code", None), described(exc)[:_LONGEST_MESSAGE]
        text = text.replace(secret, "***") if secret else text
        if not (isinstance(code, str) and code in FAILURES):
            return StepError("exception", f"{self.name}: {text}", retryable=True, details={"outcome": "unknown"})
        after_ms = getattr(exc, "retry_after_ms", None)
        return StepError(
            code,
            f"{self.name}: {text}",
            retryable=FAILURES[code],
            retry_after_ms=after_ms if isinstance(after_ms, int) and after_ms >= 0 else None,
            details={"outcome": "unknown"} if getattr(exc, "sent", True) else {},
        )

    def _response(self, request: ModelRequest, found: Any) -> ModelResponse:
        text = found if isinstance(found, str) else getattr(found, "text", None)
        if not isinstance(text, str):
            what = f"it returned {type(found).__name__}; return a GenerateResponse or a text"
            raise http_errors.malformed(self.name, "an answer", what)
        whole = whole_text(text)
        given = {kind: getattr(found, kind, None) for kind in ("input_tokens", "output_tokens")}
        usage, notes = counted(given, self._bounds(request, whole))
        reason = getattr(found, "finish_reason", STOP)
        if reason not in _FINISH:
            reason, notes = STOP, (*notes, UNKNOWN_FINISH)
        problem = None
        if not whole:
            problem = filtered(reason) if reason in (CONTENT_FILTER, REFUSAL) else no_text(reason)
        return ModelResponse(
            text=whole,
            usage=usage,
            finish_reason=reason,
            sent={"model": request.model, "prompt": request.prompt, "max_tokens": request.max_tokens},
            received={"text": whole, "finish_reason": reason},
            notes=notes if whole == text else (*notes, NOT_UNICODE),
            problem=problem,
            stated_cost_usd=getattr(found, "cost_usd", None),
        )

    def _bounds(self, request: ModelRequest, text: str) -> Bounds:
        given = self.count_tokens(request.model, request_text(request))
        if request.reasoning_effort not in (None, "none"):
            return Bounds(given, request.max_tokens)
        return Bounds(given, min(self.count_tokens(request.model, text), request.max_tokens))


def _parameter(generate: Generate) -> str:
    return next(iter(inspect.signature(generate).parameters))
