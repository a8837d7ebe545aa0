"""How a process comes to keys of data subjects, and to stored bytes that it can seal and open."""

from connectors.kms.local import LocalKms
from connectors.kms.sealing import EnvelopeKeys
from connectors.objects.store import Objects
from connectors.postgres.database import Database
from connectors.postgres.vault_store import PostgresVaultStore
from schemas.settings import Security
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.vault.keys import VaultKeys


def subject_keys(security: Security, database: Database) -> SubjectKeys | None:
    """Return the keys of data subjects, ``None`` without ``VAULT_KEY``. Raises ``ValueError`` for a wrong setting."""
    envelope = EnvelopeKeys.of(security.vault_key.get_secret_value(), security.vault_key_before.get_secret_value())
    return None if envelope is None else VaultKeys(PostgresVaultStore(database), LocalKms(envelope))


def sealing_objects(objects: Objects, keys: SubjectKeys | None) -> Objects:
    """Return stored bytes that are sealed for data subjects where there are keys."""
    return objects if keys is None else SubjectObjects(objects, keys)
