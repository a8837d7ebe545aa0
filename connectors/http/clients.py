"""Makes every client of HTTP, so that proxies, certificates and limits are decided in one place."""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import aiohttp
import httpcore
import httpx

#: Many servers close a connection after 5 s without a request; one sent at that moment has an unknown outcome.
_IDLE_S = 4.0


class ServiceClient:
    """A client of one service that keeps at most ``connections`` open.

    ``proxy`` is a URL; without it proxies of the environment are used.

    ``headers`` are sent with each request.

    aiohttp costs a quarter of httpx's CPU, or less (decision 0029). Its session belongs to a loop, so the first request
    makes it.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], connections: int, proxy: str = "") -> None:
        self._proxy = proxy or None
        self._base_url = base_url
        self.headers = dict(headers)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], connect_s: float
    ) -> aiohttp.ClientResponse:
        """Ask, and return the answer once its headers are there; its body is as it came, compressed or not.

        Redirects are not followed. The caller limits the time, and closes the answer. Raises ``aiohttp.ClientError``
        and ``ValueError``.
        """
        if self._session is None:
            self._session = self._opened()
        url = self._base_url + path
        limit = aiohttp.ClientTimeout(sock_connect=connect_s)
        return await self._session.request(
            method, url, data=body or None, headers=self.headers | dict(headers), allow_redirects=False, timeout=limit
        )

    async def get(self, path: str, connect_s: float) -> aiohttp.ClientResponse:
        """Get, and return the answer once its headers are there, as ``post`` does. Its body is not compressed."""
        if self._session is None:
            self._session = self._opened()
        limit = aiohttp.ClientTimeout(sock_connect=connect_s)
        headers = {"Accept-Encoding": "identity"} | self.headers
        return await self._session.get(self._base_url + path, headers=headers, allow_redirects=False, timeout=limit)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_S, ssl=_service_tls()),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=True,
            proxy=self._proxy,
        )


def service_client(base_url: str, headers: Mapping[str, str], connections: int, proxy: str = "") -> ServiceClient:
    """Return a client of one service, with headers for each of its requests."""
    return ServiceClient(base_url, headers, connections, proxy)


def remote_client(
    base_url: str,
    headers: Mapping[str, str],
    timeout_s: float,
    *,
    auth: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """Return a client of a service that is asked seldom, by the proxies of the environment; it follows no redirect.

    ``auth`` is a user and a password; ``tls`` replaces the authorities that are usual.
    """
    verify: ssl.SSLContext | bool = True if tls is None else tls
    return httpx.AsyncClient(
        base_url=base_url, headers=dict(headers), timeout=timeout_s, follow_redirects=False, auth=auth, verify=verify
    )


def local_client(base_url: str, headers: Mapping[str, str], timeout_s: float) -> httpx.AsyncClient:
    """Return a client of a server on this machine, which no proxy of the environment may come between."""
    return httpx.AsyncClient(base_url=base_url, headers=dict(headers), timeout=timeout_s, trust_env=False)


def blocking_local_client(base_url: str, headers: Mapping[str, str], timeout_s: float) -> httpx.Client:
    """Return the same for code that has no event loop."""
    return httpx.Client(base_url=base_url, headers=dict(headers), timeout=timeout_s, trust_env=False)


def in_process_client(app: Any, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Return a client of an ASGI application of this process; nothing goes over a network."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://agentflow", headers=dict(headers))


def guarded_pool(backend: httpcore.AsyncNetworkBackend) -> httpcore.AsyncConnectionPool:
    """Return a pool of one connection, made by ``backend``, which decides what addresses may be reached."""
    return httpcore.AsyncConnectionPool(ssl_context=_tls(), network_backend=backend, max_connections=1)


@lru_cache(maxsize=1)
def _service_tls() -> ssl.SSLContext:
    # As httpx makes it for each client; it reads all authorities, which takes longer than all else at a start.
    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # The system's authorities; to make a context takes milliseconds.
    return ssl.create_default_context()
