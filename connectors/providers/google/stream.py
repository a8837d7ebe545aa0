"""Streamed content, folded into plain content. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.providers.deltas import Piece, ReasoningDelta, TextDelta, ToolCallArguments, ToolCallStarted
from connectors.providers.google.response import read_counts
from connectors.providers.json_body import json_text
from connectors.providers.streaming import Assembling
from connectors.providers.wire import an_object, objects, text_of


class ContentAssembler(Assembling):
    """Answers with some parts each. Counts are totals, so the last ones are the answer's."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self._head: dict[str, Any] = {}
        self._candidate: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []
        self._calls = 0

    def add(self, event: dict[str, Any]) -> Iterator[Piece]:
        self._head |= {name: value for name, value in event.items() if name not in ("candidates", "usageMetadata")}
        if isinstance(event.get("usageMetadata"), dict):
            self.usage = an_object(self.usage) | event["usageMetadata"]
        if text_of(an_object(event.get("promptFeedback")).get("blockReason")):
            self.finished = True
        for candidate in objects(event.get("candidates"))[:1]:
            self._candidate |= {name: value for name, value in candidate.items() if name != "content"}
            self.finished = self.finished or candidate.get("finishReason") is not None
            for part in objects(an_object(candidate.get("content")).get("parts")):
                yield from self._add_part(part)

    def counts(self) -> Mapping[str, object]:
        return read_counts(self.usage)[0]

    def body(self) -> dict[str, Any]:
        body = dict(self._head)
        if self._candidate or self._parts:
            body["candidates"] = [self._candidate | {"content": {"role": "model", "parts": self._joined()}}]
        return body if self.usage is None else body | {"usageMetadata": self.usage}

    def _add_part(self, part: dict[str, Any]) -> Iterator[Piece]:
        self._parts.append(part)
        text = text_of(part.get("text"))
        if text:
            yield ReasoningDelta(text) if part.get("thought") else TextDelta(text)
        if "functionCall" in part:
            call, index = an_object(part["functionCall"]), self._calls
            name, self._calls = text_of(call.get("name")), index + 1
            yield ToolCallStarted(index, text_of(call.get("id")) or f"call_{index + 1}", self._names.get(name, name))
            yield ToolCallArguments(index, json_text(call.get("args") or {}))

    def _joined(self) -> list[dict[str, Any]]:
        """Return the parts with texts that follow each other as one, as a plain answer has them."""
        joined: list[dict[str, Any]] = []
        texts: list[str] = []
        for part in self._parts:
            plain = part.keys() <= {"text", "thought"} and isinstance(part.get("text"), str)
            if plain and texts and joined[-1].get("thought") == part.get("thought"):
                texts.append(part["text"])
                continue
            _close(joined, texts)
            texts = [part["text"]] if plain else []
            joined.append(part)
        _close(joined, texts)
        return joined


def _close(joined: list[dict[str, Any]], texts: list[str]) -> None:
    if len(texts) > 1:
        joined[-1] = joined[-1] | {"text": "".join(texts)}
