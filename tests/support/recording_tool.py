"""A tool of an installed package that writes down each call, for processes that a test starts."""

import json
import os
import time
from pathlib import Path

MODULE = '''"""Writes down each call that it gets."""

import json
import os
import time

from connectors.tools.context import ToolContext


def note(context: ToolContext, *, text: str) -> dict[str, str]:
    """Write down that it was called, and take a while."""
    line = json.dumps({"key": context.idempotency_key, "text": text, "at_ms": time.time_ns() // 1_000_000})
    with open(os.environ["NOTES"], "a", encoding="utf-8") as file:
        file.write(line + "\\\\n")
        file.flush()
        os.fsync(file.fileno())
    time.sleep(float(os.environ.get("NOTE_TAKES_S", "0")))
    return {"noted": text}
'''


class Notes:
    """The package in ``directory``, and what its tool ``desk.note`` has written down."""

    def __init__(self, directory: Path, takes_s: float) -> None:
        self._file = directory / "notes.jsonl"
        package = directory / "package"
        info = package / "recording_desk-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recording-desk\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[agentflow.tools]\ndesk.note = recording_desk:note\n")
        (package / "recording_desk.py").write_text(MODULE.replace("\\\\n", "\\n"))
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH", "")]))
        self.env = {"PYTHONPATH": path, "NOTES": str(self._file), "NOTE_TAKES_S": str(takes_s)}
        self.began_ms = time.time_ns() // 1_000_000

    def calls(self) -> list[dict[str, object]]:
        """Return every call so far: its idempotency key, text and time."""
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    def counts(self) -> dict[str, int]:
        """Return how often each idempotency key was called."""
        found: dict[str, int] = {}
        for call in self.calls():
            found[str(call["key"])] = found.get(str(call["key"]), 0) + 1
        return found
