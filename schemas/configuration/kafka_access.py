"""How a process reaches the brokers: their addresses, TLS, and the login by SASL."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.configuration.tls_files import TlsFiles

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
MECHANISMS = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where tokens for OAUTHBEARER are got, by OAuth's grant of client credentials (RFC 6749, 4.4)."""

    url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""
    ca: str = ""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """What a connection to a broker needs besides its address. ``password`` is that of PLAIN and SCRAM."""

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = ""
    username: str = ""
    password: str = field(default="", repr=False)
    files: TlsFiles = field(default_factory=TlsFiles)
    tokens: TokenEndpoint = field(default_factory=TokenEndpoint)

    @property
    def encrypted(self) -> bool:
        """True where connections use TLS."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def logs_in(self) -> bool:
        """True where connections log in by SASL."""
        return self.protocol in ("SASL_SSL", "SASL_PLAINTEXT")


class Bootstrap(str):
    """The brokers' addresses, separated by commas, and how they are reached. Its text has the addresses alone.

    ``topics.clients`` makes every client of it. A plain text stands for brokers without TLS and login.
    """

    __slots__ = ("access", "partitions")

    access: KafkaAccess
    partitions: int | None

    def __new__(cls, servers: str, access: KafkaAccess, partitions: int | None = None) -> "Bootstrap":
        """Return the addresses with their access; ``partitions`` is what topics had at first, ``None`` if unknown."""
        made = super().__new__(cls, servers)
        made.access = access
        made.partitions = partitions
        return made


def access_of(bootstrap: str) -> KafkaAccess:
    """Return how brokers are reached."""
    return bootstrap.access if isinstance(bootstrap, Bootstrap) else KafkaAccess()


def reached_alike(bootstrap: str, servers: str) -> Bootstrap:
    """Return other brokers that are reached in the same way."""
    return Bootstrap(servers, access_of(bootstrap), first_partitions(bootstrap))


def first_partitions(bootstrap: str) -> int | None:
    """Return the partitions that topics had at first, before those of runs grew; ``None`` where nobody says."""
    return bootstrap.partitions if isinstance(bootstrap, Bootstrap) else None


def token_endpoint_fault(url: str) -> str:
    """Return what is wrong with the address of a token endpoint; empty for none."""
    if url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        return ""
    return "is no address of https; a client's secret is sent there: write https://HOST/PATH"
