"""The signing key of a setting."""

import hashlib

from schemas.audit.notes import SigningKey

#: 32 random bytes as base64 are longer.
LEAST_LENGTH = 32


def signing_key(name: str, secret: str) -> SigningKey | None:
    """Return the key that ``AUDIT_KEY`` is; ``None`` without one. Raises ``ValueError`` for one that can be guessed.

    The seed is the SHA-256 of a label and the text, so that any long random text makes a key.
    """
    if not secret:
        return None
    if len(secret) < LEAST_LENGTH:
        raise ValueError(f"AUDIT_KEY has fewer than {LEAST_LENGTH} characters; make one by: openssl rand -base64 32")
    return SigningKey(name, hashlib.sha256(b"agentflow audit key\n" + secret.encode()).digest())
