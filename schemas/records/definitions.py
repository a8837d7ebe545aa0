"""``definitions``: workflows, prompts, budgets, organisations and keys as they are made. Key: kind:org:id:version."""

from typing import ClassVar, Literal

from schemas.records.base import Int64, Json, Millis, Record
from schemas.records.security.pinned import AuditKind, Decision

DefinitionKind = Literal[
    "workflow",
    "prompt",
    "budget",
    "organisation",
    "stop",
    "quotas",
    "price_list",
    "prompt_label",
    "policy",
    "provider_facts",
    "erased_subject",
]


class Definition(Record, frozen=True, kw_only=True, tag_field="type", tag="definition"):
    """One definition. ``body`` is the document as its own schema says; ``deleted`` withdraws it."""

    type: ClassVar[str] = "definition"
    kind: DefinitionKind
    org_id: str
    id: str
    version: Int64 = 1
    body: dict[str, Json] = {}
    deleted: bool = False
    changed_at_ms: Millis

    @property
    def key(self) -> str:
        """The record's key."""
        return f"{self.kind}:{self.org_id}:{self.id}:{self.version}"


class AuditEvent(Record, frozen=True, kw_only=True, tag_field="type", tag="audit.event"):
    """``audit-events``: one security decision, or all of one attempt. Key: organisation.

    ``event_id`` tells repeats. ``actor`` is the key, person or role that decided; ``decision`` is what came of it in
    all. ``count`` is how often it happened, of a kind that is counted by the minute.
    """

    type: ClassVar[str] = "audit.event"
    event_id: str
    org_id: str
    actor: str
    action: str
    subject: str
    decision: Literal["allowed", "denied"]
    reason: str = ""
    at_ms: Millis
    kind: AuditKind = "admin"
    run_id: str = ""
    step_id: str = ""
    attempt: Int64 = 0
    policy: str = ""
    decisions: list[Decision] = []
    details: dict[str, str] = {}
    count: Int64 = 1
