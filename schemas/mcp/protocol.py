"""Messages of the Model Context Protocol: JSON-RPC 2.0, versions and their negotiation.

Revisions up to 2025-11-25 begin with ``initialize``, in which both sides agree on one. From 2026-07-28 on each request
names its revision in ``_meta``, and ``server/discover`` lists those of the server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import Undecodable
from schemas.values.json_text import read_json

Json = Any
Message = dict[str, Any]

#: With a handshake, the oldest first.
HANDSHAKE: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
#: Without one.
STATELESS: Final = ("2026-07-28",)
VERSIONS: Final = (*HANDSHAKE, *STATELESS)
LATEST_HANDSHAKE: Final = HANDSHAKE[-1]
VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CLIENT_KEY: Final = "io.modelcontextprotocol/clientInfo"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
VERSION_HEADER: Final = "mcp-protocol-version"
SESSION_HEADER: Final = "mcp-session-id"

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
UNSUPPORTED_VERSION: Final = -32022
#: Deeper messages than this are no messages.
_DEPTH: Final = 64


class RpcError(Exception):
    """An error of the protocol itself. ``data`` says more of it to a program."""

    def __init__(self, code: int, message: str, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass(frozen=True)
class Incoming:
    """A request or, without ``id``, a notification."""

    method: str
    params: dict[str, Any]
    id: str | int | None

    @property
    def meta(self) -> dict[str, Any]:
        """What the sender says beside the parameters."""
        found = self.params.get("_meta")
        return found if isinstance(found, dict) else {}

    @property
    def version(self) -> str | None:
        """The revision that the message itself names."""
        found = self.meta.get(VERSION_KEY)
        return found if isinstance(found, str) else None


def read_message(data: bytes | str) -> Incoming | None:
    """Return a request or a notification, ``None`` for an answer. Raises ``RpcError``."""
    try:
        found = read_json(data if isinstance(data, bytes) else data.encode(), _DEPTH)
    except (Undecodable, UnicodeEncodeError) as exc:
        raise RpcError(PARSE_ERROR, f"the message is no JSON: {exc}") from exc
    if isinstance(found, list):
        raise RpcError(INVALID_REQUEST, "batches are not supported; send one message at a time")
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"')
    method, params, message_id = found.get("method"), found.get("params", {}), found.get("id")
    if method is None and ("result" in found or "error" in found):
        return None
    if not isinstance(method, str) or not isinstance(params, dict):
        raise RpcError(INVALID_REQUEST, "a request has a method, which is a text, and params, which are an object")
    if isinstance(message_id, bool) or not isinstance(message_id, str | int | None):
        raise RpcError(INVALID_REQUEST, "the id of a request is a text or a whole number")
    return Incoming(method, params, message_id)


def request(message_id: int | str, method: str, params: Mapping[str, Json]) -> Message:
    """Return a request."""
    return {"jsonrpc": "2.0", "id": message_id, "method": method, "params": dict(params)}


def notification(method: str, params: Mapping[str, Json] | None = None) -> Message:
    """Return a notification, which nobody answers."""
    return {"jsonrpc": "2.0", "method": method} | ({"params": dict(params)} if params else {})


def answer(message_id: str | int | None, result: Mapping[str, Json]) -> Message:
    """Return the answer to a request."""
    return {"jsonrpc": "2.0", "id": message_id, "result": dict(result)}


def error_answer(message_id: str | int | None, error: RpcError) -> Message:
    """Return the answer that is an error."""
    said: Message = {"code": error.code, "message": str(error)}
    return {"jsonrpc": "2.0", "id": message_id, "error": said | ({} if error.data is None else {"data": error.data})}


def negotiated(asked: Json) -> str:
    """Return the revision that ``initialize`` is answered with: what was asked, if it is known, or the newest."""
    return asked if isinstance(asked, str) and asked in HANDSHAKE else LATEST_HANDSHAKE


def check_version(asked: str | None) -> None:
    """Raise ``RpcError`` for a revision that is not spoken here; its data name those that are."""
    if asked is not None and asked not in VERSIONS:
        said = {"supported": list(VERSIONS), "requested": asked}
        raise RpcError(UNSUPPORTED_VERSION, f"protocol version {asked} is not supported", said)
