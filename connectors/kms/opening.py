"""Which master key a process has, by its settings."""

from connectors.kms.local import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.ports.kms import Kms
from schemas.settings import Security


def open_kms(security: Security) -> Kms | None:
    """Return the master keys of the settings; ``None`` where there are none. Raises ``ValueError`` for a wrong one."""
    keys = EnvelopeKeys.of(security.vault_key.get_secret_value(), security.vault_key_before.get_secret_value())
    return None if keys is None else LocalKms(keys)
