"""What sealing and erasing need of the vault. See ``services.privacy.vault.ports``, which has more."""

from services.privacy.vault.data_key import DataKey
from services.privacy.vault.ports import Keys, KeyState

SubjectKeys = Keys

__all__ = ["DataKey", "KeyState", "SubjectKeys"]
