"""Where a follower of a run is: the id of a server-sent event, which a client sends back as ``Last-Event-ID``."""

import re
from dataclasses import dataclass

from schemas.errors import InvalidInput, Problem

_FORMAT = re.compile(r"([0-9]{1,18})\.([0-3])")


@dataclass(frozen=True)
class Cursor:
    """``version`` is the newest version of the run of which everything was told, -1 for none.

    ``told`` counts the statuses that were told: 1 for queued, 2 for running, 3 for the end.
    """

    version: int = -1
    told: int = 0

    def __str__(self) -> str:
        """Return the event id; there is none before the first version."""
        return f"{self.version}.{self.told}"


def read_cursor(text: str | None) -> Cursor:
    """Return the cursor of a ``Last-Event-ID``. Raises ``InvalidInput``."""
    if not text:
        return Cursor()
    match = _FORMAT.fullmatch(text)
    if match is None:
        fix = "send the last id as it came, or none to begin anew"
        raise InvalidInput(
            "Last-Event-ID is not an id of this stream", (Problem("header.Last-Event-ID", "not ours", fix),)
        )
    return Cursor(int(match[1]), int(match[2]))
