"""Which master key a process has by its settings: ``VAULT_KEY``, ``VAULT_KEY_BEFORE``, their files, or a service."""

from connectors.kms.sealing import EnvelopeKeys
from connectors.kms.transit import TransitKms
from connectors.ports.kms import Kms, Wrapped
from schemas.settings import Security, Vault

#: How long a process waits for a master key that is elsewhere.
TIMEOUT_S = 5.0


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


def open_kms(security: Security, vault: Vault) -> Kms | None:
    """Return the master keys of the settings; ``None`` where there are none. Raises ``ValueError`` for a wrong one.

    With a transit engine, ``VAULT_KEY`` and the one before it still open what they had wrapped, so that a deployment
    can move to the engine by a rotation.
    """
    keys = EnvelopeKeys.of(security.vault_key.get_secret_value(), security.vault_key_before.get_secret_value())
    local = None if keys is None else LocalKms(keys)
    if not vault.transit_url:
        return local
    token = vault.transit_token.get_secret_value()
    if not token:
        raise ValueError("VAULT_TRANSIT_URL is set and VAULT_TRANSIT_TOKEN is not; set both, or none")
    return TransitKms(vault.transit_url, token, vault.transit_key, before=local, timeout_s=TIMEOUT_S)
