"""TLS of a client: contexts of certificates in files, which are read again when the files change.

It is below ``connectors`` because the topics' own commands talk to the brokers, too. A connection that is open keeps
the certificates it was made with; the next one has the new ones. Files that cannot be read while they are replaced
change nothing: the certificates before stay in use, and a warning says so once.
"""

import logging
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from schemas.configuration.tls_files import TlsFiles

log = logging.getLogger(__name__)

Verify = Literal["name", "authority", "nothing"]
"""What is checked of a server: that a trusted authority vouches for its very name, for any name, or nothing."""

Stamps = tuple[tuple[int, int, int] | None, ...]


class OneSidedClose(ssl.SSLObject):
    """A connection that says its end and does not wait until the peer says it, too (RFC 8446, 6.1).

    asyncio and uvloop would wait up to 30 s for a broker that is about to read no more.
    """

    def unwrap(self) -> None:
        """Write the end."""
        try:
            super().unwrap()
        except ssl.SSLWantReadError:
            return


class RenewedContext(ssl.SSLContext):
    """A client's context whose every new connection has the certificates that are in the files then."""

    def __new__(cls, *_: object) -> "RenewedContext":
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, files: TlsFiles, verify: Verify) -> None:
        self._files = files
        self._verify = verify
        self._seen = changes(files)
        self._current = _made(files, verify)
        # Libraries look at these on the context that they are given.
        self.check_hostname = self._current.check_hostname
        self.verify_mode = self._current.verify_mode

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Begin a connection of asyncio or uvloop."""
        return self._newest().wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Begin a connection of a blocking client."""
        return self._newest().wrap_socket(*args, **kwargs)

    def _newest(self) -> ssl.SSLContext:
        stamps = changes(self._files)
        if stamps != self._seen:
            self._seen = stamps
            try:
                self._current = _made(self._files, self._verify)
            except ValueError as exc:
                log.warning("certificates stay as they were: %s", exc, extra={"action": "certificates_kept"})
            else:
                log.info("certificates were read again", extra={"action": "certificates_renewed"})
        return self._current


@lru_cache(maxsize=64)
def client_context(files: TlsFiles, verify: Verify = "name") -> ssl.SSLContext:
    """Return the one context of these files. Raises ``ValueError`` that names a file that cannot be used."""
    return RenewedContext(files, verify)


def changes(files: TlsFiles) -> Stamps:
    """Return a value that is another one once a file was written or replaced."""
    return tuple(_stamp(Path(path)) if path else None for path in (files.ca, files.cert, files.key))


def _made(files: TlsFiles, verify: Verify) -> ssl.SSLContext:
    context = _trusting(files.ca)
    context.sslobject_class = OneSidedClose
    context.check_hostname = verify == "name"
    context.verify_mode = ssl.CERT_NONE if verify == "nothing" else ssl.CERT_REQUIRED
    if files.cert:
        try:
            context.load_cert_chain(files.cert, files.key or None, password=_no_passphrase)
        except (OSError, ssl.SSLError) as exc:
            raise ValueError(f"{files.cert} with {files.key or 'the key in it'} cannot be used: {_why(exc)}") from None
    return context


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as exc:
        raise ValueError(f"{ca} cannot be used: {_why(exc)}") from None


def _no_passphrase() -> str:
    # Without this, OpenSSL would ask for one on the terminal and wait.
    raise ValueError("the key is locked by a passphrase; write it without")


def _why(exc: Exception) -> str:
    if isinstance(exc, ssl.SSLError):
        if exc.reason == "KEY_VALUES_MISMATCH":
            return "the key is of another certificate"
        return f"it is not PEM as OpenSSL reads it ({exc.reason or exc})"
    return (exc.strerror if isinstance(exc, OSError) else "") or str(exc)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
