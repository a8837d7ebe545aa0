"""The audit role: chains audit events, signs for the log as it stands, and publishes the checkpoints.

Everything of a batch is one transaction: repeats are looked up, entries and subtrees appended, the checkpoint signed,
kept and sent. A crash anywhere repeats the batch, and what is an entry already is no other one; so the log of records,
the group's offset and the database need not agree on anything.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from connectors.ports.engine import InRecord, OutRecord
from connectors.postgres.audit.writing import AuditWrites
from connectors.prometheus.families import counter
from schemas.audit.log import LogChange, LogHead, SignedCheckpoint
from schemas.audit.notes import Checkpoint, SigningKey
from schemas.audit.signing import signing_key
from schemas.metrics import AUDIT_ENTRIES_TOTAL
from schemas.records.security.audit import AuditCheckpoint, Vouched
from schemas.timestamps import format_time
from streams.core.audit.fold import Appended, Arrived, append_all, arrived, checkpoint, signed
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.routing import to_out
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay, decoded
from topics.catalogue import AUDIT_EVENTS, WORKFLOW_EVENTS

log = logging.getLogger(__name__)

#: A write is a transaction and a signature for each log; an entry can be read this much later. Least, most.
DELAY_MS = 50.0, 500.0
SOURCE = "/agentflow/audit"

Decide = Callable[[Mapping[str, LogHead], Collection[tuple[str, str]]], Awaitable[Sequence[LogChange]]]
Send = Callable[[Sequence[OutRecord]], Awaitable[None]]
Told = Callable[[str, int], None]


class LogStore(Protocol):
    """Where logs are."""

    async def change(self, events: Sequence[tuple[str, str]], decide: Decide) -> None:
        """Make in one transaction what ``decide`` returns.

        ``events`` are organisations and event ids. ``decide`` gets the heads of these organisations' logs, which nobody
        else changes meanwhile, and those of the events that are entries. Raises ``Unavailable``.
        """
        ...


class AuditSink:
    """Appends batches to the logs. Without a key nothing is signed, and entries wait for a checkpoint."""

    def __init__(self, store: LogStore, key: SigningKey | None, send: Send, told: Told) -> None:
        self._store = store
        self._key = key
        self._send = send
        self._told = told

    async def write(self, records: Sequence[tuple[InRecord, Arrived]]) -> None:
        """Append all that is new. Raises ``Unavailable``: do it again."""
        batches: dict[str, list[Arrived]] = {}
        for _, one in records:
            batches.setdefault(one.event.org_id, []).append(one)
        counts = {"chained": 0, "repeated": 0}

        async def decide(heads: Mapping[str, LogHead], known: Collection[tuple[str, str]]) -> Sequence[LogChange]:
            changes, said = [], []
            for org_id, batch in batches.items():
                of_org = [event_id for org, event_id in known if org == org_id]
                done = append_all(heads[org_id], batch, of_org)
                counts["chained"] += len(done.entries)
                counts["repeated"] += done.repeated
                if done.entries:
                    change, events = self._changed(org_id, done)
                    changes.append(change)
                    said += events
            if said:
                # Before the commit: what is vouched for here follows from the records alone, so a repeat says the same.
                await self._send(said)
            return changes

        ids = [(one.event.org_id, one.event.event_id) for _, one in records]
        await self._store.change(ids, decide)
        for effect, count in counts.items():
            self._told(effect, count)

    def _changed(self, org_id: str, done: Appended) -> tuple[LogChange, list[OutRecord]]:
        change = LogChange(org_id, done.head, done.entries, expiries=done.expiries)
        if self._key is None:
            return change, []
        vouched = checkpoint(done.head, f"{self._key.public.name}/{org_id}")
        note = self._key.signed(vouched.text)
        head, replaces = signed(done.head)
        change = LogChange(
            org_id,
            head,
            done.entries,
            SignedCheckpoint(vouched.size, vouched.at_ms, note),
            replaces,
            done.expiries,
        )
        # One that may leave soon is not sent: others keep one for each ten seconds.
        return change, [to_out(_event(org_id, vouched, note))] if head.kept == head.size else []


def _event(org_id: str, vouched: Checkpoint, note: str) -> AuditCheckpoint:
    return AuditCheckpoint(
        specversion="1.0",
        id=f"audit/{org_id}/{vouched.size}",
        source=SOURCE,
        subject=f"audit/{org_id}",
        time=format_time(vouched.at_ms),
        datacontenttype="application/json",
        organisation=org_id,
        data=msgspec.to_builtins(Vouched(size=vouched.size, root=vouched.root.hex(), note=note)),
    )


def open_record(record: InRecord) -> Arrived:
    """Return a record's event with its bytes. Raises ``BadRecord`` or ``NewerMajor``."""
    return arrived(decoded(record), record.timestamp_ms)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app. Raises ``ValueError`` for a key that is none."""
    settings = ctx.settings.audit
    key = signing_key(settings.name, settings.key.get_secret_value())
    if key is None:
        log.warning("AUDIT_KEY is not set: the audit log has no signed checkpoints", extra={"action": "no_audit_key"})
    told = counter(AUDIT_ENTRIES_TOTAL, ctx.registry)
    writes = AuditWrites(ctx.database(), None if key is None else key.public.text)
    sink = AuditSink(writes, key, ctx.log.append, lambda effect, count: told.labels(effect).inc(count))
    spec = SinkSpec(name=SPEC.name, open_record=open_record, write=sink.write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="audit",
    summary="chains audit events in PostgreSQL, and signs checkpoints of each organisation's log",
    build=build,
    reads=(AUDIT_EVENTS,),
    writes=(WORKFLOW_EVENTS,),
    needs=(Dependency.KAFKA, Dependency.POSTGRES),
)
