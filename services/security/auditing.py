"""What the API records for the audit log: acts, denials, and the use of keys.

An act is in the log of records before it takes effect; without the acknowledgement it does not (``Unavailable``).
Denials and uses are gathered and written every few seconds, since a request must not be slower for them, and nothing is
done that they would have to precede: a crash loses those that were not written, at most those of the last minute.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.kafka.deadline_appender import Appender
from connectors.ports.engine import OutRecord
from schemas.clock import now_ms
from schemas.errors import TryLater
from schemas.records.definitions import AuditEvent
from schemas.records.security.pinned import AuditKind
from topics.catalogue import AUDIT_EVENTS
from topics.codec import encode

logger = logging.getLogger(__name__)

MINUTE_MS = 60_000
WRITE_EVERY_S = 2.0
#: Of one actor's denials in a minute so many are written singly; the others are one event with their number.
SINGLE_DENIALS = 20
#: Actors that are counted at once; those of more are counted together.
MOST_ACTORS = 2_000
#: Events that wait while the broker is down. Uses and denials beyond it are dropped, and their number is logged.
MOST_WAITING = 10_000
OTHERS = "others"

_Counts = dict[tuple[str, str, int], int]
"""By organisation, actor and minute."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does: an operation on a thing. ``details`` say how, without secrets."""

    org_id: str
    actor: str
    action: str
    subject: str
    details: Mapping[str, str]


class Auditing:
    """Writes the audit events of one process.

    Counts of organisations that are ``away`` are written at once: their log is about to be copied to another cell.
    """

    def __init__(self, appender: Appender, away: Callable[[str], bool] = lambda _: False) -> None:
        self._appender = appender
        self._away = away
        self._process = uuid.uuid4().hex[:12]
        self._uses: _Counts = {}
        self._denials: _Counts = {}
        self._waiting: list[AuditEvent] = []
        self._dropped = 0

    async def act(self, act: Act) -> str:
        """Record an act that is about to take effect; return the event's id. Raises ``Unavailable``: it must not."""
        event_id = f"act/{uuid.uuid4()}"
        await self._appender.append([_out(_event(act, event_id))])
        return event_id

    async def event(self, event: AuditEvent) -> None:
        """Record an event as it is. Raises ``Unavailable``."""
        await self._appender.append([_out(event)])

    def failed(self, act: Act, event_id: str, reason: str) -> None:
        """Note that a recorded act did not take effect."""
        self._wait(_event(act, f"{event_id}/failed", reason))

    def denied(self, act: Act, reason: str) -> None:
        """Note a request that was refused."""
        minute = now_ms() // MINUTE_MS
        key = self._key(self._denials, act.org_id, act.actor, minute)
        count = self._denials[key] = self._denials.get(key, 0) + 1
        if count <= SINGLE_DENIALS and key[1] != OTHERS:
            self._wait(_event(act, f"denial/{uuid.uuid4()}", reason, kind="denial"))

    def used(self, org_id: str, actor: str) -> None:
        """Count a request of a key."""
        key = self._key(self._uses, org_id, actor, now_ms() // MINUTE_MS)
        self._uses[key] = self._uses.get(key, 0) + 1

    async def flush(self, *, all_minutes: bool = False) -> None:
        """Write what waits, and the counts of minutes that are over. What cannot be written waits on."""
        self._close_minutes(now_ms() // MINUTE_MS + all_minutes)
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            await self._appender.append([_out(event) for event in waiting])
        except TryLater:
            # The outcome is unknown; the same ids come again, and repeats are no entries.
            room = max(0, MOST_WAITING - len(self._waiting))
            self._dropped += max(0, len(waiting) - room)
            self._waiting = waiting[:room] + self._waiting
        if self._dropped:
            logger.error(
                "%d audit events of uses or denials were dropped", self._dropped, extra={"action": "audit_dropped"}
            )
            self._dropped = 0

    async def run(self) -> None:
        """Write now and then, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.flush()

    def _key(
        self, counts: dict[tuple[str, str, int], int], org_id: str, actor: str, minute: int
    ) -> tuple[str, str, int]:
        key = (org_id, actor, minute)
        return key if key in counts or len(counts) < MOST_ACTORS else (org_id, OTHERS, minute)

    def _close_minutes(self, now: int) -> None:
        for key in [key for key in self._uses if key[2] < now or self._away(key[0])]:
            self._wait(self._counted("key_use", "keys.use", key, self._uses.pop(key)))
        for key in [key for key in self._denials if key[2] < now or self._away(key[0])]:
            count = self._denials.pop(key)
            rest = count if key[1] == OTHERS else count - SINGLE_DENIALS
            if rest > 0:
                self._wait(self._counted("denial", "requests.denied", key, rest))

    def _counted(self, kind: AuditKind, action: str, key: tuple[str, str, int], count: int) -> AuditEvent:
        org_id, actor, minute = key
        return AuditEvent(
            event_id=f"{kind}/{actor}/{minute}/{self._process}",
            org_id=org_id,
            actor=actor,
            action=action,
            subject=actor,
            decision="denied" if kind == "denial" else "allowed",
            at_ms=minute * MINUTE_MS,
            kind=kind,
            count=count,
        )

    def _wait(self, event: AuditEvent) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(event)
        else:
            self._dropped += 1


def _event(act: Act, event_id: str, reason: str = "", kind: AuditKind = "admin") -> AuditEvent:
    return AuditEvent(
        event_id=event_id,
        org_id=act.org_id,
        actor=act.actor,
        action=act.action,
        subject=act.subject,
        decision="denied" if reason else "allowed",
        reason=reason,
        at_ms=now_ms(),
        kind=kind,
        details=dict(act.details),
    )


def _out(event: AuditEvent) -> OutRecord:
    return OutRecord(AUDIT_EVENTS, event.org_id.encode(), encode(event))
