"""Streamed answers of any provider, and how a wire folds the events of a stream into the answer of a plain call."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from connectors.providers.base import ModelRequest, ModelResponse, Provider
from connectors.providers.deltas import Delta, End, Piece, TextDelta, ToolCallArguments, ToolCallStarted, UsageDelta
from connectors.providers.json_body import json_text

Deltas = AsyncGenerator[Delta, None]
"""Deltas up to one ``End``. Close it (``contextlib.aclosing``) to break the call off: that closes its connection."""


@runtime_checkable
class Streams(Protocol):
    """A provider that can stream."""

    def stream(self, request: ModelRequest) -> Deltas:
        """Call the model once. Raises the ``StepError`` of ``Provider.complete``.

        After the first piece ``details["outcome"]`` of an error is always ``unknown``.
        """
        ...


class Assembler(Protocol):
    """The events of one stream, folded into the body of a plain answer."""

    #: The reason of the end is known: all of the text and all calls are there.
    finished: bool
    #: Nothing follows.
    closed: bool
    #: The last usage that came, as it came.
    usage: Any

    def add(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Take an event's data, and return what the model says in it. Raises ``MalformedError``."""
        ...

    def counts(self) -> Mapping[str, object]:
        """Return the counts of ``usage`` by kind, as ``Completion`` has them."""
        ...

    def body(self) -> dict[str, Any]:
        """Return the answer so far as the body of a plain answer."""
        ...


@runtime_checkable
class StreamedWire(Protocol):
    """What a ``Wire`` has besides when its service can stream."""

    def stream_path(self, request: ModelRequest) -> str:
        """Return the path below the base URL that answers with a stream."""
        ...

    def stream_body(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body that asks for a stream with its usage."""
        ...

    def assembler(self, request: ModelRequest) -> Assembler:
        """Return what folds the stream."""
        ...


class Assembling:
    """What every assembler begins with."""

    def __init__(self) -> None:
        self.finished = False
        self.closed = False
        self.usage: Any = None


async def whole(response: ModelResponse) -> Deltas:
    """Yield an answer that is there as deltas."""
    if response.text:
        yield TextDelta(response.text)
    for index, one in enumerate(response.asked):
        yield ToolCallStarted(index, one.id, one.name)
        yield ToolCallArguments(index, json_text(one.args))
    yield UsageDelta(response.usage)
    yield End(response)


async def deltas_of(provider: Provider, request: ModelRequest) -> Deltas:
    """Yield a call's deltas; of a provider that cannot stream those of its whole answer."""
    stream = provider.stream(request) if isinstance(provider, Streams) else whole(await provider.complete(request))
    try:
        async for delta in stream:
            yield delta
    finally:
        await stream.aclose()
