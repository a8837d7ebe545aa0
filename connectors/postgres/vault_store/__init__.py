"""Rows of the vault in PostgreSQL, in the database of the data or in one of their own."""

from connectors.postgres.database import Database
from connectors.postgres.vault_store.keys import KeyRows
from connectors.postgres.vault_store.tokens import TokenRows


class PostgresVaultStore(KeyRows, TokenRows):
    """A ``VaultStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database
