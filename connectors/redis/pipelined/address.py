"""Where a server is and how to log in: what a URL says."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio.connection import SSLConnection, parse_url


@dataclass(frozen=True)
class Address:
    """A server. ``path`` is of a Unix socket and stands in for host and port; ``tls`` is ``None`` for a plain one."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    user: str = ""
    password: str = ""
    database: int = 0
    tls: ssl.SSLContext | None = None

    def at(self, host: str, port: int) -> "Address":
        """Return another server of the same cluster: with the same login, and no database, which clusters lack."""
        return replace(self, host=host or self.host, port=port, path="", database=0)

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self})"


def read_address(url: str) -> Address:
    """Read ``redis://``, ``rediss://`` (TLS) or ``unix://`` with ``user:password@`` and ``/database``.

    The query may have ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``, ``ssl_cert_reqs=none`` and
    ``ssl_check_hostname``. Raises ``ValueError``.
    """
    said: Mapping[str, Any] = dict(parse_url(url))
    return Address(
        host=said.get("host") or "127.0.0.1",
        port=int(said.get("port") or 6379),
        path=said.get("path") or "",
        user=said.get("username") or "",
        password=said.get("password") or "",
        database=int(said.get("db") or 0),
        tls=_tls(said) if said.get("connection_class") is SSLConnection else None,
    )


def _tls(said: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=said.get("ssl_ca_certs"))
    if str(said.get("ssl_check_hostname", "true")).lower() in ("false", "0", "no"):
        context.check_hostname = False
    if str(said.get("ssl_cert_reqs", "required")).lower() == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if said.get("ssl_certfile"):
        context.load_cert_chain(said["ssl_certfile"], said.get("ssl_keyfile"))
    return context
