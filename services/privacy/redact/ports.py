"""What redaction needs: something that finds, and the keys of organisations; tokens are ``vault.ports.Tokens``."""

from collections.abc import Mapping
from typing import Any, Protocol

from schemas.privacy.findings import Finding, Found
from services.privacy.vault.data_key import DataKey


class Detecting(Protocol):
    """Finds. Both methods raise a ``StepError`` for what they cannot search to its end."""

    @property
    def is_slow(self) -> bool:
        """Whether even a short text takes milliseconds, so that it is looked at beside the event loop."""
        ...

    def find(self, text: str, above: str = "") -> list[Finding]:
        """Return what is in a text, none of it overlapping, by its place; ``above`` are words before it."""
        ...

    def find_in(self, value: Any) -> list[Found]:
        """Return what is in the texts, long numbers and keys of a JSON value.

        A finding in a key has the path of the key's value, and its ``via`` starts with ``key``.
        """
        ...


class OrgKeys(Protocol):
    """Keys of organisations."""

    async def org_key(self, org_id: str) -> DataKey:
        """Return an organisation's key. Raises ``Unavailable``."""
        ...


class Watch(Protocol):
    """Counts what is done."""

    def looked(self, kinds: Mapping[tuple[str, str], int], seconds: float) -> None:
        """Count findings of one value by kind and what became of them, and how long it took."""
        ...

    def refused(self, code: str) -> None:
        """Count a value that was not let pass."""
        ...


class Unwatched:
    """Counts nothing."""

    def looked(self, kinds: Mapping[tuple[str, str], int], seconds: float) -> None:
        """Count nothing."""

    def refused(self, code: str) -> None:
        """Count nothing."""
