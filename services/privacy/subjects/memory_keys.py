"""Keys of subjects in the memory of one process: for simulations and tests, never for a system that runs."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from schemas.errors import Rejected, SubjectErased
from services.privacy.subjects.ports import DataKey, KeyState

_NONCE = 12


class MemoryKey:
    """An open key; see ``ports.DataKey``. ``secret`` has 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCMSIV(secret)
        self._names = hashlib.sha256(b"names" + secret).digest()

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """See ``DataKey``."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """See ``DataKey``."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
        except (InvalidTag, ValueError) as exc:
            raise Rejected("the sealed bytes do not open") from exc

    def name(self, kind: str, value: str) -> bytes:
        """See ``DataKey``."""
        return hmac.digest(self._names, f"{kind}\x00{value}".encode(), "sha256")


class MemoryKeys:
    """Keys made on first use. An erased subject never gets another one."""

    def __init__(self) -> None:
        self._orgs: dict[str, DataKey] = {}
        self._subjects: dict[tuple[str, str], DataKey | None] = {}

    async def org_key(self, org_id: str) -> DataKey:
        """See ``ports.SubjectKeys``."""
        return self._orgs.setdefault(org_id, MemoryKey(os.urandom(32)))

    async def subject_key(self, org_id: str, subject: str) -> DataKey:
        """See ``ports.SubjectKeys``."""
        key = self._subjects.setdefault((org_id, subject), MemoryKey(os.urandom(32)))
        if key is None:
            raise SubjectErased(f"the data of {subject} was erased")
        return key

    async def erase(self, org_id: str, subject: str) -> bool:
        """Destroy a subject's key; return whether it was there, or was never made."""
        first = self._subjects.get((org_id, subject), False) is not None
        self._subjects[(org_id, subject)] = None
        return first

    async def state_of(self, org_id: str, subject: str) -> KeyState:
        """Return what became of a subject's key."""
        if (org_id, subject) not in self._subjects:
            return "none"
        return "erased" if self._subjects[(org_id, subject)] is None else "active"
