"""A key that seals data of one organisation or one subject, and names values by it.

Sealed bytes are the key's version (4 bytes, big endian) and what ``connectors.kms.sealing`` makes: 33 bytes more than
the plain ones. They are bound to the organisation, the subject, the version and the caller's purpose.

Key material is 64 bytes: 32 that seal, 32 that name. A rotation changes the first half alone, so names, and with them
tokens, stay what they are.
"""

import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from connectors.kms.sealing import KEY_BYTES, OVERHEAD, Cipher, UnreadableError

MATERIAL_BYTES: Final = 2 * KEY_BYTES
#: What sealed data is longer than the plain one.
SEALED_OVERHEAD: Final = 4 + OVERHEAD
_VERSION = struct.Struct(">I")
_LENGTHS = struct.Struct(">HH")


def new_material(name_key: bytes = b"") -> bytes:
    """Return random key material, with the naming half that is given or a new one."""
    return os.urandom(KEY_BYTES) + (name_key or os.urandom(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key in memory; made by ``Keys``, never stored. ``subject`` is empty for an organisation's own key.

    ``version`` is the one that seals; all versions that the organisation has open.
    """

    org_id: str
    subject: str
    version: int
    _ciphers: Mapping[int, Cipher] = field(repr=False)
    _name_key: bytes = field(repr=False)
    _owner: bytes = field(repr=False)

    @classmethod
    def of(cls, org_id: str, subject: str, materials: Mapping[int, bytes], version: int) -> "DataKey":
        """Return the key of these materials by version. Raises ``UnreadableError`` for one of another length."""
        if any(len(one) != MATERIAL_BYTES for one in materials.values()):
            raise UnreadableError(f"a key of organisation {org_id} has a wrong length; restore the vault's backup")
        ciphers = {number: Cipher(one[:KEY_BYTES]) for number, one in materials.items()}
        org, person = org_id.encode(), subject.encode()
        owner = _LENGTHS.pack(len(org), len(person)) + org + person
        return cls(org_id, subject, version, ciphers, materials[version][KEY_BYTES:], owner)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Return the bytes sealed for a purpose, ``aad``; other ones each time."""
        head = _VERSION.pack(self.version)
        return head + self._ciphers[self.version].seal(plain, head + self._owner + aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Return what was sealed for this purpose by this key, of any version that there is.

        Raises ``UnreadableError``: final; changed, of another subject or organisation, or for another purpose.
        """
        head = sealed[: _VERSION.size]
        cipher = self._ciphers.get(version_of(sealed))
        if cipher is None:
            raise UnreadableError("sealed data names a version of its key that there is not; it was changed")
        return cipher.open(sealed[_VERSION.size :], head + self._owner + aad)

    def name(self, kind: str, value: str) -> bytes:
        """Return 32 bytes that name a value and show nothing of it: HMAC-SHA-256, the same for equal values."""
        return hmac.digest(self._name_key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), "sha256")


def version_of(sealed: bytes) -> int:
    """Return the version of the key that bytes were sealed under; 0, which no key has, for bytes that are too short."""
    return int(_VERSION.unpack_from(sealed)[0]) if len(sealed) >= SEALED_OVERHEAD else 0
