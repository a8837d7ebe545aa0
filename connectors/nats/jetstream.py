"""JetStream: messages that the server keeps until they are acknowledged.

One connection, made at first use and again after a loss. ``Unavailable`` says that the server does not answer, or has
no JetStream; then what was published may be there or not, so a publisher repeats it with the same ``Nats-Msg-Id``.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from connectors.nats.connecting import DOWN, close, connect, new_client, words
from schemas.errors import TooLarge, Unavailable

log = logging.getLogger(__name__)

#: A publisher that repeats itself within so many seconds is noticed by the id of its message.
DUPLICATES_S = 600.0
#: A message that is not acknowledged within so many seconds comes again; longer than an append to the log may take.
ACK_WAIT_S = 30.0
#: Of one consumer, over all processes: so many messages are with them at a time.
MAX_UNACKED = 5_000
REQUEST_S = 5.0
MSG_ID = "Nats-Msg-Id"


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it is made where there is none for its subjects.

    A ``queue`` deletes what is acknowledged; other streams keep messages for ``keep_s``.
    """

    name: str
    subject: str
    queue: bool
    replicas: int = 1
    keep_s: float | None = None


class Message(NamedTuple):
    """A message of a stream. Its sequence and its time together are its alone, also after the stream was made again."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    stream: str
    sequence: int
    at_ms: int
    raw: Msg


class JetStream:
    """A client of one process. ``close`` it at the end."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._client: Client | None = None
        self._context: JetStreamContext | None = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        """Disconnect."""
        client, self._client, self._context = self._client, None, None
        if client is not None:
            with suppress(*DOWN):
                await client.close()

    async def ensure(self, stream: Stream) -> str:
        """Return the name of the stream that has a subject; one that is missing is made. Raises ``Unavailable``."""
        context = await self._live()
        try:
            return await context.find_stream_name_by_subject(stream.subject)
        except NotFoundError:
            pass
        except (*DOWN, APIError) as exc:
            raise _unavailable("find a stream", exc) from exc
        try:
            await context.add_stream(_config(stream))
        except (*DOWN, APIError) as exc:
            raise _unavailable(f"make the stream {stream.name}", exc) from exc
        log.info("made the stream %s for %s", stream.name, stream.subject, extra={"action": "stream_made"})
        return stream.name

    async def puller(self, stream: str, durable: str, subject: str) -> "Puller":
        """Return what takes messages as one of the processes of a durable consumer. Raises ``Unavailable``."""
        context = await self._live()
        config = ConsumerConfig(
            durable_name=durable, filter_subject=subject, ack_wait=ACK_WAIT_S, max_ack_pending=MAX_UNACKED
        )
        try:
            await context.add_consumer(stream, config)
            return Puller(await context.pull_subscribe_bind(durable=durable, stream=stream), stream)
        except (*DOWN, APIError) as exc:
            raise _unavailable(f"take messages of {stream}", exc) from exc

    async def publish(self, subject: str, data: bytes, message_id: str, headers: Mapping[str, str]) -> None:
        """Return once a stream has the message. Raises ``Unavailable``, and ``TooLarge`` beyond the server's limit."""
        context = await self._live()
        try:
            await context.publish(subject, data, timeout=REQUEST_S, headers={**headers, MSG_ID: message_id})
        except MaxPayloadError as exc:
            raise TooLarge(f"{len(data)} bytes for {subject}: over the max_payload of the NATS server") from exc
        except (*DOWN, APIError) as exc:
            raise _unavailable(f"publish on {subject}", exc) from exc

    async def _live(self) -> JetStreamContext:
        async with self._connecting:
            if self._context is not None and self._client is not None and self._client.is_connected:
                return self._context
            await self.close()
            client = new_client(self._url)
            try:
                await connect(client, self._url, self._name, on_error=_noted)
            except DOWN as exc:
                await close(client)
                raise _unavailable("connect", exc) from exc
            self._client, self._context = client, client.jetstream(timeout=REQUEST_S)
            return self._context


class Puller:
    """Takes messages of a durable consumer."""

    def __init__(self, subscription: JetStreamContext.PullSubscription, stream: str) -> None:
        self._subscription = subscription
        self._stream = stream

    async def fetch(self, most: int, timeout_s: float) -> list[Message]:
        """Return up to ``most`` messages, none when there are none in time. Raises ``Unavailable``."""
        try:
            found = await self._subscription.fetch(most, timeout=timeout_s)
        except TimeoutError:
            return []
        except (*DOWN, APIError) as exc:
            raise _unavailable(f"fetch from {self._stream}", exc) from exc
        return [_message(one, self._stream) for one in found]

    async def settle(self, done: Sequence[Message], refused: Sequence[Message]) -> None:
        """Acknowledge what is done, and end the delivery of what is refused. Raises ``Unavailable``."""
        try:
            for message in done:
                await message.raw.ack()
            for message in refused:
                await message.raw.term()
        except DOWN as exc:
            raise _unavailable(f"acknowledge to {self._stream}", exc) from exc

    async def again(self, messages: Sequence[Message], after_s: float) -> None:
        """Ask for messages once more, after a moment. Without an answer it comes after ``ACK_WAIT_S``."""
        with suppress(*DOWN):
            for message in messages:
                await message.raw.nak(delay=after_s)


def _config(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        subjects=[stream.subject],
        retention=RetentionPolicy.WORK_QUEUE if stream.queue else RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=stream.replicas,
        duplicate_window=DUPLICATES_S,
        max_age=stream.keep_s,
        # A full queue refuses what is new and says so to its sender; a full log of events forgets the oldest.
        discard=DiscardPolicy.NEW if stream.queue else DiscardPolicy.OLD,
    )


def _message(raw: Msg, stream: str) -> Message:
    found = raw.metadata
    at_ms = round(found.timestamp.timestamp() * 1000)
    return Message(raw.subject, raw.data, raw.headers or {}, stream, found.sequence.stream, at_ms, raw)


def _unavailable(what: str, exc: BaseException) -> Unavailable:
    if isinstance(exc, (NoStreamResponseError, ServiceUnavailableError)):
        return Unavailable("nats", f"{what}: the server has no JetStream, or no stream; start it with `--jetstream`")
    return Unavailable("nats", f"{what}: {words(exc)}")


async def _noted(exc: Exception) -> None:
    log.debug("JetStream: %s", words(exc), extra={"action": "nats_error"})
