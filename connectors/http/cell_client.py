"""The API of another cell, as this one uses it. It sends the other cell's token, which no error or log has."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from connectors.http.clients import remote_client
from schemas.errors import Conflict, Unavailable

BASE = "/api/v1/cells"
_TIMEOUT_S = 120.0
_DETAIL_CHARS = 500


class CellClient:
    """Requests to one cell. Every method raises ``Unavailable``, and ``Conflict`` for what that cell refuses."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._token = token
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def facts(self) -> dict[str, Any]:
        """Return what the cell says of itself."""
        return await self._json("GET", "/self")

    async def send(
        self, method: str, path: str, params: Mapping[str, str | int], content: bytes | None = None
    ) -> dict[str, Any]:
        """Send a message of a move, and return the answer."""
        return await self._json(method, path, params, content)

    async def _json(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
    ) -> dict[str, Any]:
        # To make a client costs tens of milliseconds for its certificates, and a copy has many parts.
        if self._client is None:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/octet-stream"}
            self._client = remote_client(self.url, headers, _TIMEOUT_S)
        try:
            answer = await self._client.request(method, BASE + path, params=dict(params or {}), content=content)
        except httpx.HTTPError as exc:
            raise Unavailable("cell", f"cell {self.name} does not answer: {type(exc).__name__}") from exc
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable("cell", f"cell {self.name} answered {answer.status_code}: {_detail(answer)}")
        if answer.status_code >= 300:
            raise Conflict(f"cell {self.name} refused with {answer.status_code}: {_detail(answer)}")
        found = orjson.loads(answer.content)
        return found if isinstance(found, dict) else {}


def path_of(*parts: str) -> str:
    """Return a path of parts, each escaped."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _detail(answer: httpx.Response) -> str:
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return "no problem details"
    return str(found.get("detail", ""))[:_DETAIL_CHARS] if isinstance(found, dict) else "no problem details"
