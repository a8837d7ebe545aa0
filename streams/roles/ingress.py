"""Ingress: what other systems send as CloudEvents becomes runs, and signals for runs, by the same path as over HTTP.

The organisation is the topic's, never the payload's. Source and id of the event are the submission's, so the event
with the source ``api`` and the id of an HTTP submission is that submission; so are those of a signal.
"""

import asyncio
from typing import NamedTuple, Protocol

from connectors.aio.cancel import end
from connectors.ports.engine import InRecord
from connectors.redis.readers.signals import SignalsReader
from schemas.api_models.runs import SendSignal, SubmitRun
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.submission import (
    EVENT_TYPE,
    SEALED_TYPE,
    SIGNAL_TYPE,
    SUBJECT_ATTRIBUTE,
    read_data,
    with_subject,
)
from schemas.errors import BadRecord, Rejected, SubjectErased, SubjectRequired, SubmissionConflict, rejection_reason
from schemas.records.run_events import RunSubmitted, SignalReceived
from schemas.tables.signals import signal_id
from schemas.trace_context import CONTEXT, SenderContext, sender_context
from services.privacy.subjects.sealed_events import SealedEvents
from services.runs.signals import InClear, SignalRequest, SignalSender
from services.runs.submit import Submissions
from streams.process.context import STORE_TIMEOUT_S, RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.roles.cloudevents import read_event
from streams.roles.moved_events import Late, MovedEvents, moved
from streams.roles.submission_path import SubmissionPath, known_runs
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec
from topics.catalogue import DLQ_SUFFIX, RUN_EVENTS, SUBMISSIONS, organisation_of

#: Each submission is an object, a marker and an append: a poll of them is answered within a moment.
POLL_RECORDS = 500


_Refused = tuple[InRecord, str, str]
"""What is put aside, a short reason, and one in words."""


class DeadLetter(Protocol):
    """Puts a record aside."""

    async def __call__(self, record: InRecord, reason: str, message: str) -> None:
        """Append the record's bytes, as they are, to the dead-letter topic, and wait for the acknowledgement."""
        ...


class _Arrived(NamedTuple):
    """A record and its event; ``sealed``: the topic has the event's data sealed, and here it is opened."""

    record: InRecord
    event: CloudEvent
    sealed: bool = False

    @property
    def organisation(self) -> str:
        """Return the organisation of its topic."""
        return organisation_of(self.record.topic)


class Ingress:
    """Turns submissions into ``RunSubmitted``, and signals into ``SignalReceived``.

    Without ``sealed`` events that a bridge has sealed are refused. ``moved`` knows organisations of other cells.
    """

    def __init__(
        self,
        submissions: Submissions,
        signals: SignalSender,
        dead_letter: DeadLetter,
        sealed: SealedEvents | None = None,
        moved: MovedEvents | None = None,
    ) -> None:
        self._submissions = submissions
        self._signals = signals
        self._dead_letter = dead_letter
        self._sealed = sealed
        self._moved = moved

    async def write(self, records: list[InRecord]) -> None:
        """Append a batch, submissions before signals, and put aside what cannot be used.

        Raises ``Unavailable`` when a dependency does not answer, or when an id may have been used with another body
        and nobody knows: ack nothing, the batch comes again, and what was submitted before is found by its id.
        """
        good: list[tuple[InRecord, RunSubmitted]] = []
        signals: list[_Arrived] = []
        here, late = (records, []) if self._moved is None else await self._moved.parted(records)
        bad: list[_Refused] = [_late(one) for one in late]
        for record in here:
            arrived = None
            try:
                arrived = await self._opened(record)
                if arrived.event.type == SIGNAL_TYPE:
                    signals.append(arrived)
                else:
                    good.append((record, await self._prepare(arrived)))
            except (BadRecord, Rejected) as exc:
                bad.append(_refused(record, exc, sealed=arrived is not None and arrived.sealed))
        submitted = [prepared for _, prepared in good]
        await self._submissions.refuse_unknowable(submitted)
        outcomes = await self._submissions.submit_all(submitted)
        for (record, _), outcome in zip(good, outcomes, strict=True):
            if isinstance(outcome, SubmissionConflict):
                bad.append(_refused(record, outcome))
        # A signal may be for a run that was submitted just before it.
        bad += await self._send(signals)
        for record, reason, message in bad:
            await self._dead_letter(record, reason, message)

    async def _opened(self, record: InRecord) -> _Arrived:
        event = read_event(record)
        if event.type != SEALED_TYPE:
            return _Arrived(record, event)
        if self._sealed is None:
            raise BadRecord("no_vault", "the event is sealed, and nothing can be opened here; set VAULT_KEY")
        return _Arrived(record, await self._sealed.opened(organisation_of(record.topic), event), sealed=True)

    async def _send(self, signals: list[_Arrived]) -> list[_Refused]:
        good: list[SignalReceived] = []
        bad: list[_Refused] = []
        for one in signals:
            try:
                _refuse_in_clear(one)
                to = await self._signals.prepare(one.organisation, _wish(one.event), in_clear=not one.sealed)
                good.append(to.record)
            except (BadRecord, Rejected) as exc:
                bad.append(_refused(one.record, exc, sealed=one.sealed))
        await self._signals.send(good)
        return bad

    async def _prepare(self, one: _Arrived) -> RunSubmitted:
        _refuse_in_clear(one)
        event, trace = one.event, _sender(one.record, one.event)
        body = _body(with_subject(event))
        return await self._submissions.prepare(one.organisation, event.source, event.id, body, trace)


def _refuse_in_clear(one: _Arrived) -> None:
    """Raise ``InClear`` for an event of a person that this topic has in clear. It is looked at before its data are."""
    named = one.event.attributes.get(SUBJECT_ATTRIBUTE) is not None
    data = one.event.data
    if not one.sealed and (named or (isinstance(data, dict) and data.get("subject") is not None)):
        raise InClear(
            "an event that names a data subject cannot come by this topic, which keeps its data in clear; send it over "
            "HTTP or by JetStream"
        )


def _late(late: Late) -> _Refused:
    """Return what is dead-lettered of an event that came after its organisation had left."""
    try:
        event = read_event(late.record)
        if event.type != SEALED_TYPE:
            _refuse_in_clear(_Arrived(late.record, event))
    except (BadRecord, Rejected) as exc:
        return _refused(late.record, exc)
    return _refused(late.record, moved(late.away))


def _refused(record: InRecord, exc: BadRecord | Rejected, *, sealed: bool = False) -> _Refused:
    """Return what is dead-lettered of a record: of one with a person's data in clear nothing, since it is kept.

    Words about data that were sealed may quote it, so they are left out.
    """
    if isinstance(exc, InClear | SubjectRequired) and not sealed:
        return record._replace(key=None, value=None, headers=()), _reason(exc), str(exc)
    known = isinstance(exc, SubjectErased | SubjectRequired)
    message = str(exc) if known or not sealed else "its data is sealed, and so is what is wrong with it; dry-run it"
    return record, _reason(exc), message


def _sender(record: InRecord, event: CloudEvent) -> SenderContext:
    """Return the trace context of an event: its own attributes before the headers of its record."""
    headers = {name.lower(): value for name, value in record.headers if value is not None}
    said = [event.attributes.get(name) or headers.get(name, b"").decode("utf-8", "replace") for name in CONTEXT]
    return sender_context(*(text or None for text in said))


def _body(event: CloudEvent) -> SubmitRun:
    if event.type != EVENT_TYPE:
        raise BadRecord("cloudevent", f"type {event.type!r} is not taken here; send {EVENT_TYPE} or {SIGNAL_TYPE}")
    return read_data(event, SubmitRun)


def _wish(event: CloudEvent) -> SignalRequest:
    signal = read_data(event, SendSignal)
    return SignalRequest(signal.run_id, signal.name, signal.data, signal_id(event.source, event.id), event.source)


def _reason(exc: BadRecord | Rejected) -> str:
    return exc.reason if isinstance(exc, BadRecord) else rejection_reason(exc)


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    path = SubmissionPath.of(ctx, known_runs(ctx))
    signals = SignalSender(
        history=path.history,
        markers=path.markers,
        workflows=path.workflows,
        objects=path.objects,
        appender=path.appender,
        signals=SignalsReader(ctx.redis, ctx.settings.kafka.partitions, STORE_TIMEOUT_S),
        security=path.security,
    )
    gone = MovedEvents(path.places.left)
    ingress = Ingress(path.submissions, signals, ctx.dead_letter, ctx.sealed_events(), gone)
    spec = SinkSpec(
        name=SPEC.name,
        write=lambda items: ingress.write([record for record, _ in items]),
        poll_records=POLL_RECORDS,
        held=lambda topic: path.places.waits(organisation_of(topic)),
    )
    watch = asyncio.create_task(path.places.watch(), name="watch the places of organisations")
    ctx.on_close(lambda: end(watch))
    pattern = rf"^{SUBMISSIONS}\.(?!{DLQ_SUFFIX.removeprefix('.')}$).+$"
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(pattern=pattern))


SPEC = RoleSpec(
    name="ingress",
    summary="turns CloudEvents of other systems into runs and signals",
    build=build,
    reads=(SUBMISSIONS,),
    writes=(RUN_EVENTS,),
    needs=(Dependency.KAFKA, Dependency.REDIS, Dependency.POSTGRES),
    uses=(Dependency.VAULT,),
)
