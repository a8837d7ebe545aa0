"""A follower's position in a run: the id of a server-sent event, which a client sends back as ``Last-Event-ID``."""

import re
from dataclasses import dataclass

from schemas.errors import InvalidInput, Problem

_FORMAT = re.compile(r"([0-9]{1,18})\.([0-3])")


@dataclass(frozen=True)
class Cursor:
    """``version`` is the newest version of the run that was sent completely, -1 for none.

    ``told`` counts the statuses that were sent: 1 for queued, 2 for running, 3 for the end.
    """

    version: int = -1
    told: int = 0

    def __str__(self) -> str:
        """Return the event id; before the first version there is none."""
        return f"{self.version}.{self.told}"


def read_cursor(text: str | None) -> Cursor:
    """Return the cursor of a ``Last-Event-ID``. Raises ``InvalidInput``."""
    if not text:
        return Cursor()
    match = _FORMAT.fullmatch(text)
    if match is None:
        fix = "send the last id unchanged, or omit it to start from the beginning"
        raise InvalidInput(
            "Last-Event-ID is not an id of this stream", (Problem("header.Last-Event-ID", "unknown id", fix),)
        )
    return Cursor(int(match[1]), int(match[2]))
