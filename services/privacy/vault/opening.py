"""The vault of a process: its keys and tokens over one store and one master key."""

from dataclasses import dataclass

from connectors.ports.kms import Kms
from connectors.postgres.database import Database
from connectors.postgres.vault_store import PostgresVaultStore
from services.privacy.vault.keys import VaultKeys
from services.privacy.vault.rotation import Rotation
from services.privacy.vault.tokens import VaultTokens


@dataclass(frozen=True, slots=True)
class OpenVault:
    """One for a process, so that what was read once is remembered for all of it."""

    keys: VaultKeys
    tokens: VaultTokens
    rotation: Rotation


def open_vault(kms: Kms, database: Database) -> OpenVault:
    """Return the vault whose rows are in a database; nothing is read yet."""
    store = PostgresVaultStore(database)
    keys = VaultKeys(store, kms)
    return OpenVault(keys, VaultTokens(store, keys), Rotation(store, kms, keys))
