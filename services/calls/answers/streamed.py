"""A streamed call: its deltas go to the caller's listener, and what is known of it survives when it breaks off."""

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace

from connectors.providers.base import ModelRequest, ModelResponse, Provider
from connectors.providers.deltas import Delta, End, Piece, TextDelta, UsageDelta
from connectors.providers.streaming import deltas_of
from schemas.errors import StepError
from schemas.records.base import Usage

OnDelta = Callable[[Piece | UsageDelta], Awaitable[None]]
"""Takes each delta of an answer, in order. While it waits nothing is read, and the time of the call runs on.

When it raises, it gets no more of this call, which continues.
"""
NOT_DELIVERED = "deltas:not_delivered"


class BrokenStreamError(StepError):
    """A streamed call that failed, with what is known of it.

    ``usage`` is what was counted so far, ``None`` when nothing was; ``first_s`` is when the first piece came, by
    ``time.perf_counter``. ``details["streamed"]`` is there when the listener has a part of the answer: then no
    other route may answer in its place.
    """

    def __init__(self, error: StepError, usage: Usage | None, first_s: float | None, *, delivered: bool) -> None:
        details = error.details | ({"streamed": "true"} if delivered else {})
        super().__init__(
            error.code,
            str(error),
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
            details=details,
        )
        self.usage = usage
        self.first_s = first_s


class StreamedCall:
    """One request that is streamed. A listener that only looks on (``watched``) has nothing delivered to it."""

    def __init__(self, listener: OnDelta | None, *, watched: bool = False) -> None:
        self._listener = listener
        self._watched = watched
        self._delivered = False
        self._usage: Usage | None = None
        self._failed = False
        self.first_s: float | None = None

    async def response(self, provider: Provider, request: ModelRequest) -> ModelResponse:
        """Return the answer once it is whole. Raises ``StepError``; the connection is closed however this ends."""
        async with aclosing(deltas_of(provider, request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, End):
                    return self._noted(delta.response)
                await self._take(delta)
        raise StepError(
            "provider_error",
            f"{provider.name}: the stream had no end",
            retryable=True,
            details={"outcome": "unknown"},
        )

    def broken(self, error: StepError) -> BrokenStreamError:
        """Return the error of the call with what is known of it."""
        return BrokenStreamError(error, self._usage, self.first_s, delivered=self._delivered)

    async def _take(self, delta: Delta) -> None:
        assert not isinstance(delta, End)
        if isinstance(delta, UsageDelta):
            self._usage = delta.usage
        elif self.first_s is None:
            self.first_s = time.perf_counter()
        if self._listener is None:
            return
        try:
            await self._listener(delta)
        except Exception:  # noqa: BLE001 - whatever a listener raises, the answer is being paid for
            self._listener, self._failed = None, not self._watched
        else:
            self._delivered = self._delivered or not (self._watched or isinstance(delta, UsageDelta))

    def _noted(self, response: ModelResponse) -> ModelResponse:
        return replace(response, notes=(*response.notes, NOT_DELIVERED)) if self._failed else response


async def deliver(listener: OnDelta | None, text: str) -> None:
    """Give a listener a text that is whole."""
    if listener is not None and text:
        with suppress(Exception):
            await listener(TextDelta(text))
