"""TLS of PostgreSQL, by libpq's words of a DSN: ``sslmode``, ``sslrootcert``, ``sslcert``, ``sslkey``.

A context of ours instead of asyncpg's, so that certificates are read again when their files change.
"""

import ssl
from urllib.parse import parse_qsl, urlencode

from schemas.configuration.engines import ENCRYPTED_MODES, POSTGRES_FILES
from schemas.configuration.tls_files import TlsFiles
from topics.tls import Verify, client_context

_CHECKED: dict[str, Verify] = {"require": "nothing", "verify-ca": "authority", "verify-full": "name"}


def access(dsn: str) -> tuple[str, ssl.SSLContext | None]:
    """Return a DSN and the context that its connections use; ``None`` leaves it to asyncpg, as ``sslmode`` says.

    As by libpq, ``require`` with authorities checks the authority, and without them nothing. Raises ``ValueError`` for
    files that cannot be used.
    """
    address, _, text = dsn.partition("?")
    query = dict(parse_qsl(text, keep_blank_values=True))
    mode = query.get("sslmode", "")
    if mode not in ENCRYPTED_MODES:
        return dsn, None
    files = TlsFiles.of_query(query, POSTGRES_FILES)
    verify: Verify = "authority" if mode == "require" and files.ca else _CHECKED[mode]
    rest = {word: value for word, value in query.items() if word != "sslmode" and word not in POSTGRES_FILES.values()}
    return f"{address}?{urlencode(rest)}" if rest else address, client_context(files, verify)
