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
    for name, raw in (("path", scope.get("raw_path") or b""), ("query", scope["query_string"])):
        if b"%" not in raw and raw.isascii():
            continue
        try:
            fault = text_fault(unquote_to_bytes(raw).decode())
        except UnicodeDecodeError:
            return Problem(name, "is not UTF-8", "percent-encode the bytes of UTF-8")
        if fault:
            return Problem(name, f"has {fault}", "remove it")
    return None


def _printable(path: str) -> str:
    return path.replace("\0", "\N{REPLACEMENT CHARACTER}")
