"""What redaction needs: something that finds, and the vault that keeps values."""

from collections.abc import Sequence
from typing import Any, Protocol

from schemas.privacy.findings import Finding, Found


class Detecting(Protocol):
    """Finds. Both methods raise a ``StepError`` for what they cannot search to its end."""

    def find(self, text: str) -> list[Finding]:
        """Return what is in a text, none of it overlapping, by its place."""
        ...

    def find_in(self, value: Any) -> list[Found]:
        """Return what is in the texts, long numbers and keys of a JSON value.

        A finding in a key has the path of the key's value, and its ``via`` starts with ``key``.
        """
        ...


class Named(Protocol):
    """A key that names values: the same value the same name, and nobody without the key can tell which."""

    def name(self, kind: str, value: str) -> bytes:
        """Return the keyed hash of a value."""
        ...


class OrgKeys(Protocol):
    """Keys of organisations."""

    async def org_key(self, org_id: str) -> Named:
        """Return an organisation's key. Raises ``Unavailable``."""
        ...


class Tokens(Protocol):
    """The vault of tokens. Methods raise ``Unavailable``."""

    async def tokens_for(self, org_id: str, subject: str | None, values: Sequence[tuple[str, str]]) -> list[str]:
        """Return a token for each (kind, value), the same for the same; ``subject`` is for whom, without one: all."""
        ...

    async def values_of(self, org_id: str, tokens: Sequence[str]) -> dict[str, str | None]:
        """Return what tokens stand for; ``None`` for one that was erased, or that the organisation never had."""
        ...
