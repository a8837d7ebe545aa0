"""A raw answer: status, headers and bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True)
class Response:
    """An answer of the API. ``headers`` have lower-case names; ``attempts`` counts the requests that it took.

    ``request_id`` names the request in logs: the server's ``X-Request-ID``, or the one that was sent.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    request_id: str
    attempts: int = 1

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the body, read as JSON; ``None`` if it is empty. Raises ``ValueError`` if it is no JSON."""
        return json.loads(self.content) if self.content else None

    @property
    def retry_after_s(self) -> float | None:
        """``Retry-After`` in seconds, whether it is written as seconds or as a date."""
        return seconds_of(self.headers.get("retry-after", ""), datetime.now(UTC))


def seconds_of(header: str, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` says, at least 0; ``None`` if it says nothing."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
