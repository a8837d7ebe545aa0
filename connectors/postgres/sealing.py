"""Secrets as they are stored: encrypted and authenticated under an envelope key, bound to the place that they are for.

AES-256-GCM (NIST SP 800-38D) with a random nonce for each secret and the place as associated data; its key is derived
from the setting by HKDF-SHA-256 (RFC 5869). A stored secret is a version (1 byte), the nonce (12), ciphertext and tag.
"""

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import AgentFlowError

#: 32 random bytes as base64 are longer.
LEAST_LENGTH = 32
_VERSION = b"\x01"
_NONCE = 12


class UnreadableError(AgentFlowError):
    """A stored secret that does not open: it was sealed under another key, belongs elsewhere, or was changed."""


@dataclass(frozen=True, slots=True)
class EnvelopeKey:
    """What secrets are sealed under. ``id`` names it without saying anything of it."""

    id: str
    _cipher: AESGCM = field(repr=False)

    @classmethod
    def of(cls, text: str, variable: str = "VAULT_KEY") -> "EnvelopeKey":
        """Return the key that a setting's text is. Raises ``ValueError`` for one that can be guessed."""
        if len(text) < LEAST_LENGTH:
            raise ValueError(
                f"{variable} has fewer than {LEAST_LENGTH} characters; make one by: openssl rand -base64 32"
            )
        return cls(_derived(text, b"agentflow vault id", 8).hex(), AESGCM(_derived(text, b"agentflow vault", 32)))

    def seal(self, secret: str, place: str) -> bytes:
        """Return a secret as it is stored at ``place``."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Return the secret. Raises ``UnreadableError``, which says nothing of it."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        unreadable = UnreadableError(f"a secret does not open under the envelope key {self.id}; store it again")
        if sealed[:1] != _VERSION:
            raise unreadable
        try:
            return self._cipher.decrypt(nonce, ciphertext, place.encode()).decode()
        except (InvalidTag, ValueError) as exc:
            raise unreadable from exc


@dataclass(frozen=True, slots=True)
class EnvelopeKeys:
    """The key that secrets are sealed under, and the one before it, which still opens them."""

    current: EnvelopeKey
    before: EnvelopeKey | None = None

    @classmethod
    def of(cls, current: str, before: str = "") -> "EnvelopeKeys | None":
        """Return the keys of the settings; ``None`` without any. Raises ``ValueError``."""
        if not current:
            if before:
                raise ValueError("VAULT_KEY_BEFORE is set and VAULT_KEY is not; set both, or none")
            return None
        return cls(EnvelopeKey.of(current), EnvelopeKey.of(before, "VAULT_KEY_BEFORE") if before else None)

    def open(self, key_id: str, sealed: bytes, place: str) -> str:
        """Return a secret that was sealed under the key ``key_id``. Raises ``UnreadableError``."""
        for key in (self.current, self.before):
            if key is not None and key.id == key_id:
                return key.open(sealed, place)
        raise UnreadableError(
            f"a secret is sealed under the envelope key {key_id}, which is neither VAULT_KEY nor VAULT_KEY_BEFORE; "
            "set the one that it was sealed under, or store it again"
        )


def _derived(text: str, use: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=use).derive(text.encode())
