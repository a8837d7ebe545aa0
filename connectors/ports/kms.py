"""Where master keys are: what wraps the keys of organisations and the keys that they bring along for providers."""

from typing import NamedTuple, Protocol


class Wrapped(NamedTuple):
    """A secret as it is stored. ``under`` names the master key and its version, and says nothing of it."""

    under: str
    data: bytes


class Kms(Protocol):
    """Master keys. Each method raises ``Unavailable`` when they cannot be reached.

    ``place`` is what the secret is for; it opens at no other place. Places are ASCII, at most 512 characters.
    """

    async def wrap(self, secret: bytes, place: str) -> Wrapped:
        """Return a secret of at most 32 KiB, sealed under the current version of the master key."""
        ...

    async def unwrap(self, wrapped: Wrapped, place: str) -> bytes:
        """Return the secret. Raises ``UnreadableError``: final, it was changed or its master key is gone."""
        ...

    async def current(self) -> str:
        """Return the name that ``wrap`` gives now; whatever is wrapped under another one waits to be rewrapped."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
