"""Submissions in: messages of a stream become records of ``workflow-submissions.<organisation>``.

    1. fetch        a batch, which no other process has until ``ACK_WAIT_S`` is over
    2. seal         the data of those that name a data subject: the topic keeps its records
    3. append       submissions, and dead letters of what is none, acknowledged by the broker
    4. acknowledge  submissions; the delivery of what is none is ended

A crash before 4 brings the messages again. A submission that was appended before is found by its source and id, as
every repetition is; of a dead letter there is one more.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from connectors.kafka.deadline_appender import Appender
from connectors.nats.jetstream import JetStream, Message, Puller, Stream
from connectors.ports.engine import Clock, InRecord, OutRecord
from schemas.cloudevents.event import CloudEvent
from schemas.cloudevents.submission import subject_id
from schemas.errors import BadRecord, Rejected, Unavailable, rejection_reason
from services.privacy.subjects.sealed_events import SealedEvents
from streams.roles.bridge.messages import SUBJECT, Taken, taken
from streams.runtime.dead_letters import dead_letter
from topics.catalogue import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

DURABLE = "agentflow-bridge"
STREAM = "AGENTFLOW_SUBMIT"
BATCH = 500
#: How long a fetch waits for a message; a stop waits as long at most.
WAIT_S = 2.0
RETRY_FIRST_S, RETRY_MOST_S = 0.2, 5.0
#: Room for a record's key, headers and frame beside its value.
MOST_BYTES = MAX_MESSAGE_BYTES - 8 * 1024

Counted = Callable[[str, int], None]
"""Counts messages by what became of them."""


class Topics(Protocol):
    """Which topics there are."""

    async def exists(self, topic: str) -> bool:
        """Return whether the broker has a topic. Raises ``Unavailable``."""
        ...


class SubmissionsIn:
    """The loop. Any number of processes may run it; each message is with one of them."""

    def __init__(
        self,
        jetstream: JetStream,
        log_: Appender,
        topics: Topics,
        clock: Clock,
        count: Counted,
        replicas: int = 1,
        events: SealedEvents | None = None,
    ) -> None:
        """``events`` seal messages that name a data subject; without them those are refused."""
        self._jetstream = jetstream
        self._log = log_
        self._topics = topics
        self._clock = clock
        self._count = count
        self._events = events
        self._stream = Stream(STREAM, SUBJECT, queue=True, replicas=replicas)
        self._puller: Puller | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="bridge submissions")

    async def stop(self) -> None:
        """Let the batch in flight end."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        wait, said = RETRY_FIRST_S, ""
        while not self._stopping.is_set():
            try:
                await self.tick()
                wait, said = RETRY_FIRST_S, ""
                continue
            except Unavailable as exc:
                if said != str(exc):
                    said = str(exc)
                    log.warning("submissions over JetStream wait: %s", exc, extra={"action": "wait"})
            except Exception:
                log.exception("a batch of JetStream failed; it comes again", extra={"action": "bridge_failed"})
            self._puller = None
            await self._clock.wait(self._stopping, wait)
            wait = min(wait * 2, RETRY_MOST_S)

    async def tick(self) -> int:
        """Take a batch, and return how many messages it had. Raises ``Unavailable``: nothing is acknowledged."""
        if self._puller is None:
            name = await self._jetstream.ensure(self._stream)
            self._puller = await self._jetstream.puller(name, DURABLE, SUBJECT)
        messages = await self._puller.fetch(BATCH, WAIT_S)
        if not messages:
            return 0
        try:
            found = await self._checked([taken(message) for message in messages])
            await self._log.append([self._out(one) for one in found])
        except Unavailable:
            await self._puller.again(messages, RETRY_FIRST_S)
            raise
        await self._settle(self._puller, messages, found)
        return len(messages)

    async def _checked(self, found: Sequence[Taken]) -> list[Taken]:
        """Return messages with the faults that only the log can tell."""
        topics = {one.record.topic for one in found if one.fault is None}
        missing = {topic for topic in topics if not await self._topics.exists(topic)}
        return [await self._one(one, missing) for one in found]

    async def _one(self, one: Taken, missing: Collection[str]) -> Taken:
        try:
            named = None if one.event is None else subject_id(one.event)
        except Rejected as exc:
            return one.withheld(BadRecord(rejection_reason(exc), str(exc)))
        fault = one.fault or _fault(one.record, missing)
        if named is None or one.event is None:
            return one._replace(fault=fault)
        return one.withheld(_nameless(fault)) if fault is not None else await self._sealed(one, one.event, named)

    async def _sealed(self, one: Taken, event: CloudEvent, subject: str) -> Taken:
        """Return a message of a data subject as the topic may keep it."""
        if self._events is None:
            text = "it names a data subject, and nothing can be sealed here; set VAULT_KEY for the bridge"
            return one.withheld(BadRecord("no_vault", text))
        try:
            return one.sealed(await self._events.sealed(one.organisation, event, subject))
        except Rejected as exc:
            return one.withheld(BadRecord(rejection_reason(exc), str(exc)))

    def _out(self, one: Taken) -> OutRecord:
        record: InRecord = one.record
        if one.fault is not None:
            return dead_letter(record, one.fault.reason, str(one.fault), self._clock.now_ms())
        return OutRecord(record.topic, record.key, record.value, record.headers)

    async def _settle(self, puller: Puller, messages: Sequence[Message], found: Sequence[Taken]) -> None:
        pairs = list(zip(messages, found, strict=True))
        good = [message for message, one in pairs if one.fault is None]
        bad = [message for message, one in pairs if one.fault is not None]
        for message, one in pairs:
            if one.fault is not None:
                log.warning(
                    "message %d of %s is in the dead-letter topic: %s",
                    message.sequence, message.stream, one.fault,
                    extra={"action": "dead_letter"},
                )  # fmt: skip
        await puller.settle(good, bad)
        self._count("taken", len(good))
        self._count("refused", len(bad))


def _nameless(fault: BadRecord) -> BadRecord:
    """Return a fault of a message that names a person, in words that quote nothing of it."""
    return BadRecord(fault.reason, "it names a data subject, so its content is withheld; send it again, corrected")


def _fault(record: InRecord, missing: Collection[str]) -> BadRecord | None:
    size = len(record.value or b"")
    if size > MOST_BYTES:
        return BadRecord("too_large", f"{size} bytes; a submission has at most {MOST_BYTES}")
    if record.topic in missing:
        text = f"there is no topic {record.topic}; the last token of the subject is the organisation's id"
        return BadRecord("organisation", text)
    return None
