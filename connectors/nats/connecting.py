"""How every connection to NATS is made. A connection ends when its server is lost; its owner makes another one.

An address is ``nats://user:password@host:4222``, or ``tls://…`` for an encrypted one; several are separated by commas.
Its query may have ``ca``, ``cert``, ``key`` and ``creds``, which are paths of files; the settings put them there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from nats.aio.client import Client
from nats.errors import Error as NatsError

from connectors.nats.credentials import signed_nonce, user_jwt
from schemas.configuration.engines import NATS_CREDS, NATS_FILES
from schemas.configuration.tls_files import TlsFiles
from topics.tls import client_context
from topics.tls_faults import tls_fault

CONNECT_TIMEOUT_S = 5.0
CLOSE_S = 1.0
#: A server that hangs is abandoned after two of these without an answer.
PING_EVERY_S = 3

#: What the library raises for a server that is lost, refuses, or is too slow.
DOWN = (NatsError, OSError, TimeoutError, ValueError)
_ENCRYPTED = ("tls://", "wss://")
#: How the library words a refused login: the server's own text.
_REFUSED = ("authorization violation", "authentication timeout", "user authentication expired")


class EncryptedClient(Client):
    """A client that speaks by TLS or not at all.

    The library believes a server that offers no encryption, and sends it the password: it may be one that only stands
    between.
    """

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise NatsError("the server does not encrypt; correct NATS_URL, or give the server a certificate")
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)


def new_client(url: str) -> Client:
    """Return a client, not yet connected, for one connection to an address."""
    return EncryptedClient() if url.startswith(_ENCRYPTED) else Client()


async def connect(
    client: Client,
    url: str,
    name: str,
    *,
    on_closed: Callable[[], Awaitable[None]] | None = None,
    on_error: Callable[[Exception], Awaitable[None]] | None = None,
) -> None:
    """Connect a client once. The server's operators see it as ``name``. Raises one of ``DOWN``."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        await client.connect(
            _servers(url),
            **_access(url),
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            ping_interval=PING_EVERY_S,
            closed_cb=on_closed,
            error_cb=on_error,
        )


async def close(client: Client) -> None:
    """Close a client, whatever its connection is in. It raises nothing."""
    # After a handshake that failed, uvloop never says that the connection is closed.
    with suppress(*DOWN):
        async with asyncio.timeout(CLOSE_S):
            await client.close()


def words(exc: BaseException, *, logging_in: bool = False) -> str:
    """Return an error as words, with the fix where it is known: some of the library's have none.

    A server that refuses a login says so and hangs up; what it said may be lost on the way. So a connection that is cut
    while this client is ``logging_in`` names the login, too.
    """
    if fault := tls_fault(exc, "NATS_CAFILE", "NATS_CERTFILE", "NATS_KEYFILE"):
        return fault
    text = str(exc) or type(exc).__name__
    if any(refused in text.lower() for refused in _REFUSED):
        return "it refuses the login; correct user and password in NATS_URL, or NATS_CREDS"
    if logging_in and isinstance(exc, (BrokenPipeError, ConnectionResetError)):
        return f"{text} before the login was done; if it stays so, correct user and password in NATS_URL, or NATS_CREDS"
    return text


def _servers(url: str) -> list[str]:
    """Return the servers of an address."""
    return [one.strip() for one in url.partition("?")[0].split(",") if one.strip()]


def _access(url: str) -> dict[str, Any]:
    """Return nats-py's options of TLS and login that are in no server's URL. Raises ``ValueError`` for wrong files."""
    query = dict(parse_qsl(url.partition("?")[2]))
    options: dict[str, Any] = {}
    if url.startswith(_ENCRYPTED):
        options["tls"] = client_context(TlsFiles.of_query(query, NATS_FILES))
    return options | _credentials(query)


def _credentials(query: Mapping[str, str]) -> dict[str, Any]:
    path = query.get(NATS_CREDS, "")
    if not path:
        return {}
    # Read at each connection, so that new credentials need no restart.
    return {"user_jwt_cb": lambda: user_jwt(path), "signature_cb": lambda nonce: signed_nonce(path, nonce)}
