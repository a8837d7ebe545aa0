"""The erasure of a person, and what is known of one. In this order, so that a crash anywhere is mended by a repeat:

1. the request is in the audit log, under the pseudonym
2. the vault destroys the key and keeps a tombstone, in one transaction: from here on nothing opens, and no other key is
   ever made for that person
3. all processes are told (``definitions``), so that they drop the key at once; without that they do within seconds
4. the person's active runs are canceled; what they still do fails with ``subject_erased``
5. the audit log has that it is done, once

Tombstones are the erasure list. They are in the vault's tables and nowhere else, so a backup of the data alone, when it
is restored beside the vault as it is now, brings nobody back.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from connectors.kafka.deadline_appender import Appender
from connectors.objects.store import Objects
from connectors.ports.engine import OutRecord
from connectors.ports.pubsub import PubSub, cancel_subject
from connectors.postgres.history.runs import RunFilter, RunLine, Runs
from schemas import clock
from schemas.records.definitions import AuditEvent, Definition
from schemas.records.run_events import CancelRequested
from schemas.run_states import RunState
from services.privacy.subjects.ports import KeyState, SubjectKeys
from services.privacy.subjects.pseudonym import pseudonym_of
from services.privacy.subjects.sealed_objects import SubjectObjects
from topics.catalogue import AUDIT_EVENTS, DEFINITIONS, RUN_EVENTS
from topics.codec import encode

REASON = "the data of its subject was erased"
KIND: Final = "erased_subject"
#: Cancels of one append.
CANCELS = 500
_UNDER_WAY: tuple[RunState, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Eraser:
    """Who asks for an erasure: the actor as the audit log names one, and the key."""

    actor: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A person's key is destroyed. ``first``: by this request. ``canceled`` are runs that it told to end.

    ``audit_event`` is the entry of the audit log that says so.
    """

    subject: str
    erased_ms: int
    first: bool
    canceled: int
    audit_event: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a person: the pseudonym, the key, and a page of runs, newest first."""

    subject: str
    key: KeyState
    erased_ms: int | None
    runs: list[RunLine]
    next_cursor: str | None


class Erasures:
    """Erases persons. Every method raises ``Unavailable`` while a dependency does not answer."""

    def __init__(self, *, keys: SubjectKeys, history: Runs, appender: Appender, bus: PubSub, objects: Objects) -> None:
        self._keys = keys
        self._history = history
        self._appender = appender
        self._bus = bus
        self._objects = objects

    async def erase(self, org_id: str, subject_id: str, by: Eraser) -> Receipt:
        """Erase a person, whether anything is known of that person or not. Raises ``InvalidInput`` for a wrong id."""
        subject = await pseudonym_of(self._keys, org_id, subject_id)
        await self._audit(org_id, by, subject, f"erase/{uuid.uuid4()}", "erase_subject", {})
        first = await self._keys.erase(org_id, subject)
        erased_ms = (await self._keys.erased(org_id, [subject]))[subject]
        self._forget(org_id, subject)
        await self._announce(org_id, subject, erased_ms)
        canceled = await self._cancel(org_id, subject, by)
        done = f"erased/{subject}"
        details = {"erased_at_ms": str(erased_ms), "runs_canceled": str(canceled)}
        await self._audit(org_id, by, subject, done, "subject_erased", details)
        return Receipt(subject, erased_ms, first, canceled, done)

    async def shown(self, org_id: str, subject_id: str, limit: int, cursor: str | None) -> Shown:
        """Return what is known of a person. Raises ``InvalidInput`` for a wrong id or cursor."""
        subject = await pseudonym_of(self._keys, org_id, subject_id)
        state = await self._keys.state_of(org_id, subject)
        erased = await self._keys.erased(org_id, [subject])
        wanted = RunFilter(subject=subject, limit=limit, cursor=cursor)
        runs, next_cursor = await self._history.page(org_id, wanted)
        return Shown(subject, state, erased.get(subject), runs, next_cursor)

    def _forget(self, org_id: str, subject: str) -> None:
        self._keys.forget(org_id, subject)
        if isinstance(self._objects, SubjectObjects):
            self._objects.forget(org_id, subject)

    async def _announce(self, org_id: str, subject: str, erased_ms: int) -> None:
        said = Definition(kind=KIND, org_id=org_id, id=subject, changed_at_ms=erased_ms)
        await self._appender.append([OutRecord(DEFINITIONS, said.key.encode(), encode(said))])

    async def _cancel(self, org_id: str, subject: str, by: Eraser) -> int:
        count, cursor = 0, None
        while True:
            wanted = RunFilter(subject=subject, statuses=_UNDER_WAY, limit=CANCELS, cursor=cursor)
            runs, cursor = await self._history.page(org_id, wanted)
            await self._end(org_id, [run.id for run in runs], by)
            count += len(runs)
            if cursor is None:
                return count

    async def _end(self, org_id: str, run_ids: Collection[str], by: Eraser) -> None:
        if not run_ids:
            return
        cancels = [
            CancelRequested(run_id=run_id, org_id=org_id, reason=REASON, requested_by=by.key_id) for run_id in run_ids
        ]
        await self._appender.append([OutRecord(RUN_EVENTS, one.run_id.encode(), encode(one)) for one in cancels])
        for run_id in run_ids:
            self._bus.publish(cancel_subject(org_id), run_id.encode())

    async def _audit(
        self, org_id: str, by: Eraser, subject: str, event_id: str, action: str, details: dict[str, str]
    ) -> None:
        event = AuditEvent(
            event_id=event_id,
            org_id=org_id,
            actor=by.actor,
            action=action,
            subject=subject,
            decision="allowed",
            at_ms=clock.now_ms(),
            details=details,
        )
        await self._appender.append([OutRecord(AUDIT_EVENTS, org_id.encode(), encode(event))])


class Forgets:
    """Drops the keys of erased persons in this process, as ``definitions`` announces them."""

    def __init__(self, keys: SubjectKeys | None, objects: Objects) -> None:
        self._keys = keys
        self._objects = objects

    def apply(self, definition: Definition) -> None:
        """Take one record of the topic."""
        if definition.kind != KIND or self._keys is None:
            return
        self._keys.forget(definition.org_id, definition.id)
        if isinstance(self._objects, SubjectObjects):
            self._objects.forget(definition.org_id, definition.id)
