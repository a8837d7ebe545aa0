"""Messages of JetStream as records of a submissions topic.

After the NATS protocol binding of CloudEvents 1.0.2: in binary mode attributes are headers ``ce-<name>``, their values
percent-encoded; in structured mode the payload is the event. A payload that is neither, and has a ``workflow_name``, is
the body of a submission over HTTP.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

import orjson

from connectors.ports.engine import Headers, InRecord
from schemas.cloudevents.event import STRUCTURED, CloudEvent
from schemas.cloudevents.submission import EVENT_TYPE
from schemas.errors import BadRecord
from streams.roles.cloudevents import read_event
from topics.catalogue import SUBMISSIONS, organisation_of, submissions_topic

SUBJECT = "agentflow.submit.*"
#: Of a submission that is no CloudEvent. Its id is that of its message.
SOURCE = "nats"
MSG_ID = "Nats-Msg-Id"
#: Where a record was before, for those who look into the log.
STREAM_HEADER, SEQUENCE_HEADER = "nats-stream", "nats-sequence"

_CE = "ce-"
_TOPIC_CE = "ce_"
_CONTENT_TYPE = "content-type"


class Given(Protocol):
    """A message as ``connectors.nats.jetstream`` has it."""

    @property
    def subject(self) -> str:
        """Its last token is the organisation."""
        ...

    @property
    def data(self) -> bytes:
        """The payload."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, in any case."""
        ...

    @property
    def stream(self) -> str:
        """The stream's name."""
        ...

    @property
    def sequence(self) -> int:
        """The number within the stream."""
        ...

    @property
    def at_ms(self) -> int:
        """When the stream got it."""
        ...


class Taken(NamedTuple):
    """A message as a record; ``fault`` says why it is no submission, ``event`` is what it is."""

    record: InRecord
    fault: BadRecord | None
    event: CloudEvent | None = None

    @property
    def organisation(self) -> str:
        """Return the organisation whose topic it goes to."""
        return organisation_of(self.record.topic)

    def withheld(self, fault: BadRecord) -> "Taken":
        """Return a message that is refused, without its content: dead letters are kept, and nobody could erase it."""
        return Taken(self.record._replace(key=None, value=None, headers=self._place), fault)

    def sealed(self, event: CloudEvent) -> "Taken":
        """Return a message with a sealed event in place of the one that came, and with nothing else of that."""
        attributes = tuple((_TOPIC_CE + name, value.encode()) for name, value in event.attributes.items())
        headers = (*attributes, *self._place)
        return Taken(self.record._replace(value=orjson.dumps(event.data), headers=headers), None, event)

    @property
    def _place(self) -> Headers:
        """Where the message is in its stream, as headers."""
        return tuple(one for one in self.record.headers if one[0] in (STREAM_HEADER, SEQUENCE_HEADER))


def taken(message: Given) -> Taken:
    """Return a message as a record of its organisation's submissions: the bytes as they are."""
    topic, fault = _topic(message.subject)
    headers, known = _headers(message)
    event = None
    try:
        headers = headers if known else (*headers, *_event_headers(message))
        record = _record(message, topic, headers)
        event = read_event(record)
        if fault is None:
            record = record._replace(key=f"{event.source}/{event.id}".encode())
    except BadRecord as exc:
        fault = fault or exc
        record = _record(message, topic, headers)
    return Taken(record, fault, event)


def _topic(subject: str) -> tuple[str, BadRecord | None]:
    organisation = unquote(subject.rpartition(".")[2])
    try:
        return submissions_topic(organisation), None
    except ValueError as exc:
        # It has to be somebody's dead letter.
        return f"{SUBMISSIONS}.unknown", BadRecord("organisation", str(exc))


def _record(message: Given, topic: str, headers: Headers) -> InRecord:
    place = ((STREAM_HEADER, message.stream.encode()), (SEQUENCE_HEADER, str(message.sequence).encode()))
    key = f"{message.stream}/{message.sequence}".encode()
    return InRecord(topic, 0, message.sequence, message.at_ms, key, message.data, (*headers, *place))


def _headers(message: Given) -> tuple[Headers, bool]:
    """Return the headers as records have them, and whether they say that the message is a CloudEvent."""
    found: list[tuple[str, bytes | None]] = []
    event = False
    for given, value in message.headers.items():
        name = given.lower()
        if name.startswith(_CE):
            found.append((_TOPIC_CE + name.removeprefix(_CE), unquote(value).encode()))
            event = event or name == f"{_CE}specversion"
        elif name == _CONTENT_TYPE:
            found.append((_CONTENT_TYPE, value.encode()))
            event = event or value.lower().startswith(STRUCTURED)
        elif not name.startswith("nats-"):
            found.append((name, value.encode("utf-8", "surrogateescape")))
    return tuple(found), event


def _event_headers(message: Given) -> Headers:
    """Return the headers of a submission in our JSON form; of a structured CloudEvent none."""
    body = _json(message.data)
    if not isinstance(body, dict) or "specversion" in body or "workflow_name" not in body:
        return ()
    named = {name.lower(): value for name, value in message.headers.items()}.get(MSG_ID.lower())
    # Without an id of the sender's, that of the message: it stays the same when it is delivered again.
    own = f"{message.stream}/{message.sequence}/{message.at_ms}"
    attributes = {"specversion": "1.0", "type": EVENT_TYPE, "source": SOURCE, "id": named or own}
    return tuple((_TOPIC_CE + name, value.encode()) for name, value in attributes.items())


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
