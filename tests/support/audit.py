"""Audit events, records of them, and logs for tests."""

from typing import Any

from connectors.ports.engine import InRecord
from schemas.audit.notes import SigningKey
from schemas.records.definitions import AuditEvent
from streams.core.audit.fold import Arrived
from streams.roles.audit import open_record
from streams.runtime.routing import to_out

AT_MS = 1_800_000_000_000
KEY = SigningKey("example.test/audit", bytes(range(32)))


def audit_event(number: int, **fields: Any) -> AuditEvent:
    """Return one event of an organisation."""
    common: dict[str, Any] = {
        "event_id": f"e{number}",
        "org_id": "acme",
        "actor": f"key:{number % 3}",
        "action": "keys.create",
        "subject": f"key {number}",
        "decision": "allowed",
        "at_ms": AT_MS + number,
    }
    return AuditEvent(**common | fields)


def audit_record(event: AuditEvent, offset: int = 0, at_ms: int | None = None) -> tuple[InRecord, Arrived]:
    """Return an event as the sink of the role gets it."""
    out = to_out(event)
    record = InRecord(out.topic, 0, offset, event.at_ms if at_ms is None else at_ms, out.key, out.value)
    return record, open_record(record)
