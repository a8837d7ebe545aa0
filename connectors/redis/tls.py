"""TLS of Redis, by redis-py's words of a URL's query: ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``.

A context of ours instead of redis-py's, so that certificates are read again when their files change.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import SSLConnection, parse_url
from redis.maint_notifications import MaintNotificationsConfig

from schemas.configuration.engines import REDIS_FILES
from schemas.configuration.tls_files import TlsFiles
from topics.tls import Verify, client_context
from topics.tls_faults import tls_fault


class RenewedConnection(SSLConnection):
    """redis-py's connection by TLS, with the certificates that are in the files when it connects."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = context_of(options)


#: A connection that says nothing of its library and wants no notices of moves: a user needs no right to `CLIENT`.
_SAYS_NOTHING = {"driver_info": None, "maint_notifications_config": MaintNotificationsConfig(enabled=False)}


def pool_options(url: str) -> dict[str, Any]:
    """Return what a pool of redis-py takes for a URL of one server. Raises ``ValueError``."""
    options: dict[str, Any] = dict(parse_url(url)) | _SAYS_NOTHING
    if options.get("connection_class") is SSLConnection:
        context_of(options)  # files that cannot be used are said here, and not at each connection
        options["connection_class"] = RenewedConnection
    return options


def context_of(said: Mapping[str, Any]) -> ssl.SSLContext:
    """Return the context that a query describes. Raises ``ValueError`` for files that cannot be used.

    ``ssl_check_hostname=false`` and ``ssl_cert_reqs=none`` check less.
    """
    verify: Verify = "name"
    if str(said.get("ssl_check_hostname", "true")).lower() in ("false", "0", "no"):
        verify = "authority"
    if str(said.get("ssl_cert_reqs", "required")).lower() == "none":
        verify = "nothing"
    query = {name: str(said.get(name) or "") for name in REDIS_FILES.values()}
    return client_context(TlsFiles.of_query(query, REDIS_FILES), verify)


def fault_of(exc: BaseException) -> str:
    """Return why TLS failed, with the fix; empty when the error says nothing of TLS."""
    return tls_fault(exc, "REDIS_CAFILE", "REDIS_CERTFILE", "REDIS_KEYFILE")
