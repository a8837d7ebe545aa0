"""Makes uvloop report a lost connection with the exception that libraries expect.

Between the loss of a connection and the moment at which its reader learns of it, asyncio's transports ignore a write,
and the reader raises. uvloop's raise a bare ``RuntimeError``, which passes every ``except OSError`` of aiokafka and
redis-py: a consumer crashes, a step fails as a defect, a request is answered with 500, all for a broken connection.
"""

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

_GUARDED = ("write", "writelines", "write_eof")


def install() -> None:
    """Make ``asyncio.StreamWriter`` raise ``ConnectionResetError`` then, in this process; safe to repeat."""
    for name in _GUARDED:
        method = getattr(asyncio.StreamWriter, name)
        if not hasattr(method, "__wrapped__"):
            setattr(asyncio.StreamWriter, name, _guarded(method))


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
