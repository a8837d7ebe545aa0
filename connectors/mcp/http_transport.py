"""Messages to an MCP server over streamable HTTP: one POST each, answered by JSON or by a stream of events.

Only checked addresses are reached, redirects are not followed, and headers go to the declared URL alone.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpcore
import orjson

from connectors.http.clients import guarded_pool
from connectors.http.sse import SseParser, TooLongError
from connectors.tools.environment import HttpRules
from connectors.tools.http.egress import GuardedBackend, Resolve, resolve
from connectors.tools.http.headers import checked_headers
from connectors.tools.http.request import checked_url
from schemas.errors import StepError, Undecodable
from schemas.mcp.protocol import SESSION_HEADER, VERSION_HEADER, Message
from schemas.values.bounds import MAX_DEPTH
from schemas.values.json_text import read_json

#: More than that belongs in storage; the answer carries its address.
MAX_BYTES = 8 * 1024 * 1024
_JSON = "application/json"
_EVENTS = "text/event-stream"
_NOT_FOUND, _ACCEPTED = 404, 202
#: A server that is busy or broken for a moment.
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpTransport:
    """One server. ``headers`` have their secrets filled in; nothing shows them."""

    def __init__(self, url: str, headers: Mapping[str, str], rules: HttpRules, look_up: Resolve = resolve) -> None:
        self._url = url
        self._headers = dict(headers)
        self._rules = rules
        self._look_up = look_up
        self._session: str | None = None
        self.version: str | None = None

    async def send(self, message: Message, further: Mapping[str, str]) -> Message | None:
        """Send a message and return the answer to it, ``None`` for a notification. Raises ``StepError``."""
        place = checked_url(self._url, self._rules)
        own = {"content-type": _JSON, "accept": f"{_JSON}, {_EVENTS}"} | {k.lower(): v for k, v in further.items()}
        own |= {VERSION_HEADER: self.version} if self.version else {}
        own |= {SESSION_HEADER: self._session} if self._session else {}
        declared = checked_headers(self._headers, {}, place.hostname or "", at_home=True)
        headers = [(name, value) for name, value in declared if name.decode() not in own]
        headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in own.items()]
        backend = GuardedBackend(self._rules.networks, self._look_up)
        try:
            async with (
                guarded_pool(backend) as pool,
                pool.stream("POST", self._url, headers=headers, content=orjson.dumps(message)) as response,
            ):
                return await self._answer(response, message)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as exc:
            what = str(exc) or type(exc).__name__
            raise StepError("mcp_unreachable", f"the MCP server does not answer: {what[:300]}", retryable=True) from exc

    async def close(self) -> None:
        """Nothing is open between messages; a session ends by itself."""

    async def _answer(self, response: httpcore.Response, message: Message) -> Message | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status >= 300:
            raise await self._refused(response, kind)
        self._session = headers.get(SESSION_HEADER, self._session)
        if "id" not in message:
            return None
        if kind == _EVENTS:
            return await _in_events(response, message["id"])
        if kind != _JSON:
            raise StepError("mcp_protocol", f"the MCP server answered with {kind or 'no content type'}, not with JSON")
        return _checked(await _whole(response), message["id"])

    async def _refused(self, response: httpcore.Response, kind: str) -> StepError:
        status, said = response.status, ""
        if kind == _JSON:
            said = f": {_said(await _whole(response))}"
        if status == _NOT_FOUND and self._session is not None:
            return StepError("mcp_unreachable", "the MCP server has forgotten the session", retryable=True)
        if status in (401, 403):
            return StepError("mcp_refused", f"the MCP server refused the key ({status}){said}; set the secret again")
        if status < 400:
            return StepError("mcp_refused", f"the MCP server redirects ({status}); declare the address it leads to")
        return StepError(f"http_{status}", f"the MCP server answered {status}{said}", retryable=status in _AGAIN)


async def _whole(response: httpcore.Response) -> bytes:
    parts, size = list[bytes](), 0
    async for part in _parts(response):
        size += len(part)
        if size > MAX_BYTES:
            raise StepError("too_large", f"the MCP server's answer has over {MAX_BYTES} bytes; ask for less of it")
        parts.append(part)
    return b"".join(parts)


async def _in_events(response: httpcore.Response, message_id: int) -> Message:
    """Return the answer among the events of a stream; what else the server says or asks there is skipped."""
    parser, size = SseParser(), 0
    async for part in _parts(response):
        size += len(part)
        if size > MAX_BYTES:
            raise StepError("too_large", f"the MCP server's stream has over {MAX_BYTES} bytes; ask for less of it")
        try:
            events = parser.feed(part)
        except TooLongError as exc:
            raise StepError("too_large", f"the MCP server's answer is too long: {exc}") from exc
        for event in events:
            found = _read(event.data.encode())
            if found.get("id") == message_id and ("result" in found or "error" in found):
                return found
    raise StepError("mcp_unreachable", "the MCP server's stream ended without the answer", retryable=True)


async def _parts(response: httpcore.Response) -> AsyncIterator[bytes]:
    async for part in response.aiter_stream():
        yield part


def _checked(data: bytes, message_id: int) -> Message:
    found = _read(data)
    if found.get("id") != message_id or not ("result" in found or "error" in found):
        raise StepError("mcp_protocol", "the MCP server's answer is not to the message that was sent")
    return found


def _read(data: bytes) -> Message:
    try:
        found: Any = read_json(data, MAX_DEPTH - 1)
    except Undecodable as exc:
        raise StepError("mcp_protocol", f"the MCP server's answer is no JSON that a record can carry: {exc}") from exc
    if not isinstance(found, dict):
        raise StepError("mcp_protocol", "the MCP server's answer is no message")
    return found


def _said(data: bytes) -> str:
    try:
        error = _read(data).get("error")
    except StepError:
        return "it is no JSON"
    return str(error.get("message", ""))[:300] if isinstance(error, dict) else ""
