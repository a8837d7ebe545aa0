"""What sealing and erasing need of the vault. Every method that waits raises ``Unavailable``."""

from typing import Literal, Protocol

KeyState = Literal["none", "active", "erased"]


class DataKey(Protocol):
    """A key that is open in this process. All methods are pure functions of it."""

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Return the bytes encrypted, bound to ``aad``; each time others."""
        ...

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Return the plain bytes. Raises ``Rejected`` for bytes that were changed or belong to another ``aad``."""
        ...

    def name(self, kind: str, value: str) -> bytes:
        """Return the keyed hash of a value, by which equal values are equal and nobody without the key finds them."""
        ...


class SubjectKeys(Protocol):
    """The keys of organisations and of their data subjects."""

    async def subject_key(self, org_id: str, subject: str) -> DataKey:
        """Return a subject's key, made on first use. Raises ``SubjectErased`` once it was destroyed."""
        ...

    async def org_key(self, org_id: str) -> DataKey:
        """Return the organisation's key, which makes the pseudonyms of its subjects."""
        ...


class ErasableKeys(SubjectKeys, Protocol):
    """Keys that can be destroyed."""

    async def erase(self, org_id: str, subject: str) -> bool:
        """Destroy a subject's key for good, and return whether this did it; false when it was destroyed before."""
        ...

    async def state_of(self, org_id: str, subject: str) -> KeyState:
        """Return what became of a subject's key."""
        ...
