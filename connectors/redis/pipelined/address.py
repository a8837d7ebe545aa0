"""Where servers are and how to log in: what a URL says.

One server is ``redis://`` or ``rediss://`` (TLS). A cluster is ``redis+cluster://``, and a master that Sentinels watch
``redis+sentinel://``, each with several hosts and, with TLS, ``rediss+``::

    redis+cluster://user:password@a:6379,b:6379,c:6379
    redis+sentinel://user:password@a:26379,b:26379,c:26379/0?master=agentflow
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import SSLConnection, parse_url

from connectors.redis.tls import context_of

Kind = Literal["single", "sentinel", "cluster"]

#: Where Sentinels listen unless a URL says another port.
SENTINEL_PORT = 26_379
#: What a URL of Sentinels has in its query besides options of TLS.
MASTER, SENTINEL_USER, SENTINEL_PASSWORD = "master", "sentinel_username", "sentinel_password"


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


@dataclass(frozen=True)
class Place:
    """What a URL names: a server, servers of a cluster, or the Sentinels (``seeds``) of a ``master``.

    ``master_login`` has the login of the master and its replicas; Sentinels have one of their own.
    """

    kind: Kind
    seeds: tuple[Address, ...]
    master: str = ""
    master_login: Address = Address()


def read_place(url: str) -> Place:
    """Read the URL of one server, of a cluster or of Sentinels. Raises ``ValueError``, without what is secret in it."""
    scheme, plus, kind = urlsplit(url).scheme.partition("+")
    if not plus:
        if "," in urlsplit(url).netloc.rpartition("@")[2]:
            raise ValueError(f"{scheme}:// has one host; write {scheme}+cluster:// or {scheme}+sentinel:// for several")
        return Place("single", (read_address(url),))
    if kind == "cluster":
        seeds = tuple(read_address(one) for one in _one_each(url, scheme))
        if any(one.database for one in seeds):
            raise ValueError("a cluster of Redis has no databases; leave the number at the end of its URL out")
        return Place("cluster", seeds)
    if kind == "sentinel":
        return _sentinels(url, scheme)
    raise ValueError(f"{scheme}+{kind}:// is no kind of Redis; write redis://, redis+cluster:// or redis+sentinel://")


def _sentinels(url: str, scheme: str) -> Place:
    said = dict(parse_qsl(urlsplit(url).query))
    if not said.get(MASTER):
        raise ValueError("the URL of Sentinels names no master; add ?master=NAME as in their `sentinel monitor NAME`")
    found = [read_address(one) for one in _one_each(url, scheme, SENTINEL_PORT)]
    login = replace(found[0], host="", port=0)
    user, password = said.get(SENTINEL_USER, ""), said.get(SENTINEL_PASSWORD, "")
    seeds = tuple(replace(one, user=user, password=password, database=0) for one in found)
    return Place("sentinel", seeds, said[MASTER], login)


def _one_each(url: str, scheme: str, port: int | None = None) -> list[str]:
    """Return a URL of one server for each host, without what only Sentinels know."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    own = (MASTER, SENTINEL_USER, SENTINEL_PASSWORD)
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name not in own])
    rest = parts.path + (f"?{query}" if query else "")
    found = [host if port is None or _has_port(host) else f"{host}:{port}" for host in hosts.split(",") if host]
    if not found:
        raise ValueError(f"{parts.scheme}:// names no host; write {parts.scheme}://HOST:PORT,HOST:PORT")
    return [f"{scheme}://{login}{at}{host}{rest}" for host in found]


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


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
        tls=context_of(said) if said.get("connection_class") is SSLConnection else None,
    )
