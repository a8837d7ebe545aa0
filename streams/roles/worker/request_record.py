"""Reads requests from records. One that cannot be read, but still says which attempt it was, fails that attempt.

Without that its run would wait for ever for an answer that nobody can give. The failure names the dead letter.
"""

from typing import Any

from connectors.ports.engine import InRecord
from schemas.errors import BadRecord, Undecodable
from schemas.records.base import ErrorInfo
from schemas.records.run_events import StepFailed
from schemas.records.steps import StepRequest
from topics.catalogue import dlq
from topics.codec import decode, parse


def read_request(record: InRecord) -> StepRequest:
    """Return the request in a record. Raises ``BadRecord`` or ``NewerMajor``."""
    request = decode(record.topic, record.value)
    if not isinstance(request, StepRequest):
        raise Undecodable("type", f"{record.topic} takes step requests, not {type(request).__name__}")
    expected = f"{request.run_id}:{request.step_id}".encode()
    if record.key != expected:
        raise Undecodable("key", f"the record's key is {(record.key or b'')[:80]!r}, it must be {expected[:80]!r}")
    return request


def failed_by_dead_letter(record: InRecord, exc: BadRecord, now_ms: int) -> StepFailed | None:
    """Return the failure of the attempt that a dead record names; ``None`` when it names none.

    The record's key must agree with what the record says, so that a stray record fails nobody else's step.
    """
    named = _named(record)
    if named is None:
        return None
    where = f"{record.topic}/{record.partition}@{record.offset}"
    return StepFailed(
        run_id=named["run_id"],
        org_id=named["org_id"],
        step_id=named["step_id"],
        attempt=named["attempt"],
        started_at_ms=now_ms,
        finished_at_ms=now_ms,
        error=ErrorInfo(
            code="dead_letter",
            message=f"the request of this attempt could not be read ({exc}); it is in {dlq(record.topic)}",
            step_id=named["step_id"],
            details={"dead_letter": where, "reason": exc.reason},
        ),
    )


def _named(record: InRecord) -> dict[str, Any] | None:
    try:
        said = parse(record.value or b"")
    except BadRecord:
        return None
    if not isinstance(said, dict) or record.key is None:
        return None
    names = [said.get(name) for name in ("run_id", "org_id", "step_id")]
    attempt = said.get("attempt")
    whole = all(isinstance(name, str) and name for name in names) and type(attempt) is int and attempt >= 1
    if not whole or record.key != f"{said['run_id']}:{said['step_id']}".encode():
        return None
    return said
