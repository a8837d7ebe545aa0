"""OTLP over HTTP: Protobuf, with gzip. What is sent again follows the protocol, see ``_meaning``."""

import asyncio
import gzip
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from connectors.http.clients import service_client
from connectors.otlp.delivery import MAX_RETRY_AFTER_S, REFUSED_RETRY_S, Delivery, RefusedSpans, delivery_of
from connectors.otlp.rpc_status import message_of
from connectors.otlp.targets import Target
from schemas.clock import now_ms
from schemas.errors import Unavailable

PATH = "/v1/traces"
#: Each target sends one request at a time.
_CONNECTIONS = 2
_MAX_ANSWER = 64 * 1024
_GZIP_LEVEL = 4
#: The protocol's own list of what may be sent again.
_RETRIED = frozenset({429, 502, 503, 504})
#: The address or the key is wrong: spans wait in the log until somebody corrects it, so nothing is lost by it.
_MISCONFIGURED = frozenset({401, 403, 404, 405, 407})
#: A part of the request may be fine.
_DIVISIBLE = frozenset({400, 413, 422})


class HttpSender:
    """Sends to one receiver. An endpoint without a path gets the protocol's."""

    def __init__(self, target: Target, env: Mapping[str, str]) -> None:
        url = urlsplit(target.endpoint)
        headers = {"Content-Type": "application/x-protobuf", "Accept-Encoding": "identity"}
        self._packs = target.compression == "gzip"
        if self._packs:
            headers["Content-Encoding"] = "gzip"
        self._name = f"OTLP target {target.name}"
        self._path = url.path or PATH
        self._timeout_s = target.timeout_ms / 1000
        base = f"{url.scheme}://{url.netloc}"
        self._client = service_client(base, headers | target.header_values(env), _CONNECTIONS)

    async def send(self, body: bytes) -> Delivery:
        """See ``Sender``."""
        packed = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL) if self._packs else body
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.request("POST", self._path, packed, {}, self._timeout_s)
                async with answer:
                    return self._meaning(answer, await _body(answer))
        except TimeoutError as exc:
            raise Unavailable(self._name, f"no answer within {self._timeout_s:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Unavailable(self._name, f"{type(exc).__name__}: {exc}") from exc

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _meaning(self, answer: aiohttp.ClientResponse, body: bytes) -> Delivery:
        if answer.status == 200:  # others of 2xx are no answers of OTLP
            return delivery_of(body)
        said = f"{answer.status}: {message_of(body)[:300] or answer.reason}"
        if answer.status in _RETRIED:
            raise Unavailable(self._name, said, _retry_after(answer.headers.get("Retry-After", "")))
        if answer.status in _MISCONFIGURED:
            raise Unavailable(self._name, f"{said}; correct its endpoint or headers", REFUSED_RETRY_S)
        raise RefusedSpans(said, divisible=answer.status in _DIVISIBLE)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the start of an answer's body: what comes after it matters to nobody."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= _MAX_ANSWER:
            break
    return b"".join(parts)[:_MAX_ANSWER]


def _retry_after(text: str) -> float:
    """Return how many seconds a header asks to wait, by a number or a date; a moment where it does not."""
    if text.strip().isdecimal():
        return min(MAX_RETRY_AFTER_S, float(text))
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now_ms() / 1000
    except (ValueError, TypeError):
        return 1.0
    return min(MAX_RETRY_AFTER_S, max(0.0, seconds))
