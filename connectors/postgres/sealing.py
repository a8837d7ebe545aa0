"""Secrets as they are stored: encrypted and authenticated under an envelope key, bound to the place that they are for.

Built of HMAC-SHA-256 alone, which every Python has (decision 0028): the text is XORed with the blocks
Built of HMAC-SHA-256 alone, which every Python has (decision 0028): a text is XORed with the blocks
from the envelope key and 32 random bytes of this secret alone, so no block is ever used twice.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from schemas.errors import AgentFlowError

#: 32 random bytes as base64 are longer.
LEAST_LENGTH = 32
_VERSION = b"\x01"
_NONCE = 32
_TAG = 32
_BLOCK = 32


class UnreadableError(AgentFlowError):
    """A stored secret that does not open: it was sealed under another key, belongs elsewhere, or was changed."""


@dataclass(frozen=True, slots=True)
class EnvelopeKey:
    """What secrets are sealed under. ``id`` names it without saying anything of it."""

    id: str
    _key: bytes

    @classmethod
    def of(cls, text: str, variable: str = "VAULT_KEY") -> "EnvelopeKey":
        """Return the key that a setting's text is. Raises ``ValueError`` for one that can be guessed."""
        if len(text) < LEAST_LENGTH:
            raise ValueError(
                f"{variable} has fewer than {LEAST_LENGTH} characters; make one by: openssl rand -base64 32"
            )
        key = hmac.digest(b"agentflow vault", text.encode(), "sha256")
        return cls(hmac.digest(key, b"id", "sha256").hex()[:16], key)

    def __repr__(self) -> str:
        return f"EnvelopeKey({self.id})"

    def seal(self, secret: str, place: str) -> bytes:
        """Return a secret as it is stored at ``place``."""
        nonce = secrets.token_bytes(_NONCE)
        ciphertext = _xored(secret.encode(), self._derived(b"encrypt", nonce))
        return _VERSION + nonce + ciphertext + self._tag(nonce, ciphertext, place)

    def open(self, sealed: bytes, place: str) -> str:
        """Return the secret. Raises ``UnreadableError``, which says nothing of it."""
        nonce, ciphertext, tag = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE : -_TAG], sealed[-_TAG:]
        whole = sealed[:1] == _VERSION and len(sealed) > 1 + _NONCE + _TAG
        if not whole or not hmac.compare_digest(tag, self._tag(nonce, ciphertext, place)):
            raise UnreadableError(f"a secret does not open under the envelope key {self.id}; store it again")
        return _xored(ciphertext, self._derived(b"encrypt", nonce)).decode()

    def _tag(self, nonce: bytes, ciphertext: bytes, place: str) -> bytes:
        # The place is hashed first, so that no byte can move from one part into the next.
        bound = hashlib.sha256(place.encode()).digest()
        return hmac.digest(self._derived(b"authenticate", nonce), bound + nonce + ciphertext, "sha256")

    def _derived(self, use: bytes, nonce: bytes) -> bytes:
        return hmac.digest(self._key, use + nonce, "sha256")


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


def _xored(text: bytes, key: bytes) -> bytes:
    blocks = range(-(-len(text) // _BLOCK))
    stream = b"".join(hmac.digest(key, block.to_bytes(8, "big"), "sha256") for block in blocks)
    return bytes(one ^ other for one, other in zip(text, stream, strict=False))
