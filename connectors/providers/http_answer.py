"""One request over HTTP and the bytes of its answer, within a time and a size. All that fails is a ``StepError``."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from connectors.http.clients import ServiceClient
from connectors.http.unpacking import ACCEPTED, UnpackingError, unpacked
from connectors.providers import http_errors

#: A connection is quick or hopeless, whatever time the answer may take.
CONNECT_S = 10.0
#: No answer is as long, but what a compressed body of some kilobytes unpacks to may be.
MOST_BYTES = 16 * 1024 * 1024
#: Of an error's body only the beginning says something.
_MOST_OF_AN_ERROR = 1024 * 1024


class HttpAnswer:
    """An answer whose headers are there. ``status`` and ``headers`` are HTTP's."""

    def __init__(
        self, provider: str, response: aiohttp.ClientResponse, chunks: AsyncGenerator[bytes], limits: "Limits"
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._provider = provider
        self._chunks = chunks
        self._limits = limits
        self._size = 0
        self._began = False

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_stream(self) -> bool:
        """Whether the body can be a stream of events; some services answer with a plain body all the same."""
        kind = self.headers.get("content-type", "")
        return not any(name in kind for name in ("json", "html"))

    async def next(self, most_s: float | None = None) -> bytes | None:
        """Return more of the body, decompressed; ``None`` at its end. ``most_s`` is another limit of the wait."""
        wait_s = self._limits.left_s(silent=self._began)
        try:
            async with asyncio.timeout(wait_s if most_s is None else min(wait_s, most_s)):
                chunk = await anext(self._chunks, None)
        except TimeoutError as exc:
            raise self._limits.passed(self._provider) from exc
        except UnpackingError as exc:
            raise http_errors.malformed(self._provider, "a readable body", str(exc)) from exc
        except aiohttp.ClientError as exc:
            raise http_errors.from_exception(self._provider, exc, self._limits.timeout_s) from exc
        self._began = True
        self._size += len(chunk or b"")
        if self._size > (most := self._limits.most_bytes):
            raise http_errors.malformed(self._provider, "of a usual size", f"it has over {most} bytes")
        return chunk

    async def whole(self) -> bytes:
        """Return the body."""
        body = bytearray()
        while (chunk := await self.next()) is not None:
            body += chunk
            if not self.is_success and len(body) > _MOST_OF_AN_ERROR:
                break
        return bytes(body)


class Limits:
    """The time of one answer, all of it and each silence within a body, and its size."""

    def __init__(self, timeout_s: float, silence_s: float, most_bytes: int = MOST_BYTES) -> None:
        self.timeout_s = timeout_s
        self.most_bytes = most_bytes
        self._silence_s = silence_s
        self._until_s = _now_s() + timeout_s

    def left_s(self, *, silent: bool = False) -> float:
        """Return how long to wait at most; a silence is limited once the body has begun."""
        left_s = max(self._until_s - _now_s(), 0)
        return min(left_s, self._silence_s) if silent else left_s

    def passed(self, provider: str) -> Exception:
        """Return the error for the limit that has passed."""
        if _now_s() < self._until_s:
            return http_errors.silent(provider, self._silence_s)
        return http_errors.timed_out(provider, self.timeout_s)


class Sent(NamedTuple):
    """One request: a ``path`` below the base URL, and a ``body`` of the type that ``headers`` name."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"


def json_sent(path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Sent:
    """Return the request that posts JSON. Raises ``ValueError`` for what is no JSON."""
    return Sent(path, json_bytes(body), {"Content-Type": "application/json"} | dict(headers))


@asynccontextmanager
async def asked(
    client: ServiceClient,
    provider: str,
    make: Callable[[], Sent],
    limits: Limits,
    most_connect_s: float = CONNECT_S,
) -> AsyncIterator[HttpAnswer]:
    """Ask, and yield the answer; at the end a connection whose body was not read whole is closed."""
    connect_s = min(most_connect_s, limits.timeout_s)
    try:
        sent = make()
        headers = {"Accept": "*/*", "Accept-Encoding": ACCEPTED} | dict(sent.headers)
        async with asyncio.timeout(limits.left_s()):
            response = await client.request(sent.method, sent.path, sent.body, headers, connect_s)
    except (aiohttp.ClientError, ValueError) as exc:
        raise http_errors.from_exception(provider, exc, limits.timeout_s) from exc
    except TimeoutError as exc:
        raise http_errors.timed_out(provider, limits.timeout_s) from exc
    chunks = unpacked(_raw(response), response.headers.get("content-encoding", ""))
    try:
        async with aclosing(chunks):
            yield HttpAnswer(provider, response, chunks, limits)
    finally:
        response.close()


async def _raw(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    while chunk := await response.content.readany():
        yield chunk


def json_bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
