"""A streamed chat of Cohere's version 2, folded into a plain one. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.providers.cohere.response import read_counts
from connectors.providers.deltas import Piece, ReasoningDelta, TextDelta, ToolCallArguments, ToolCallStarted
from connectors.providers.streaming import Assembling
from connectors.providers.wire import MalformedError, an_object, text_of

_MOST_PARTS = 10_000


class ChatV2Assembler(Assembling):
    """``message-start``, contents, the plan and the calls of tools, ``message-end``; citations are not used."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self._id: Any = None
        self._began = False
        self._reason: Any = None
        self._plan: list[str] = []
        self._contents: dict[int, tuple[str, list[str]]] = {}
        self._calls: dict[int, tuple[dict[str, Any], list[str]]] = {}

    def add(self, event: dict[str, Any]) -> Iterator[Piece]:
        kind, delta = event.get("type"), an_object(event.get("delta"))
        message = an_object(delta.get("message"))
        match kind:
            case "message-start":
                self._id, self._began = event.get("id"), True
            case "content-start" | "content-delta":
                yield from self._add_content(_index(event), an_object(message.get("content")))
            case "tool-plan-delta":
                self._plan.append(text_of(message.get("tool_plan")))
                if self._plan[-1]:
                    yield TextDelta(self._plan[-1])
            case "tool-call-start" | "tool-call-delta":
                yield from self._add_call(_index(event), an_object(message.get("tool_calls")))
            case "message-end":
                self._reason, self.usage = delta.get("finish_reason"), delta.get("usage")
                self.finished = self.closed = self._began = True

    def counts(self) -> Mapping[str, object]:
        return read_counts(self.usage)

    def body(self) -> dict[str, Any]:
        if not self._began:
            return {}
        contents = [self._contents[index] for index in sorted(self._contents)]
        message: dict[str, Any] = {
            "role": "assistant",
            "content": [{"type": kind, kind: "".join(pieces)} for kind, pieces in contents],
        }
        if self._plan:
            message["tool_plan"] = "".join(self._plan)
        if self._calls:
            message["tool_calls"] = [_call_body(*self._calls[index]) for index in sorted(self._calls)]
        body = {"id": self._id, "finish_reason": self._reason, "message": message}
        return body if self.usage is None else body | {"usage": self.usage}

    def _add_content(self, index: int, content: Mapping[str, Any]) -> Iterator[Piece]:
        said = "thinking" if content.get("type") == "thinking" or "thinking" in content else "text"
        kind, pieces = self._contents.setdefault(index, (said, []))
        piece = text_of(content.get(kind))
        pieces.append(piece)
        if piece:
            yield ReasoningDelta(piece) if kind == "thinking" else TextDelta(piece)

    def _add_call(self, index: int, piece: Mapping[str, Any]) -> Iterator[Piece]:
        function = an_object(piece.get("function"))
        if index not in self._calls:
            self._calls[index] = (dict(piece), [])
            name = text_of(function.get("name"))
            yield ToolCallStarted(index, text_of(piece.get("id")), self._names.get(name, name))
        written = text_of(function.get("arguments"))
        self._calls[index][1].append(written)
        if written:
            yield ToolCallArguments(index, written)


def _call_body(call: Mapping[str, Any], arguments: list[str]) -> dict[str, Any]:
    return {**call, "function": an_object(call.get("function")) | {"arguments": "".join(arguments)}}


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index", 0)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < _MOST_PARTS:
        raise MalformedError("a piece has no index")
    return index
