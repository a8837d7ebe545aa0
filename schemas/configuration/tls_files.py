"""Files of certificates: which ones a connection uses, whether they can be used, and how an address carries them.

Every engine takes the same three: the authorities that its server's certificate is checked with, and, where the server
wants one, this client's certificate with its key. All are PEM. Without authorities the system's are used.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_KEYS = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----")
_CREDENTIALS = ("-----BEGIN NATS USER JWT-----", "-----BEGIN USER NKEY SEED-----")
_LOCKED = ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; empty for none. A ``cert`` without a ``key`` has its key in the same file."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def given(self) -> bool:
        """True with any file."""
        return self != TlsFiles()

    def as_query(self, words: Mapping[str, str]) -> dict[str, str]:
        """Return the files by an address' words for ``ca``, ``cert`` and ``key``; without those that are not set."""
        return {words[kind]: path for kind, path in asdict(self).items() if path}

    @classmethod
    def of_query(cls, query: Mapping[str, str], words: Mapping[str, str]) -> "TlsFiles":
        """Return the files that an address names in its query."""
        return cls(*(query.get(words[kind], "") for kind in ("ca", "cert", "key")))


def authority_fault(path: str) -> str:
    """Return what is wrong with a file of authorities, and the fix; empty for none."""
    text, fault = _read(path)
    if fault or _CERTIFICATE in text:
        return fault
    return "holds no certificate in PEM; write the authority's certificate, from BEGIN to END CERTIFICATE"


def certificate_fault(path: str) -> str:
    """Return what is wrong with a client's certificate, and the fix; empty for none."""
    text, fault = _read(path)
    if fault or _CERTIFICATE in text:
        return fault
    return "holds no certificate in PEM; write this client's certificate, then those between it and its authority"


def key_fault(path: str, cert: str, name_of_cert: str) -> str:
    """Return what is wrong with a key, or with its absence beside a certificate; empty for none."""
    if not path:
        return "" if not cert or _has_key(cert) else f"is missing beside {name_of_cert}; name the file of its key"
    if not cert:
        return f"has no certificate; set {name_of_cert}, or leave both out"
    text, fault = _read(path)
    if fault:
        return fault
    if any(mark in text for mark in _LOCKED):
        return "is locked by a passphrase; write it without: openssl pkey -in KEY -out NEW"
    if not any(mark in text for mark in _KEYS):
        return "holds no private key in PEM; write the key, from BEGIN to END PRIVATE KEY"
    return ""


def credentials_fault(path: str) -> str:
    """Return what is wrong with a file of NATS credentials; empty for none."""
    text, fault = _read(path)
    if fault or all(mark in text for mark in _CREDENTIALS):
        return fault
    return "holds no user's JWT and seed; write the file that `nsc generate creds` prints"


def with_query(url: str, added: Mapping[str, str]) -> str:
    """Return an address with more words in its query; one that is there already stays as it is."""
    wanted = {word: value for word, value in added.items() if value}
    if not wanted:
        return url
    address, _, query = url.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    return f"{address}?{urlencode(wanted | given, quote_via=quote, safe='/')}"


def _has_key(path: str) -> bool:
    text, fault = _read(path)
    return bool(fault) or any(mark in text for mark in _KEYS)  # a fault is its own variable's to say


def _read(path: str) -> tuple[str, str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace"), ""
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "not a path"
        return "", f"cannot be read ({why}); name a PEM file that this process may read"
