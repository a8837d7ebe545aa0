"""NKeys and JWTs of NATS: an operator that signs an account, which signs users; and a server that trusts the operator.

NKeys are base32 of a byte of kind, 32 bytes of an Ed25519 key, and a checksum; JWTs are of version 2
(https://docs.nats.io/running-a-nats-service/configuration/securing_nats/jwt).
"""

import base64
import binascii
import json
import socket
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from deploy.local.engines.engine import EngineContext
from deploy.local.engines.nats import NatsEngine
from deploy.local.engines.ports import LOOPBACK

#: The first byte of a public key, whose letter is its kind, and of a seed.
OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3
_UNLIMITED: dict[str, object] = {
    **dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1),
    "wildcards": True,
}
#: What JetStream wants besides.
_STORING: dict[str, object] = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)


class NKey:
    """A key of a kind."""

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._private = Ed25519PrivateKey.generate()
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = _encoded(bytes([kind]) + raw)

    @property
    def seed(self) -> str:
        """The private key as NATS' tools write it."""
        raw = self._private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return _encoded(bytes([SEED | self._kind >> 5, (self._kind & 31) << 3]) + raw)

    def signed(self, subject: str, name: str, claims: dict[str, object], **more: object) -> str:
        """Return a JWT about another key, or itself."""
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        body = {"jti": name, "iat": int(time.time()), "iss": self.public, "name": name, "sub": subject} | more
        text = f"{_segment(head)}.{_segment(body | {'nats': claims | {'version': 2}})}"
        return f"{text}.{_base64(self._private.sign(text.encode()))}"


class Operator:
    """An operator with one account for users, and that of the servers themselves."""

    def __init__(self) -> None:
        self.key, self.account, self.system = NKey(OPERATOR), NKey(ACCOUNT), NKey(ACCOUNT)

    def settings(self) -> dict[str, object]:
        """Return what a server needs in order to trust this operator and nobody else."""
        return {
            "operator": self.key.signed(self.key.public, "operator", {"type": "operator"}),
            "system_account": self.system.public,
            "resolver": "MEMORY",
            "resolver_preload": {
                self.account.public: self._account(self.account, "agentflow", _UNLIMITED | _STORING),
                self.system.public: self._account(self.system, "servers", _UNLIMITED),
            },
        }

    def _account(self, account: NKey, name: str, limits: dict[str, object]) -> str:
        claims = {"type": "account", "limits": limits, "default_permissions": {"pub": {}, "sub": {}}}
        return self.key.signed(account.public, name, claims)

    def credentials(self, path: Path, *, seed: str = "", **more: object) -> str:
        """Write a new user's file; ``seed`` is one that is not the user's own. Return its path."""
        user = NKey(USER)
        claims = {"type": "user", "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}}
        token = self.account.signed(user.public, "agent", claims, **more)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed or user.seed}\n------END USER NKEY SEED------\n"
        )
        return str(path)


class OperatedNats(NatsEngine):
    """A server whose users have credentials of an operator."""

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self.operator = Operator()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def _settings(self) -> dict[str, object]:
        own = {name: value for name, value in super()._settings().items() if name != "authorization"}
        return own | self.operator.settings()

    def probe(self) -> bool:
        """It greets: what it does for users is the test's."""
        with socket.create_connection((LOOPBACK, self._port), timeout=2) as conn:
            return conn.recv(5) == b"INFO "


def _encoded(body: bytes) -> str:
    return base64.b32encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "little")).decode().rstrip("=")


def _segment(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
