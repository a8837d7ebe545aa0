"""The one sealing of the project: how bytes are encrypted under a key and bound to the place that they are for.

AES-256-GCM-SIV (RFC 8452) with a random nonce and the place as associated data. A nonce that comes twice shows only
whether two sealed texts are equal, so a key may seal far more texts than with AES-GCM. It needs OpenSSL 3.2 or newer,
which the pinned wheel of ``cryptography`` carries. Sealed bytes are a version (1 byte, 2), the nonce (12), ciphertext
and tag (16). Version 1 is AES-256-GCM, the form of provider keys before; it is opened and no longer written.
"""

import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import Rejected

#: 32 random bytes as base64 are longer.
LEAST_LENGTH = 32
KEY_BYTES: Final = 32
#: What a sealed text is longer than the plain one.
OVERHEAD: Final = 1 + 12 + 16
_GCM, _GCM_SIV = b"\x01", b"\x02"
_NONCE = 12


class UnreadableError(Rejected):
    """Sealed bytes that do not open: sealed under another key, for another place, or changed. Final: never retry."""


class Cipher:
    """What seals under one key of 32 bytes. To make one costs several times a seal, so keep it."""

    __slots__ = ("_gcm", "_siv")

    def __init__(self, key: bytes) -> None:
        self._siv, self._gcm = AESGCMSIV(key), AESGCM(key)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """Return the sealed bytes, other ones each time."""
        nonce = os.urandom(_NONCE)
        return _GCM_SIV + nonce + self._siv.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Return what was sealed for this place. Raises ``UnreadableError``, which says nothing of it."""
        version, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if version == _GCM_SIV:
                return self._siv.decrypt(nonce, rest, place)
            if version == _GCM:
                return self._gcm.decrypt(nonce, rest, place)
        except (InvalidTag, ValueError) as exc:
            raise UnreadableError("sealed data does not open: it was changed, or belongs elsewhere") from exc
        raise UnreadableError("sealed data has a form that this version does not know; upgrade this process")


@dataclass(frozen=True, slots=True)
class EnvelopeKey:
    """A master key. ``id`` names it without saying anything of it."""

    id: str
    _cipher: Cipher = field(repr=False)

    @classmethod
    def of(cls, text: str, variable: str = "VAULT_KEY") -> "EnvelopeKey":
        """Return the key that a setting's text is. Raises ``ValueError`` for one that can be guessed."""
        if len(text) < LEAST_LENGTH:
            raise ValueError(
                f"{variable} has fewer than {LEAST_LENGTH} characters; make one by: openssl rand -base64 32"
            )
        return cls(_derived(text, b"agentflow vault id", 8).hex(), Cipher(_derived(text, b"agentflow vault", 32)))

    def seal(self, secret: bytes, place: str) -> bytes:
        """Return a secret as it is stored at ``place``."""
        return self._cipher.seal(secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the secret. Raises ``UnreadableError``, which says nothing of it."""
        try:
            return self._cipher.open(sealed, place.encode())
        except UnreadableError as exc:
            raise UnreadableError(f"a secret does not open under the envelope key {self.id}; store it again") from exc


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

    def open(self, key_id: str, sealed: bytes, place: str) -> bytes:
        """Return a secret that was sealed under the key ``key_id``. Raises ``UnreadableError``."""
        for key in (self.current, self.before):
            if key is not None and key.id == key_id:
                return key.open(sealed, place)
        raise UnreadableError(
            f"a secret is sealed under the envelope key {key_id}, which is neither VAULT_KEY nor VAULT_KEY_BEFORE; "
            "set the one that it was sealed under, or store it again"
        )


def derived(key: bytes, use: bytes, length: int = KEY_BYTES) -> bytes:
    """Return a key for one use, by HKDF-SHA-256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=use).derive(key)


def _derived(text: str, use: bytes, length: int) -> bytes:
    return derived(text.encode(), use, length)
