"""Makes every client of NATS: TLS, and the login by password, token or credentials (a JWT and its seed).

An address is ``nats://user:password@host:4222`` or ``tls://…``, several separated by commas. Its query may have ``ca``,
``cert``, ``key`` and ``creds``, which are paths of files; the settings put them there.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from nats.aio.client import Client
from nats.errors import Error as NatsError

from connectors.nats.credentials import signed_nonce, user_jwt
from schemas.configuration.engines import NATS_CREDS, NATS_FILES
from schemas.configuration.tls_files import TlsFiles
from topics.tls import client_context

_ENCRYPTED = ("tls://", "wss://")


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


def servers(url: str) -> list[str]:
    """Return the servers of an address."""
    return [one.strip() for one in url.partition("?")[0].split(",") if one.strip()]


def access(url: str) -> dict[str, Any]:
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
