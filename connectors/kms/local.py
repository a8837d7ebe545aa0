"""Master keys from the settings ``VAULT_KEY`` and ``VAULT_KEY_BEFORE``, or their files: the default."""

from connectors.kms.sealing import EnvelopeKeys
from connectors.ports.kms import Wrapped


class LocalKms:
    """The key that wraps, and the one before it, which still unwraps. Always there."""

    def __init__(self, keys: EnvelopeKeys) -> None:
        self._keys = keys

    async def wrap(self, secret: bytes, place: str) -> Wrapped:
        return Wrapped(self._keys.current.id, self._keys.current.seal(secret, place))

    async def unwrap(self, wrapped: Wrapped, place: str) -> bytes:
        return self._keys.open(wrapped.under, wrapped.data, place)

    async def current(self) -> str:
        return self._keys.current.id

    async def close(self) -> None:
        """Nothing is open."""
