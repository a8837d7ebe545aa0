"""The certificates of a data directory, in ``<data_dir>/tls``: made at the first encrypted start, and again in time."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from deploy.local.engines.tls.certificates import LIFE, Authority, write

#: A tenth of their life before their end, certificates are made again.
_LEFT = LIFE / 10


@dataclass(frozen=True, slots=True)
class LocalTls:
    """Files of an authority's certificate, and of the servers' one certificate and key.

    Servers of ``several`` have a certificate each, of the same authority.
    """

    folder: Path
    several: tuple[str, ...] = ()

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.pem"

    @property
    def cert(self) -> Path:
        """The servers' certificate."""
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        """Its key."""
        return self.folder / "server-key.pem"

    @property
    def both(self) -> Path:
        """Key and certificate in one file, as Kafka wants them."""
        return self.folder / "server-both.pem"

    def both_of(self, name: str) -> Path:
        """Key and certificate of one of ``several``."""
        return self.folder / f"{name}-both.pem"

    def make(self) -> None:
        """Make the files, unless they are there and live long enough. The authority's key is not kept."""
        if self._usable():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = Authority()
        server = authority.signed("AgentFlow's engines on this machine")
        write(self.ca, authority.pair.cert)
        write(self.cert, server.cert)
        write(self.key, server.key)
        write(self.both, server.key + server.cert)
        for name in self.several:
            own = authority.signed(name)
            write(self.both_of(name), own.key + own.cert)

    def trusting(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority alone, for probes."""
        return ssl.create_default_context(cafile=self.ca)

    def serving(self) -> ssl.SSLContext:
        """Return the context of a server with the certificate."""
        return server_context(self.cert, self.key)

    def _usable(self) -> bool:
        try:
            files = (self.ca, self.cert, *map(self.both_of, self.several))
            certs = [x509.load_pem_x509_certificate(path.read_bytes()) for path in files]
        except (OSError, ValueError):
            return False
        whole = self.key.exists() and self.both.exists()
        return whole and all(cert.not_valid_after_utc - datetime.now(UTC) > _LEFT for cert in certs)


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Return the context of a server. Raises ``OSError`` for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
