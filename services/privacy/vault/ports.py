"""What other packages use of the vault: keys of organisations and subjects, tokens, and the errors of both.

Errors, and what a caller must do:

``Unavailable``      the vault or the master key does not answer: retry later, and let nothing pass meanwhile
``UnreadableError``  sealed data was changed, or belongs elsewhere: final
``Erased``           the subject's key was destroyed: final, its data is gone

A process keeps keys in memory for at most ``CACHE_S`` seconds, so an erasure is in force everywhere after that time.
"""

from collections.abc import Collection, Sequence
from typing import Final, Literal, Protocol

from connectors.kms.sealing import UnreadableError
from schemas.errors import SubjectErased as Erased
from schemas.errors import Unavailable
from services.privacy.vault.data_key import DataKey

__all__ = ["CACHE_S", "DataKey", "Erased", "KeyState", "Keys", "Tokens", "Unavailable", "UnreadableError"]

#: How long a process uses a key, or the value of a token, without a look at the vault.
CACHE_S: Final = 5.0


KeyState = Literal["none", "active", "erased"]


class Keys(Protocol):
    """Keys of organisations and their subjects. Each method raises ``Unavailable`` and ``UnreadableError``.

    ``subject`` is a pseudonym, 1 to 128 ASCII characters: never the id that a caller has for a person.
    """

    async def org_key(self, org_id: str) -> DataKey:
        """Return an organisation's key, made on first use."""
        ...

    async def subject_key(self, org_id: str, subject: str) -> DataKey:
        """Return a subject's key, made on first use. Raises ``Erased``."""
        ...

    async def known_subject_keys(self, org_id: str, subjects: Collection[str]) -> dict[str, DataKey]:
        """Return the keys of those that have one, in one look at the vault; erased and unknown ones are absent."""
        ...

    async def erased(self, org_id: str, subjects: Collection[str]) -> dict[str, int]:
        """Return when those that were erased were, in epoch ms, as the vault has it now; the others are absent."""
        ...

    async def state_of(self, org_id: str, subject: str) -> KeyState:
        """Return what became of a subject's key, as the vault has it now."""
        ...

    async def erase(self, org_id: str, subject: str) -> bool:
        """Destroy a subject's key and tokens, for ever; return whether this did it, false when it was done before.

        A subject that never had a key is erased as well: none is made later. Within ``CACHE_S`` no process has it.
        """
        ...

    def forget(self, org_id: str, subject: str) -> None:
        """Drop a subject's key from this process' memory at once: somebody says that it was erased."""
        ...


class Tokens(Protocol):
    """Tokens that stand for values. Each method raises ``Unavailable`` and ``UnreadableError``."""

    async def tokens_for(
        self, org_id: str, subject: str | None, values: Sequence[tuple[str, str]], *, run: str = ""
    ) -> list[str]:
        """Return a token for each kind and value, in order; equal ones have one token. Raises ``Erased``.

        The scope is the subject; without one the organisation; with ``run`` that run alone, of the subject if given.
        """
        ...

    async def values_of(
        self, org_id: str, tokens: Collection[str], *, subject: str | None = None
    ) -> dict[str, str | None]:
        """Return what each token stands for; ``None`` when it is unknown or its subject was erased.

        With ``subject``, tokens of other subjects count as unknown; those of the organisation's scope do not.
        """
        ...
