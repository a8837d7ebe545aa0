"""Audit events of two simulated organisations: some come twice, some late, and some say that others are over."""

from __future__ import annotations

from random import Random

from schemas.audit.notes import SigningKey
from schemas.audit.verifying import EXPIRED
from schemas.records.base import Record
from schemas.records.definitions import AuditEvent
from tests.support.runs import START_MS

EVENTS = 300
#: How many places later a repeat may come.
LATER = 40
KINDS = ("decisions", "denial", "admin", "key_use")
KEY = SigningKey("simulated/audit", b"s" * 32)


def said(rng: Random) -> list[Record]:
    """Return all events, in the order of the log. Their own times are not in that order."""
    placed: list[tuple[float, Record]] = []
    for number in range(EVENTS):
        org_id = "acme" if number % 12 else "umbrella"
        kind = rng.choice(KINDS)
        event = AuditEvent(
            event_id=f"e{number}", org_id=org_id, actor=f"key:{rng.randint(1, 3)}", action=f"act.{kind}", kind=kind,
            subject=f"thing {number}", decision="allowed", at_ms=START_MS + number * 50 + rng.randint(0, 400),
        )  # fmt: skip
        if number and number % 90 == 0:
            # The first ones are over; and some that have not happened yet, which cannot be.
            before = START_MS + rng.choice((number * 25, number * 200))
            details = {"kind": "key_use", "before_ms": str(before)}
            event = AuditEvent(
                event_id=f"e{number}", org_id="acme", actor="key:1", action=EXPIRED, subject="key_use",
                decision="allowed", at_ms=START_MS + number * 50, details=details,
            )  # fmt: skip
        placed.append((number, event))
        if rng.random() < 0.2:
            placed.append((number + rng.random() * LATER, event))
    placed.sort(key=lambda one: one[0])
    return [record for _, record in placed]
