"""Retention of audit logs: what is over is said to be over by an entry, once a day for each log and kind.

Days are by kind of entry, and an organisation may have its own.

The entry is the act ``audit.expired``, as an administrator's is: the fold of the log takes the bytes, holds keep them,
and an export verifies. Its id is made of the kind and the day, so a sweep that is repeated says nothing twice.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from schemas.audit.verifying import EXPIRED
from schemas.configuration.audit_days import AuditDays
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import AuditKind

DAY_MS = 86_400_000
ACTOR = "role:retention"


class Overdue(Protocol):
    """Where entries are, see ``connectors.postgres.audit.overdue``."""

    async def organisations(self, kind: str, before_ms: int) -> list[str]:
        """Return the organisations with entries of a kind from before a time, which nobody holds.

        Raises ``Unavailable``.
        """
        ...


class AuditSweeper:
    """Sweeps the audit logs of all organisations, each by its days."""

    def __init__(self, days: AuditDays, entries: Overdue, say: Callable[[AuditEvent], Awaitable[None]]) -> None:
        self._days = days
        self._entries = entries
        self._say = say

    async def sweep(self, now_ms: int) -> int:
        """Say what is over; return in how many logs and kinds. Raises ``Unavailable``: the next sweep says the rest."""
        count = 0
        for kind, days in self._days.said:
            # Whole days, so that all sweeps of one day mean the same entries.
            before_ms = (now_ms // DAY_MS - days) * DAY_MS
            for org_id in await self._entries.organisations(kind, before_ms):
                if self._days.kept(org_id, kind) != days:
                    continue
                await self._say(_expiry(org_id, kind, before_ms, now_ms))
                count += 1
        return count


def _expiry(org_id: str, kind: AuditKind, before_ms: int, now_ms: int) -> AuditEvent:
    return AuditEvent(
        event_id=f"retention/{kind}/{before_ms // DAY_MS}",
        org_id=org_id,
        actor=ACTOR,
        action=EXPIRED,
        subject=kind,
        decision="allowed",
        at_ms=now_ms,
        kind="admin",
        details={"kind": kind, "before_ms": str(before_ms)},
    )
