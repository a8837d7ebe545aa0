"""Where the vault's rows are: wrapped keys of organisations and subjects, and sealed values of tokens.

Every method raises ``Unavailable``. Nothing here is in clear: keys are wrapped and values are sealed before they come.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from connectors.ports.kms import Wrapped


class OrgKeyRow(NamedTuple):
    """A version of an organisation's key. ``active``: its time has come, so it may seal; before, it opens only."""

    version: int
    wrapped: Wrapped
    active: bool
    created_ms: int


class SubjectKeyRow(NamedTuple):
    """A subject's key, wrapped under a version of the organisation's key; ``wrapped`` is empty once it was erased."""

    subject: str
    wrapped: bytes
    org_version: int
    erased_ms: int | None = None


class Rewrapped(NamedTuple):
    """A subject's key that changes from one version of the organisation's key to another."""

    subject: str
    before: int
    wrapped: bytes
    org_version: int


class TokenRow(NamedTuple):
    """A token of an organisation. ``subject`` is empty for one of the organisation's scope.

    ``name`` is the keyed hash of what it stands for: two rows with one token and other names are a collision.
    """

    token: str
    subject: str
    name: bytes
    sealed: bytes
    org_version: int = 0


class Counts(NamedTuple):
    """Rows of an organisation. ``by_version``: keys of living subjects by the version that wraps them."""

    subjects: int
    erased: int
    tokens: int
    by_version: dict[int, int]
    tokens_by_version: dict[int, int]


class KeyStore(Protocol):
    """Rows of keys."""

    async def org_keys(self, org_id: str) -> list[OrgKeyRow]:
        """Return all versions of an organisation's key, by version."""
        ...

    async def organisations(self) -> list[str]:
        """Return the ids of organisations that have a key: for the operator's command, which names none."""
        ...

    async def add_org_key(self, org_id: str, version: int, wrapped: Wrapped, active_in_s: float) -> bool:
        """Add a version that may seal after some seconds; false when the version is there already."""
        ...

    async def rewrap_org_key(self, org_id: str, version: int, before: str, wrapped: Wrapped) -> bool:
        """Put another wrapping in place of the one under the master key ``before``; false when that has changed."""
        ...

    async def subject_keys(self, org_id: str, subjects: Collection[str]) -> list[SubjectKeyRow]:
        """Return the rows of these subjects, erased ones as well."""
        ...

    async def add_subject_key(self, org_id: str, row: SubjectKeyRow) -> SubjectKeyRow:
        """Add a key unless the subject has a row, and return what is stored then: an erased row stays erased."""
        ...

    async def erase_subject(self, org_id: str, subject: str) -> bool:
        """Destroy a subject's key and tokens in one transaction and leave a row that says so, even if none was there.

        A second time changes nothing, and returns false.
        """
        ...

    async def older_subject_keys(self, org_id: str, version: int, after: str, limit: int) -> list[SubjectKeyRow]:
        """Return living subjects' keys under a version below this one, by subject, the first ``limit`` after one."""
        ...

    async def rewrap_subject_keys(self, org_id: str, rows: Sequence[Rewrapped]) -> int:
        """Store other wrappings of keys that are still under ``before`` and not erased; return how many there were."""
        ...

    async def counts(self, org_id: str) -> Counts:
        """Return how many rows an organisation has."""
        ...


class TokenStore(Protocol):
    """Rows of tokens."""

    async def add_tokens(self, org_id: str, rows: Sequence[TokenRow]) -> dict[str, bytes]:
        """Add rows in one statement, except tokens that are there; return the stored ``name`` of each token."""
        ...

    async def tokens(self, org_id: str, tokens: Collection[str]) -> list[TokenRow]:
        """Return the rows of these tokens that there are."""
        ...

    async def older_tokens(self, org_id: str, version: int, after: str, limit: int) -> list[TokenRow]:
        """Return tokens of the organisation's scope under a version below this one, by token, the same way."""
        ...

    async def reseal_tokens(self, org_id: str, rows: Sequence[TokenRow]) -> int:
        """Store other sealed values of tokens that are there; return how many there were."""
        ...


class VaultStore(KeyStore, TokenStore, Protocol):
    """All rows of the vault."""
