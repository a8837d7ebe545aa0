"""A streamed response, folded into a plain one. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.providers.deltas import Piece, ReasoningDelta, TextDelta, ToolCallArguments, ToolCallStarted
from connectors.providers.openai.responses import read_counts
from connectors.providers.streaming import Assembling
from connectors.providers.wire import an_object, text_of

_ENDS = ("response.completed", "response.incomplete", "response.failed")
_TEXTS = ("response.output_text.delta", "response.refusal.delta")
_REASONING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class ResponsesAssembler(Assembling):
    """Events of ``response.*``. The last has the whole response; items are kept for services that leave them out."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._calls: dict[int, int] = {}

    def add(self, event: dict[str, Any]) -> Iterator[Piece]:
        kind, delta = event.get("type"), text_of(event.get("delta"))
        if isinstance(event.get("response"), dict):
            self._take(event["response"])
            self.finished = self.closed = kind in _ENDS
        elif kind in _TEXTS and delta:
            yield TextDelta(delta)
        elif kind in _REASONING and delta:
            yield ReasoningDelta(delta)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            yield from self._take_item(event)
        elif kind == "response.function_call_arguments.delta" and delta and _index(event) in self._calls:
            yield ToolCallArguments(self._calls[_index(event)], delta)

    def counts(self) -> Mapping[str, object]:
        return read_counts(self.usage)

    def body(self) -> dict[str, Any]:
        items = self._response.get("output")
        if items or not self._items:
            return self._response
        return self._response | {"output": [self._items[index] for index in sorted(self._items)]}

    def _take(self, response: dict[str, Any]) -> None:
        self._response = response
        if response.get("usage") is not None:
            self.usage = response["usage"]

    def _take_item(self, event: Mapping[str, Any]) -> Iterator[Piece]:
        item, index = an_object(event.get("item")), _index(event)
        self._items[index] = item
        name, id_ = text_of(item.get("name")), text_of(item.get("call_id"))
        if item.get("type") == "function_call" and index not in self._calls:
            self._calls[index] = len(self._calls)
            yield ToolCallStarted(self._calls[index], id_, self._names.get(name, name))


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else 0
