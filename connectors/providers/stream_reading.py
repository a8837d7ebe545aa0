"""The bytes of a stream as deltas: it parses events and finds errors among them; the rest is the wire's. No I/O."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from connectors.http.sse import Event, SseParser, TooLongError
from connectors.providers.deltas import Delta, Piece, ToolCallStarted, UsageDelta
from connectors.providers.http_errors import status_of_frame
from connectors.providers.json_body import Parsed, joined_text, whole_text
from connectors.providers.streaming import Assembler
from connectors.providers.usage import Bounds, counted
from connectors.providers.wire import MalformedError

_DONE = "[DONE]"


class ErrorFrameError(Exception):
    """The service says in the stream that it failed; ``status`` is what the error stands for, ``frame`` its words."""

    def __init__(self, status: int, frame: Any) -> None:
        super().__init__(status)
        self.status = status
        self.frame = frame


class StreamReading:
    """One stream. ``spoke``: a piece of the answer has come. ``bounds`` stand in for counts that have not come yet."""

    def __init__(self, assembler: Assembler, bounds: Bounds) -> None:
        self._assembler = assembler
        self._bounds = bounds
        self._parser = SseParser()
        self.spoke = False

    @property
    def finished(self) -> bool:
        """Whether all of the text and all calls are there."""
        return self._assembler.finished

    @property
    def closed(self) -> bool:
        """Whether the service has said that nothing follows."""
        return self._assembler.closed

    def feed(self, chunk: bytes | None) -> Iterator[Delta]:
        """Return the deltas that ``chunk`` completes, or the stream's end.

        Raises ``ErrorFrameError``, and ``MalformedError`` for what is no event of this wire.
        """
        try:
            events = self._parser.end() if chunk is None else self._parser.feed(chunk)
        except TooLongError as exc:
            raise MalformedError(str(exc)) from exc
        for event in events:
            yield from self._deltas(event)

    def body(self) -> Parsed:
        """Return the answer so far as a plain body, and notes on what was replaced in it."""
        return joined_text(self._assembler.body())

    def _deltas(self, event: Event) -> Iterator[Delta]:
        if event.data.strip() == _DONE:
            self._assembler.finished = self._assembler.closed = True
            return
        value = _object(event.data)
        status = status_of_frame(event.name, value)
        if status is not None:
            raise ErrorFrameError(status, whole_text(value))
        before = self._assembler.usage
        yield from self._spoken(self._assembler.add(value))
        if self._assembler.usage is not before:
            yield UsageDelta(counted(self._assembler.counts(), self._bounds).usage)

    def _spoken(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.spoke = True
            # A pair that is split over two events is whole in the answer; a piece of its own must be text, too.
            yield piece if isinstance(piece, ToolCallStarted) else replace(piece, text=whole_text(piece.text))


def _object(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise MalformedError(f"an event is no JSON: {str(exc)[:200]}") from exc
    if not isinstance(value, dict):
        raise MalformedError(f"an event is a {type(value).__name__}, not an object")
    return value
