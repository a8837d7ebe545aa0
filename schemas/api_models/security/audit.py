"""Bodies of the audit log's routes."""

from typing import Annotated, Any

from pydantic import Field

from schemas.api_models.base import Answer, Request, Text

Kind = Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]
HoldName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[Text, Field(max_length=200)]


class AuditEntry(Answer):
    """An entry of the log. `event` is null when retention has removed it; its hash stays."""

    index: int
    kind: str
    at: str | None
    sha256: str
    event: dict[str, Any] | None


class AuditPage(Answer):
    """Entries, the newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None = None


class AuditLines(Answer):
    """Entries as an export has them, from `first` on. `next` is the first of the next page, null at the end."""

    first: int
    lines: list[str]
    next: int | None = None


class AuditCheckpointAnswer(Answer):
    """A signed checkpoint: `note` is a signed note of C2SP `tlog-checkpoint`, the rest is what it says."""

    origin: str
    size: int
    root: str
    at: str | None
    note: str


class AuditCheckpointPage(Answer):
    """Checkpoints, the newest first."""

    checkpoints: list[AuditCheckpointAnswer]


class AuditProof(Answer):
    """That the log of `size` entries has an entry. `line` is the entry as an export has it, `note` the checkpoint."""

    index: int
    size: int
    line: str
    leaf: str
    hashes: list[str]
    note: str


class AuditConsistency(Answer):
    """That the first `old` entries of the log of `size` entries are those of the older log."""

    old: int
    size: int
    hashes: list[str]
    note: str


class AuditKeys(Answer):
    """The public keys that signed checkpoints, the newest first."""

    keys: list[str]


class ExpireAudit(Request):
    """Which entries lose what they say: those of a kind that are older than a time."""

    kind: Kind
    before: Annotated[str, Field(max_length=64, description="RFC 3339, or a span back from now (`90d`).")]


class AuditExpired(Answer):
    """The entry that says so is written; the role removes what it names with it, but for legal holds."""

    event_id: str


class HoldAudit(Request):
    """A legal hold. A condition that is omitted matches every entry; `from` is inclusive, `until` is not."""

    name: HoldName
    reason: Annotated[Text, Field(min_length=1, max_length=1_000)]
    kind: Kind | None = None
    actor: Name | None = None
    run_id: Name | None = None
    since: Annotated[str | None, Field(max_length=64)] = None
    until: Annotated[str | None, Field(max_length=64)] = None


class AuditHold(Answer):
    """A legal hold: retention removes nothing that it matches."""

    name: str
    reason: str
    kind: str | None
    actor: str | None
    run_id: str | None
    since: str | None
    until: str | None
    created_by: str
    created_at: str | None


class AuditHolds(Answer):
    """The legal holds in force."""

    holds: list[AuditHold]
