"""Lists that the API answers by page."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentflow.cli.session import Session

#: The most that one request may list.
PAGE = 1_000


def pages(session: Session, path: str, field: str, params: Mapping[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    """Yield at most ``limit`` entries, over as many pages as that takes."""
    cursor, left = None, limit
    while left > 0:
        page = session.get(path, **params, limit=min(left, PAGE), cursor=cursor)
        yield from page[field][:left]
        left -= len(page[field])
        cursor = page.get("next_cursor")
        if cursor is None:
            return
