"""Makes uvloop report a lost connection with the exception that libraries expect.

Between the loss of a connection and the moment at which its reader learns of it, asyncio's transports ignore a write,
and the reader raises. uvloop's raise a bare ``RuntimeError``, which passes every ``except OSError`` of aiokafka and
redis-py: a consumer crashes, a step fails as a defect, a request is answered with 500, all for a broken connection.

A transport that is gone has no socket either: uvloop answers ``None``, of which anyio asks the peer's address. httpx
looks at each idle connection through anyio before it sends, so a provider that hung up would fail a step as a defect.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from anyio.abc import SocketStream

_GUARDED = ("write", "writelines", "write_eof")


def install() -> None:
    """Make ``StreamWriter`` raise ``ConnectionResetError`` and anyio name no address then; safe to repeat."""
    for name in _GUARDED:
        method = getattr(asyncio.StreamWriter, name)
        if not hasattr(method, "__wrapped__"):
            setattr(asyncio.StreamWriter, name, _guarded(method))
    for provider in (one for one in SocketStream.__mro__ if "_raw_socket" in vars(one)):
        read = vars(provider)["extra_attributes"].fget
        if not hasattr(read, "__wrapped__"):
            setattr(provider, "extra_attributes", property(_none_without_socket(read)))  # noqa: B010 - anyio's, for good


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    @wraps(method)
    def guarded(self: asyncio.StreamWriter, *args: Any) -> None:
        try:
            method(self, *args)
        except RuntimeError as exc:
            if not self.transport.is_closing():
                raise
            raise ConnectionResetError(f"the connection is gone ({exc})") from exc

    return guarded


def _none_without_socket(read: Callable[[Any], Mapping[Any, Any]]) -> Callable[[Any], Mapping[Any, Any]]:
    @wraps(read)
    def attributes(self: Any) -> Mapping[Any, Any]:
        # No attributes at all: httpcore takes a connection without a socket for one that its peer has closed.
        return {} if self._raw_socket is None else read(self)

    return attributes
