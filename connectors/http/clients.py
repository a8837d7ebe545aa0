"""Makes every client of HTTP, so that proxies, certificates and limits are decided in one place."""

import ssl
from collections.abc import Mapping
from functools import lru_cache

import httpcore
import httpx


def service_client(base_url: str, headers: Mapping[str, str], connections: int) -> httpx.AsyncClient:
    """Return a client of one service that keeps at most ``connections`` open. Proxies of the environment are used."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(base_url=base_url, headers=dict(headers), limits=limits, verify=_service_tls())


def local_client(base_url: str, headers: Mapping[str, str], timeout_s: float) -> httpx.AsyncClient:
    """Return a client of a server on this machine, which no proxy of the environment may come between."""
    return httpx.AsyncClient(base_url=base_url, headers=dict(headers), timeout=timeout_s, trust_env=False)


def blocking_local_client(base_url: str, headers: Mapping[str, str], timeout_s: float) -> httpx.Client:
    """Return the same for code that has no event loop."""
    return httpx.Client(base_url=base_url, headers=dict(headers), timeout=timeout_s, trust_env=False)


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
