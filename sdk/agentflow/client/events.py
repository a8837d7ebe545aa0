"""Server-sent events, and those of a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

Kind = Literal["run", "step", "token", "output", "end"]


@dataclass(frozen=True)
class RunEvent:
    """A change of a run. ``data`` is the run as lists show it, a step without its output, or ``{"status": …}``.

    With ``tokens``, that of a ``token`` has the ``text`` of a part of an answer, with ``step_id``, ``attempt`` and an
    ``index`` from 0, at which the text of that attempt begins, also after a lost connection; that of an ``output`` is
    the step with its answer.

    ``id`` is where a later ``watch`` can resume; it is empty for events that are not from history.
    """

    kind: Kind
    data: Mapping[str, Any]
    id: str = ""

    @property
    def status(self) -> str:
        """The status of the run or of the step."""
        return str(self.data.get("status", ""))

    @property
    def text(self) -> str:
        """The part of an answer that a ``token`` has; empty for other events."""
        return str(self.data.get("text", "")) if self.kind == "token" else ""


class EventReader:
    """Makes events of lines, and knows where to resume. Events of unknown kinds and repeated ones are left out."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._id: str | None = None
        self._kind = ""
        self._data: list[str] = []
        self._newest: dict[str, Any] = {}

    def disconnected(self) -> None:
        """Forget an event that did not arrive whole."""
        self._id, self._kind, self._data = None, "", []

    def take(self, line: str) -> RunEvent | None:
        """Return the event that a line completes."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self._id = value
        elif name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        return None

    def _complete(self) -> RunEvent | None:
        own_id, kind, data = self._id, self._kind, "\n".join(self._data)
        self.disconnected()
        if own_id is not None:
            self.last_id = own_id
        if not data or kind not in get_args(Kind):
            return None
        event = RunEvent(cast(Kind, kind), json.loads(data), own_id or "")
        return None if self._repeated(event) else event

    def _repeated(self, event: RunEvent) -> bool:
        """After a resumption the server may send a step again that did not change."""
        if event.kind == "token":
            return False
        name = f"{event.kind} {event.data.get('id', '')}"
        repeated = self._newest.get(name) == event.data
        self._newest[name] = event.data
        return repeated
