"""Passwords of users as files, one for each: what ``KAFKA_SASL_PASSWORD_FILE`` and its like read.

The engines get them hashed where they can take that: nothing of a password is in a statement or a log of theirs.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from connectors.objects import atomic_file
from deploy.privileges.users import User

BYTES = 24
SCRAM_ROUNDS = 4096


def of_users(folder: Path, users: Iterable[User]) -> dict[str, str]:
    """Return each user's password from the file of its name; those that are missing are made. Raises ``OSError``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {user.name: _of(folder / user.name) for user in users}


def _of(path: Path) -> str:
    if not path.exists():
        atomic_file.replace(path, secrets.token_urlsafe(BYTES).encode())
    return path.read_text(encoding="utf-8").strip()


def postgres_verifier(password: str, salt: bytes | None = None) -> str:
    """Return what PostgreSQL stores of a password for SCRAM-SHA-256 (RFC 5803)."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ROUNDS)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored, served = (base64.b64encode(key).decode() for key in (client, server))
    return f"SCRAM-SHA-256${SCRAM_ROUNDS}:{base64.b64encode(salt).decode()}${stored}:{served}"


def sha256(password: str) -> str:
    """Return the digest that Redis' and ClickHouse's users are given, in hex."""
    return hashlib.sha256(password.encode()).hexdigest()
