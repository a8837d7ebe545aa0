"""Refuses paths and queries that are not UTF-8 or have U+0000: they would be compared as another text."""

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import problem
from schemas.errors import Problem
from schemas.values.text import text_fault


class TextGate:
    """Answers 422 to a request whose path or query is not a text, see docs/reference/values.md."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = _problem(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        answer = problem(422, "invalid-input", str(found), instance=_printable(scope["path"]), problems=(found,))
        await answer(scope, receive, send)


def _problem(scope: Scope) -> Problem | None:
    path, query = scope.get("raw_path") or b"", scope["query_string"]
    if b"%" not in path + query and (path + query).isascii():
        return None
    found = _fault("path", path)
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        found = found or _fault("query", name)
        found = found or _fault(f"query.{unquote_to_bytes(name).decode()}", value)
    return found


def _fault(where: str, raw: bytes) -> Problem | None:
    try:
        fault = text_fault(unquote_to_bytes(raw).decode())
    except UnicodeDecodeError:
        return Problem(where, "is not UTF-8", "percent-encode the bytes of UTF-8")
    return Problem(where, f"has {fault}", "remove it") if fault else None


def _printable(path: str) -> str:
    return path.replace("\0", "\N{REPLACEMENT CHARACTER}")
