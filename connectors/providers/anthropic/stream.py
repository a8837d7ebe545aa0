"""A streamed message, folded into a plain one. No I/O."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.providers.anthropic.response import read_counts
from connectors.providers.deltas import Piece, ReasoningDelta, TextDelta, ToolCallArguments, ToolCallStarted
from connectors.providers.json_body import read_json
from connectors.providers.streaming import Assembling
from connectors.providers.wire import MalformedError, an_object, text_of

#: The pieces of a block, by the type of their delta: the delta's field, and the block's that they are joined to.
_PIECES: Mapping[str, tuple[str, str, Callable[[str], Piece] | None]] = {
    "text_delta": ("text", "text", TextDelta),
    "thinking_delta": ("thinking", "thinking", ReasoningDelta),
    "signature_delta": ("signature", "signature", None),
}
_MOST_BLOCKS = 10_000


class MessageAssembler(Assembling):
    """``message_start``, blocks, ``message_delta``, ``message_stop``.

    The counts of ``message_delta`` are totals and replace those of ``message_start``, which has the only ones of parts.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._joined: dict[tuple[int, str], list[str]] = {}
        self._calls: dict[int, int] = {}

    def add(self, event: dict[str, Any]) -> Iterator[Piece]:
        kind = event.get("type")
        if kind == "message_start":
            self._message |= an_object(event.get("message"))
            self._count(self._message.get("usage"))
        elif kind == "content_block_start":
            yield from self._begin(_index(event), dict(an_object(event.get("content_block"))))
        elif kind == "content_block_delta":
            yield from self._add_piece(_index(event), an_object(event.get("delta")))
        elif kind == "message_delta":
            self._message |= an_object(event.get("delta"))
            self._count(event.get("usage"))
            self.finished = self.finished or self._message.get("stop_reason") is not None
        elif kind == "message_stop":
            self.finished = self.closed = True

    def counts(self) -> Mapping[str, object]:
        return read_counts(self.usage)

    def body(self) -> dict[str, Any]:
        if not self._message:
            return {}
        content = [self._whole(index, self._blocks[index]) for index in sorted(self._blocks)]
        return self._message | {"content": content, "usage": self.usage}

    def _count(self, usage: object) -> None:
        if isinstance(usage, dict):
            given = {name: value for name, value in usage.items() if value is not None}
            self.usage = an_object(self.usage) | given

    def _begin(self, index: int, block: dict[str, Any]) -> Iterator[Piece]:
        self._blocks[index] = block
        if block.get("type") == "tool_use":
            self._calls[index] = len(self._calls)
            name = text_of(block.get("name"))
            yield ToolCallStarted(self._calls[index], text_of(block.get("id")), self._names.get(name, name))
        elif block.get("type") == "text" and text_of(block.get("text")):
            yield TextDelta(block["text"])

    def _add_piece(self, index: int, delta: Mapping[str, Any]) -> Iterator[Piece]:
        if index not in self._blocks:
            raise MalformedError("a delta belongs to a block that has not begun")
        kind = text_of(delta.get("type"))
        if kind == "input_json_delta":
            piece = text_of(delta.get("partial_json"))
            self._joined.setdefault((index, "input"), []).append(piece)
            if piece and index in self._calls:
                yield ToolCallArguments(self._calls[index], piece)
        elif kind in _PIECES:
            field, name, made = _PIECES[kind]
            piece = text_of(delta.get(field))
            self._joined.setdefault((index, name), []).append(piece)
            if piece and made is not None:
                yield made(piece)

    def _whole(self, index: int, block: dict[str, Any]) -> dict[str, Any]:
        block = dict(block)
        for (of, name), pieces in self._joined.items():
            if of == index and name == "input":
                block[name] = _arguments("".join(pieces), block.get(name))
            elif of == index:
                block[name] = text_of(block.get(name)) + "".join(pieces)
        return block


def _arguments(written: str, begun: object) -> object:
    """Return arguments that a model wrote as JSON; as their text where that is none, which a reader refuses."""
    if not written:
        return begun
    try:
        return read_json(written).value
    except (ValueError, RecursionError):
        return written


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < _MOST_BLOCKS:
        raise MalformedError("a block has no index")
    return index
