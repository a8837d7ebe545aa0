"""What people do to policies, as records of the audit log, written with the change itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.postgres.database import Connection
from connectors.postgres.outbox import say
from schemas.clock import now_ms
from schemas.ids import canonical_hash
from schemas.records.definitions import AuditEvent
from topics.catalogue import AUDIT_EVENTS


@dataclass(frozen=True)
class Act:
    """One act: ``action`` on ``subject`` by ``actor`` (``key:<id>``, ``person:<id>``).

    Subject and details tell it from every other one.
    """

    action: str
    subject: str
    actor: str
    details: Mapping[str, str] = field(default_factory=dict)


async def record_act(conn: Connection, org_id: str, act: Act) -> None:
    """Write an act in the caller's transaction: what is changed and not recorded does not happen."""
    event = AuditEvent(
        event_id=canonical_hash([act.action, org_id, act.subject, dict(act.details)]),
        org_id=org_id,
        actor=act.actor,
        action=act.action,
        subject=act.subject,
        decision="allowed",
        at_ms=now_ms(),
        details=dict(act.details),
    )
    await say(conn, AUDIT_EVENTS, org_id, event)
