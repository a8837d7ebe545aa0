"""Data subjects: persons whose data runs handle under a key of their own."""

from typing import Literal

from schemas.api_models.base import Answer
from schemas.api_models.runs import RunSummary


class SubjectAnswer(Answer):
    """A person. ``subject`` is the pseudonym, which records have in place of your id.

    ``key`` is ``none`` while nothing was ever sealed, and ``erased`` for ever after an erasure. ``runs`` are the newest
    first.
    """

    subject: str
    key: Literal["none", "active", "erased"]
    erased_at: str | None = None
    runs: list[RunSummary]
    next_cursor: str | None = None


class ErasureReceipt(Answer):
    """A person's key is destroyed. ``first``: by this request; a repeat changes nothing.

    ``runs_canceled`` counts the open runs that this request canceled. ``audit_event`` is the entry of the audit
    log: `GET /api/v1/audit` has the proof. ``in_force_within_s`` is how long a process may still hold the key.
    """

    subject: str
    erased_at: str
    first: bool
    runs_canceled: int
    audit_event: str
    in_force_within_s: float
