"""Whether an answer that sends a request to another cell is followed: a key goes to addresses alone that were given."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

CELLS = "AGENTFLOW_CELLS"
MOVED = 307


def given_cells(env: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the addresses of cells that ``AGENTFLOW_CELLS`` names, separated by commas, without their paths."""
    named = (os.environ if env is None else env).get(CELLS, "").split(",")
    return frozenset(origin for one in named if (origin := origin_of(one.strip())))


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address; empty for what is none, or has a user."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    known = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    return f"{parts.scheme}://{parts.hostname}{port}" if known else ""


def cell_of(status: int, headers: Mapping[str, str], cells: frozenset[str]) -> str | None:
    """Return the address that an answer sends to, if it is one of ``cells``."""
    if status != MOVED:
        return None
    origin = origin_of(headers.get("location", ""))
    return origin if origin in cells else None
