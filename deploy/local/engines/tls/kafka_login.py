"""A broker with TLS and a login (``SASL_SSL``): its settings, and a probe that speaks both.

The broker itself and the processes of the launcher log in by PLAIN as one user, who may do everything. Users that are
added later, by SCRAM, may do what access rules let them: see ``deploy.privileges``.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from deploy.local.engines.tls.files import LocalTls
from schemas.configuration.kafka_access import Mechanism, Protocol

USER = "agentflow"
PROTOCOL: Protocol = "SASL_SSL"
MECHANISM: Mechanism = "PLAIN"
#: The login of other users.
OTHERS: Mechanism = "SCRAM-SHA-512"
#: Brokers and controllers of one machine speak to each other without a login.
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_SUPER = f"User:{USER};User:ANONYMOUS"
SASL_HANDSHAKE_API, SASL_AUTHENTICATE_API = 17, 36


def settings(tls: LocalTls) -> dict[str, str]:
    """Return what a broker needs besides its listeners."""
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(tls.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(tls.ca),
        "sasl.enabled.mechanisms": f"{MECHANISM},{OTHERS}",
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        f"listener.name.clients.{OTHERS.lower()}.sasl.jaas.config": f"{_SCRAM} required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": _SUPER,
    }


def jaas(password: str) -> str:
    """Return the users of a broker's listeners: one, who is the broker itself as well."""
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    user = f'username="{USER}" password="{password}" user_{USER}="{password}"'
    return f"KafkaServer {{\n  {module} required\n  {user};\n}};\n"


def jaas_option(path: Path) -> str:
    """Return Java's option that names the file of users."""
    return f"-Djava.security.auth.login.config={path}"


def log_in(conn: socket.socket, password: str) -> bool:
    """Log in on an encrypted connection; return whether the broker let us."""
    name = MECHANISM.encode()
    chosen = _asked(conn, SASL_HANDSHAKE_API, 1, struct.pack(">h", len(name)) + name)
    if struct.unpack(">h", chosen[:2])[0] != 0:
        return False
    token = f"\0{USER}\0{password}".encode()
    answer = _asked(conn, SASL_AUTHENTICATE_API, 0, struct.pack(">i", len(token)) + token)
    return bool(struct.unpack(">h", answer[:2])[0] == 0)


def _asked(conn: socket.socket, api: int, version: int, body: bytes) -> bytes:
    """Send a request and return its answer, without the header. Raises ``OSError``."""
    header = struct.pack(">hhih", api, version, 1, -1)
    conn.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
    size = struct.unpack(">i", _exactly(conn, 4))[0]
    return _exactly(conn, size)[4:]


def _exactly(conn: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = conn.recv(size - len(found))
        if not more:
            raise ConnectionError("the broker closed the connection")
        found += more
    return found
