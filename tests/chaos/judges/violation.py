"""What a judge says when a promise was broken, or when today's code is known to fall short."""

from collections.abc import Callable
from typing import Any

import msgspec

from tests.chaos.evidence import Evidence


class Violation(msgspec.Struct, frozen=True):
    """``promise`` names what was broken, ``subject`` the run, call or key, ``text`` says it with its numbers."""

    promise: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.subject}: {self.text}"


Judge = Callable[[Evidence], list[Violation]]


def short(value: Any) -> str:
    """Return a value as a message shows it."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 160 else f"{text[:157]}..."
