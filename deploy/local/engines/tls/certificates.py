"""Makes certificates for the engines of one machine: an authority, and certificates that it signs.

The keys are EC P-256. Certificates are for ``localhost`` and the loopback addresses, and serve servers and clients.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from connectors.objects import atomic_file

#: As long as the files of a data directory may be used; they are made again when a tenth of it is left.
LIFE = timedelta(days=365)
#: Clocks of two processes of one machine are one; those of a container's host may differ.
_BEFORE = timedelta(minutes=5)
_NAMES = ("localhost",)
_ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM."""

    cert: bytes
    key: bytes


class Authority:
    """An authority that signs certificates. Its own certificate is ``pair.cert``."""

    def __init__(self, name: str = "AgentFlow on this machine", *, life: timedelta = LIFE) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        now = datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        cert = (
            _builder(subject, subject, key.public_key(), now - _BEFORE, now + life)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        self._key, self._cert = key, cert
        self.pair = Pair(_pem(cert), _pem_key(key))

    def signed(
        self,
        name: str,
        *,
        starts: datetime | None = None,
        ends: datetime | None = None,
        hosts: tuple[str, ...] = _NAMES,
    ) -> Pair:
        """Return a certificate for ``name`` on this machine, from five minutes ago for a year, or as given."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        names: list[x509.GeneralName] = [x509.DNSName(one) for one in hosts]
        if hosts == _NAMES:
            names += [x509.IPAddress(ipaddress.ip_address(one)) for one in _ADDRESSES]
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = _builder(
            _named(name), self._cert.subject, key.public_key(), starts or now - _BEFORE, ends or now + LIFE
        )
        cert = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(uses, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(_pem(cert), _pem_key(key))


def write(path: Path, pem: bytes) -> Path:
    """Write a file that its owner alone may read, at once."""
    atomic_file.replace(path, pem)
    return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, starts: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
