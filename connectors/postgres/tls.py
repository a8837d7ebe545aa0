"""TLS of PostgreSQL, by libpq's words of a DSN: ``sslmode``, ``sslrootcert``, ``sslcert``, ``sslkey``.

A context of ours instead of asyncpg's, so that certificates are read again when their files change.
"""

import ssl
from urllib.parse import parse_qsl, urlencode

from schemas.configuration.engines import ENCRYPTED_MODES, POSTGRES_FILES, UNPREPARED
from schemas.configuration.tls_files import TlsFiles
from topics.tls import Verify, client_context

#: As many as asyncpg's own default.
KEPT = 100
_CHECKED: dict[str, Verify] = {"require": "nothing", "verify-ca": "authority", "verify-full": "name"}


def kept_statements(dsn: str) -> int:
    """Return how many prepared statements a connection may keep: none behind a pooler that changes sessions."""
    return 0 if UNPREPARED in dict(parse_qsl(dsn.partition("?")[2])) else KEPT


def access(dsn: str) -> tuple[str, ssl.SSLContext | None]:
    """Return a DSN and the context that its connections use; ``None`` leaves it to asyncpg, as ``sslmode`` says.

    As by libpq, ``require`` with authorities checks the authority, and without them nothing. Raises ``ValueError`` for
    files that cannot be used.
    """
    address, _, text = dsn.partition("?")
    query = dict(parse_qsl(text, keep_blank_values=True))
    if query.pop(UNPREPARED, None):
        dsn = f"{address}?{urlencode(query)}" if query else address
    mode = query.get("sslmode", "")
    if mode not in ENCRYPTED_MODES:
        return dsn, None
    files = TlsFiles.of_query(query, POSTGRES_FILES)
    verify: Verify = "authority" if mode == "require" and files.ca else _CHECKED[mode]
    rest = {word: value for word, value in query.items() if word != "sslmode" and word not in POSTGRES_FILES.values()}
    return f"{address}?{urlencode(rest)}" if rest else address, client_context(files, verify)
