"""Follows one run: history is authoritative, the bus is faster.

Nothing depends on the bus: history is read at an interval in any case, so a stream is as complete with NATS down, and
later by that interval at most.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import msgspec

from api.http.concurrency_limit import Bound
from api.live.along import AGAIN_S, Along
from api.live.live_views import run_line, stored_steps
from api.live.run_story import Event, Story
from connectors.ports.pubsub import NEW, WATCH_S, PubSub, run_subject, tokens_subject, want_subject, watch_subject
from connectors.postgres.history.run_changes import RunChanges, RunFollower
from schemas.errors import TryLater
from schemas.records.run_views import RunView
from schemas.records.token_pieces import TokenPieces, decoded

#: The longest delay of a reader when the bus is connected and lost a change.
POLL_S = 2.0
#: The same without a bus.
POLL_ALONE_S = 0.5
#: History writes a run's end some tenths of a second after the bus reports it.
POLL_END_S = 0.1
#: A large view travels in several records, the last of which may arrive a moment after the first.
SETTLE_S = 0.2
HEARTBEAT_S = 15.0
#: A key may be revoked and a reader may hang: after this time the client must reconnect with its last id.
MAX_SECONDS = 3600.0
#: Changes that wait for a slow reader. Those that do not fit are sent from history.
BACKLOG = 256
#: The same with pieces of answers. Those that do not fit are requested again.
BACKLOG_ALONG = 4_096

_HEARTBEAT = b": still here\n\n"
_DECODER = msgspec.json.Decoder(RunView)


class Streams:
    """The streams of one process. ``bound`` limits their number."""

    def __init__(self, follower: RunFollower, bus: PubSub, bound: Bound) -> None:
        self.bound = bound
        self._follower = follower
        self._bus = bus
        self._open: set[_Follow] = set()
        self._closing = False

    async def first(self, org_id: str, run_id: str, since: int) -> RunChanges | None:
        """Return the changes in history; ``None`` for a run that history does not have. Raises ``Unavailable``."""
        return await self._follower.changes(org_id, run_id, since)

    async def follow(
        self, org_id: str, run_id: str, story: Story, first: Sequence[Event], along: Along | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the run's events, ``first`` first, up to its end; or until the process stops.

        With ``along`` those are among them that a reader of answers gets.
        """
        one = _Follow(self._follower, self._bus, org_id, run_id, story, along)
        self._open.add(one)
        try:
            async for block in one.blocks(first, closing=self._closing):
                yield block
        finally:
            self._open.discard(one)
            one.stop()

    def close(self) -> None:
        """End all streams; clients reconnect elsewhere. Call it in the event loop."""
        self._closing = True
        for one in self._open:
            one.close()


class _Follow:
    def __init__(
        self, follower: RunFollower, bus: PubSub, org_id: str, run_id: str, story: Story, along: Along | None
    ) -> None:
        self._follower = follower
        self._bus = bus
        self._org_id = org_id
        self._run_id = run_id
        self._story = story
        self._along = along
        self._heard: asyncio.Queue[bytes | TokenPieces | None]
        self._heard = asyncio.Queue(BACKLOG if along is None else BACKLOG_ALONG)
        self._closing = False
        self._looks_at_end = 0
        self._stops = [bus.subscribe(run_subject(org_id, run_id), self._hear)]
        if along is not None and along.pieces:
            self._stops.append(bus.subscribe(tokens_subject(org_id, run_id), self._hear_tokens))
        self._watched_until = 0.0
        self._read_until = 0.0
        self._beat_at = 0.0

    async def blocks(self, first: Sequence[Event], *, closing: bool) -> AsyncIterator[bytes]:
        until = time.monotonic() + MAX_SECONDS
        self._closing = closing
        yield b"retry: 1000\n\n"
        self._say_reading(time.monotonic())
        for event in (*first, *await self._before()):
            yield event.encode()
        self._beat_at = time.monotonic() + HEARTBEAT_S
        while not self._is_told() and not self._closing and time.monotonic() < until:
            async for block in self._listen(time.monotonic() + self._pause_s()):
                yield block
            for event in await self._look():
                yield event.encode()
        if not self._closing and self._is_told():
            yield self._story.end().encode()

    def close(self) -> None:
        self._closing = True
        self._hear("", None)

    def stop(self) -> None:
        for stop in self._stops:
            stop()

    def _hear(self, _: str, data: bytes | None) -> None:
        if not self._heard.full():
            self._heard.put_nowait(data)

    def _hear_tokens(self, _: str, data: bytes) -> None:
        found = decoded(data)
        if found is None or self._along is None:
            return
        if self._heard.full():
            self._along.missing = True
        else:
            self._heard.put_nowait(found)

    def _is_told(self) -> bool:
        return self._looks_at_end > 1

    def _pause_s(self) -> float:
        if self._story.whole:
            return SETTLE_S
        if self._story.ended:
            return POLL_END_S
        return POLL_S if self._bus.connected else POLL_ALONE_S

    async def _look(self) -> list[Event]:
        """Read history; return nothing while it does not answer."""
        try:
            found = await self._follower.changes(self._org_id, self._run_id, self._story.cursor.version)
            answers = await self._answers(found)
        except TryLater:
            return []
        events = self._story.of_history(found) if found is not None else []
        events += answers
        self._looks_at_end = self._looks_at_end + 1 if self._story.whole and not events else int(self._story.whole)
        return events

    async def _answers(self, found: RunChanges | None) -> list[Event]:
        if found is None or self._along is None:
            return []
        return await self._along.outputs([step for _, step in found.steps])

    async def _before(self) -> list[Event]:
        """Return the answers that were there before the reader came; while history is silent they come later."""
        if self._along is None:
            return []
        try:
            return await self._answers(await self._follower.changes(self._org_id, self._run_id, self._along.since))
        except TryLater:
            return []

    async def _listen(self, until: float) -> AsyncIterator[bytes]:
        """Yield changes from the bus, and heartbeats, until the next read of history is due."""
        ended = self._story.ended
        while not self._closing and (now := time.monotonic()) < until:
            self._say_watching(now)
            self._say_reading(now)
            if now >= self._beat_at:
                self._beat_at = now + HEARTBEAT_S
                yield _HEARTBEAT
            try:
                async with asyncio.timeout(min(until, self._beat_at, self._again_at(now)) - now):
                    data = await self._heard.get()
            except TimeoutError:
                continue
            if isinstance(data, TokenPieces):
                for event in await self._tokens(data):
                    yield event.encode()
                continue
            for event in self._of_bus(data):
                yield event.encode()
                if self._along is not None and event.name == "step":
                    # History has its output some tenths of a second after the bus says that it ended.
                    until = min(until, time.monotonic() + POLL_END_S)
            if self._story.ended and not ended:
                return

    def _say_watching(self, now: float) -> None:
        if now >= self._watched_until:
            told = self._bus.publish(watch_subject(self._org_id, self._run_id), self._run_id.encode())
            self._watched_until = now + WATCH_S / 3 if told else 0.0

    def _say_reading(self, now: float) -> None:
        """Say that answers are read, and ask for all of them where some are missing."""
        if self._along is None or not self._along.pieces:
            return
        again = self._along.asks_again(now)
        if again or now >= self._read_until:
            said = self._bus.publish(want_subject(self._org_id, self._run_id), NEW if again else b"")
            self._read_until = now + WATCH_S / 3 if said else 0.0
            self._along.missing = self._along.missing or (again and not said)

    def _again_at(self, now: float) -> float:
        """Return when to look again whether pieces are missing."""
        missing = self._along is not None and self._along.pieces and self._along.missing
        return now + AGAIN_S if missing else now + HEARTBEAT_S

    async def _tokens(self, data: TokenPieces) -> list[Event]:
        return [] if self._along is None else await self._along.tokens(data)

    def _of_bus(self, data: bytes | None) -> list[Event]:
        if data is None:
            return []
        try:
            view = _DECODER.decode(data)
        except msgspec.DecodeError:
            return []
        if view.run_id != self._run_id or view.org_id != self._org_id:
            return []
        return self._story.of_bus(run_line(view), stored_steps(view))
