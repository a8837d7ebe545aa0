"""A streamed chat completion, folded into a plain one. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.providers.compatible.chat import read_counts
from connectors.providers.deltas import Piece, ReasoningDelta, TextDelta, ToolCallArguments, ToolCallStarted
from connectors.providers.streaming import Assembling
from connectors.providers.wire import MalformedError, an_object, objects, text_of

#: Of an answer's head; the rest is in its choices.
_HEAD = ("id", "created", "model", "service_tier", "system_fingerprint")
#: Services call a model's visible reasoning one or the other.
_REASONING = ("reasoning_content", "reasoning")
_MOST_CALLS = 1_000


class ChatAssembler(Assembling):
    """Chunks of ``chat.completion.chunk``. ``names`` are the tools' names by those on the wire.

    The last usage wins: services send it alone at the end, with other chunks, or with each one.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self._head: dict[str, Any] = {}
        self._said: dict[str, list[str]] = {}
        self._calls: dict[int, _Call] = {}
        self._reason: Any = None
        self._chosen = False

    def add(self, event: dict[str, Any]) -> Iterator[Piece]:
        self._head |= {name: event[name] for name in _HEAD if event.get(name) is not None}
        if event.get("usage") is not None:
            self.usage = event["usage"]
        for choice in objects(event.get("choices")):
            if choice.get("index") in (None, 0):
                yield from self._add_choice(choice)

    def counts(self) -> Mapping[str, object]:
        return read_counts(self.usage)

    def body(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self._text("content")}
        message |= {name: text for name in ("refusal", *_REASONING) if (text := self._text(name)) is not None}
        if self._calls:
            message["tool_calls"] = [self._calls[index].body() for index in sorted(self._calls)]
        choice = {"index": 0, "message": message, "finish_reason": self._reason}
        choices = [choice] if self._chosen else []
        body = self._head | {"object": "chat.completion", "choices": choices}
        return body if self.usage is None else body | {"usage": self.usage}

    def _text(self, name: str) -> str | None:
        said = self._said.get(name)
        return None if said is None else "".join(said)

    def _add_choice(self, choice: Mapping[str, Any]) -> Iterator[Piece]:
        self._chosen = True
        if choice.get("finish_reason") is not None:
            self._reason, self.finished = choice["finish_reason"], True
        # Some services end with a whole message in place of a delta.
        delta = an_object(choice.get("delta"))
        for name in ("content", "refusal", *_REASONING):
            if isinstance(delta.get(name), str):
                self._said.setdefault(name, []).append(delta[name])
                if delta[name]:
                    yield ReasoningDelta(delta[name]) if name in _REASONING else TextDelta(delta[name])
        for position, call in enumerate(objects(delta.get("tool_calls"))):
            yield from self._add_call(call, position)

    def _add_call(self, piece: Mapping[str, Any], position: int) -> Iterator[Piece]:
        index = piece.get("index", position)
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < _MOST_CALLS:
            raise MalformedError("a tool call has no index")
        call = self._calls.setdefault(index, _Call())
        yield from call.add(piece, index, self._names)


class _Call:
    """One tool call, whose arguments may begin before its id and name are there."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self._arguments: list[str] = []
        self._started = False

    def add(self, piece: Mapping[str, Any], index: int, names: Mapping[str, str]) -> Iterator[Piece]:
        function = an_object(piece.get("function"))
        self.id = text_of(piece.get("id")) or self.id
        self.name = text_of(function.get("name")) or self.name
        more = text_of(function.get("arguments"))
        self._arguments.append(more)
        if not self._started and self.name and self.id:
            self._started, more = True, "".join(self._arguments)
            yield ToolCallStarted(index, self.id, names.get(self.name, self.name))
        if more and self._started:
            yield ToolCallArguments(index, more)

    def body(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": "".join(self._arguments)}
        call: dict[str, Any] = {"type": "function", "function": function}
        return call | {"id": self.id} if self.id else call
