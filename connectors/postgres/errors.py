"""Maps asyncpg's exceptions to AgentFlow's, in one place."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from schemas.errors import AccessRefused, Unavailable
from topics.tls_faults import tls_fault

#: Temporary: the server starts, stops, has no room, or another transaction won. A retry may succeed.
_PASSING = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
)
#: Wrong until an operator fixes it; still nothing of the caller's is lost.
_SETUP = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


@contextmanager
def postgres_errors(what: str) -> Iterator[None]:
    """Raise ``Unavailable("postgres", …)`` for every error that the statement and its values did not cause."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as exc:
        raise Unavailable("postgres", f"{what}: a table or a column is missing; run `make migrate-up` ({exc})") from exc
    except _SETUP as exc:
        raise AccessRefused("postgres", f"{what}: {_login_fault(exc)}") from exc
    except asyncpg.InsufficientPrivilegeError as exc:
        raise AccessRefused("postgres", f"{what}: {exc}; see docs/how-to/hardening.md#postgresql") from exc
    except TimeoutError as exc:
        raise Unavailable("postgres", f"{what}: no answer in time") from exc
    except ssl.SSLError as exc:
        raise AccessRefused("postgres", f"{what}: {_tls_fault(exc)}") from exc
    except OSError as exc:
        raise Unavailable("postgres", f"{what}: no connection ({exc.strerror or type(exc).__name__})") from exc
    except _PASSING as exc:
        raise Unavailable("postgres", f"{what}: {type(exc).__name__}: {exc}") from exc


def _login_fault(exc: BaseException) -> str:
    if "client certificate" in str(exc):
        return "it wants a certificate of this client; set DB_SSL_CERT and DB_SSL_KEY"
    return f"check user, password and database ({type(exc).__name__})"


def _tls_fault(exc: BaseException) -> str:
    return tls_fault(exc, "DB_SSL_ROOT_CERT", "DB_SSL_CERT", "DB_SSL_KEY")
