"""Request bodies that may be YAML: they are read as documents of workflows are, then validated as JSON would be."""

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.http.strict_json import StrictJsonRequest, StrictJsonRoute
from schemas.errors import InvalidSpec, Problem
from schemas.spec.text.read import Document, read_document

_CONTENT_TYPE = b"content-type"
#: YAML by its names, and what `curl --data-binary` and editors call any text.
_TEXTS = ("yaml", "text/plain", "application/x-www-form-urlencoded")


class DocumentRequest(StrictJsonRequest):
    """A request whose body was read as a document, and counts as JSON."""

    def __init__(self, request: Request, document: Document) -> None:
        headers = [pair for pair in request.scope["headers"] if pair[0] != _CONTENT_TYPE]
        super().__init__({**request.scope, "headers": [*headers, (_CONTENT_TYPE, b"application/json")]})
        self._document = document

    async def body(self) -> bytes:
        """Return the type of a body that is there; ``json`` has what is in it."""
        return b"{}"

    async def json(self) -> Any:
        """Return the document."""
        return self._document


class DocumentRoute(StrictJsonRoute):
    """A route that takes YAML as well as JSON. A body that is called JSON is strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler. It raises ``InvalidSpec`` for a body that is no document."""
        handler = super().get_route_handler()

        async def read(request: Request) -> Response:
            given = request.headers.get("content-type", "").lower()
            if request.method != "POST" or not any(text in given for text in _TEXTS):
                return await handler(request)
            # Here and not in `json`, whose errors the framework replaces by one without a reason.
            return await handler(DocumentRequest(request, _document(await request.body())))

        return read


def _document(body: bytes) -> Document:
    try:
        return read_document(body.decode("utf-8-sig"), "the fields of this resource")
    except UnicodeDecodeError as exc:
        raise InvalidSpec((Problem("", "the document is not UTF-8", "save it as UTF-8"),)) from exc
