"""Events out: records of ``workflow-events.<organisation>`` become messages on ``agentflow.events.<organisation>.>``.

The offset moves once the stream has a batch, so a crash repeats it; the id of a message is that of its event, and the
stream leaves out what it got within ``DUPLICATES_S``. Events of one subject, such as a run, come in their order.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from connectors.nats.jetstream import JetStream, Stream
from connectors.ports.engine import InRecord
from connectors.ports.pubsub import token
from schemas.errors import BadRecord, TooLarge
from topics.catalogue import WORKFLOW_EVENTS

STREAM = "AGENTFLOW_EVENTS"
SUBJECT = "agentflow.events.>"
#: As long as the topic keeps them.
KEEP_S = 7 * 24 * 3600.0
TOGETHER = 200
_HEADERS = {"Content-Type": "application/cloudevents+json"}


class EventMessage(NamedTuple):
    """An event that is to be published. ``key`` is what its order counts within."""

    subject: str
    id: str
    key: bytes | None
    value: bytes


class EventsOut:
    """The sink. ``count`` counts what was published."""

    def __init__(self, jetstream: JetStream, count: Callable[[str, int], None], replicas: int = 1) -> None:
        self._jetstream = jetstream
        self._count = count
        self._stream = Stream(STREAM, SUBJECT, queue=False, replicas=replicas, keep_s=KEEP_S)
        self._ready = False

    async def write(self, items: Sequence[tuple[InRecord, Any]]) -> None:
        """Publish a batch. Raises ``Unavailable``: nothing counts as published, and all of it is repeated."""
        if not self._ready:
            await self._jetstream.ensure(self._stream)
            self._ready = True
        try:
            for wave in waves([event for _, event in items]):
                await asyncio.gather(*(self._publish(event) for event in wave))
        except TooLarge as exc:
            raise BadRecord("too_large", str(exc)) from exc
        except BaseException:
            self._ready = False
            raise
        self._count("published", len(items))

    async def _publish(self, event: EventMessage) -> None:
        await self._jetstream.publish(event.subject, event.value, event.id, _HEADERS)


def event_message(record: InRecord) -> EventMessage:
    """Return a record as a message. Raises ``BadRecord`` for one that is no event of ours."""
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError as exc:
        raise BadRecord("json", "an event is a JSON object") from exc
    kind, id_ = (event.get("type"), event.get("id")) if isinstance(event, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(id_, str):
        raise BadRecord("schema", "an event has a type and an id")
    organisation = record.topic.removeprefix(f"{WORKFLOW_EVENTS}.")
    subject = ".".join(("agentflow.events", token(organisation), *(token(part) for part in kind.split("."))))
    return EventMessage(subject, f"{organisation}/{id_}", record.key, record.value or b"")


def waves(events: Sequence[EventMessage]) -> Iterator[list[EventMessage]]:
    """Yield parts that may be published at once: no two events of a key, and at most ``TOGETHER``."""
    queues: dict[bytes | None, list[EventMessage]] = defaultdict(list)
    for event in events:
        queues[event.key].append(event)
    for turn in range(max(map(len, queues.values()), default=0)):
        wave = [queue[turn] for queue in queues.values() if len(queue) > turn]
        for start in range(0, len(wave), TOGETHER):
            yield wave[start : start + TOGETHER]
