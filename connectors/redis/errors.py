"""Redis' exceptions mapped to ours, in one place.

What another moment can heal (no connection, a timeout, a server that loads, fails over or is out of memory) becomes
``Unavailable``. What only a developer can heal (a wrong command, a script's error, a wrong password) passes through.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as redis_exc

from connectors.redis.tls import fault_of
from schemas.errors import AccessRefused, Unavailable

DEPENDENCY = "redis"

#: Answers of a server that will serve again: it loads its data, fails over, lost its majority or has no memory left.
_PASSING_PREFIXES = (
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "OOM",
    "BUSY",
    "NOREPLICAS",
    "MISCONF",
)

_LOST = (redis_exc.ConnectionError, redis_exc.TimeoutError, ConnectionError, TimeoutError, OSError)
_WRONG_LOGIN = (redis_exc.AuthenticationError, redis_exc.AuthorizationError)


@contextmanager
def redis_errors(doing: str) -> Iterator[None]:
    """Raise ``Unavailable`` for what passes by itself; ``doing`` says in words what was tried."""
    try:
        yield
    except _WRONG_LOGIN:
        raise
    except _LOST as exc:
        if fault := fault_of(exc):
            raise AccessRefused(DEPENDENCY, f"{doing}: {fault}") from exc
        raise Unavailable(DEPENDENCY, f"{doing}: {type(exc).__name__}: {exc}") from exc
    except redis_exc.ResponseError as exc:
        if not _passes(exc):
            raise
        raise Unavailable(DEPENDENCY, f"{doing}: {exc}") from exc


def _passes(exc: redis_exc.ResponseError) -> bool:
    """Tell by class, since redis-py cuts the prefix off the errors that it has a class for, else by prefix."""
    if isinstance(exc, (redis_exc.ReadOnlyError, redis_exc.OutOfMemoryError, redis_exc.ClusterDownError)):
        return True
    if isinstance(exc, (redis_exc.MasterDownError, redis_exc.TryAgainError)):
        return True
    # An error inside a script is reported as "ERR Error running script ...: -OOM command not allowed".
    text = str(exc)
    return text.startswith(_PASSING_PREFIXES) or any(f"-{prefix} " in text for prefix in _PASSING_PREFIXES)
