"""Prints answers of models as they come: one step at a time, the others when it has ended."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentflow.client.events import RunEvent

Write = Callable[[str], None]
Key = tuple[str, int]
"""A step and its attempt."""


class AnswerPrinter:
    """Takes the events of a run. ``text`` gets the answers, ``note`` says which step they are of."""

    def __init__(self, text: Write, note: Write) -> None:
        self._text = text
        self._note = note
        self._now: Key | None = None
        self._shown = 0
        self._texts: dict[Key, str] = {}
        self._whole: list[tuple[Key, str]] = []

    def take(self, event: "RunEvent") -> None:
        """Print what an event adds."""
        if event.kind == "token":
            self._token(event.data)
        elif event.kind == "output":
            self._output(event.data)
        elif event.kind == "step" and event.status in {"failed", "canceled"}:
            self._leave((str(event.data["id"]), int(event.data.get("attempts", 0))))
        elif event.kind == "end" and self._now is not None:
            self._leave(self._now)

    def _token(self, data: Mapping[str, Any]) -> None:
        key = str(data["step_id"]), int(data["attempt"])
        before = "" if data["index"] == 0 else self._texts.get(key, "")
        self._texts[key] = before + str(data["text"])
        if self._now is None:
            self._begin(key)
        if self._now == key:
            self._show(self._texts[key])

    def _output(self, data: Mapping[str, Any]) -> None:
        key, output = (str(data["id"]), int(data["attempts"])), data.get("output")
        streamed = self._texts.pop(key, None)
        if self._now == key:
            # A structured answer stays as it was streamed.
            self._show(output if isinstance(output, str) else streamed or "")
            self._leave(key)
            return
        self._whole.append((key, output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)))
        if self._now is None:
            self._next()

    def _leave(self, key: Key) -> None:
        """Print nothing more of a step, and what has waited for it."""
        self._texts.pop(key, None)
        if self._now == key:
            self._text("\n")
            self._next()

    def _next(self) -> None:
        for key, text in self._whole:
            self._begin(key)
            self._text(f"{text}\n")
        self._whole.clear()
        self._now = None
        for key, text in self._texts.items():
            self._begin(key)
            self._show(text)
            return

    def _begin(self, key: Key) -> None:
        self._now, self._shown = key, 0
        self._note(f"{key[0]}:" if key[1] < 2 else f"{key[0]}, attempt {key[1]}:")

    def _show(self, text: str) -> None:
        self._text(text[self._shown :])
        self._shown = max(self._shown, len(text))
