"""Answers of models that are read while they come: pieces go to the bus, and only while somebody reads.

A call is streamed for a reader who is there when it begins, or where its node asks for streams. That changes nothing
else of the call, and nothing waits for a reader: pieces that the bus does not take are lost, and the answer is in the
log as ever.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import structs

from connectors.ports.engine import Clock
from connectors.ports.pubsub import NEW, READERS, WATCH_S, PubSub, tokens_subject, want_subject
from connectors.providers.deltas import Piece, TextDelta, UsageDelta
from schemas.records.steps import StepRequest
from schemas.records.token_pieces import TokenPieces, encoded
from services.calls.call import Answer, Call, Proceed

MAX_READERS = 100_000


@dataclass(eq=False, slots=True)
class Watched:
    """The listener of one call. What comes while nobody reads is kept for one who comes before its end."""

    request: StepRequest
    publish: Callable[[bytes], bool]
    is_read: Callable[[], bool]
    texts: list[str] = field(default_factory=list)
    said: int = 0

    async def __call__(self, delta: Piece | UsageDelta) -> None:
        """Take a delta that guards and redaction have let pass. Nothing here waits or fails."""
        if isinstance(delta, TextDelta) and delta.text:
            self.texts.append(delta.text)
            if self.is_read():
                self.say(self.said)

    def say(self, since: int) -> None:
        """Say the pieces from a number on."""
        if since >= len(self.texts):
            return
        request = self.request
        pieces = TokenPieces(request.step_id, request.node_id, request.attempt, since, self.texts[since:])
        if self.publish(encoded(pieces)):
            self.said = len(self.texts)


class Watchers:
    """Who reads which runs, as this process hears it, and the calls that they can read."""

    def __init__(self, bus: PubSub, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._until: dict[str, int] = {}
        self._open: defaultdict[str, set[Watched]] = defaultdict(set)
        bus.subscribe(READERS, self._wanted)

    @property
    def readers(self) -> int:
        """Of how many runs somebody reads along now."""
        now_ms = self._clock.now_ms()
        return sum(until > now_ms for until in self._until.values())

    async def ask(self, request: StepRequest, call: Call, proceed: Proceed) -> Answer:
        """Make a call, read along by whom it concerns. Raises what the call raises."""
        wanted = want_subject(request.org_id, request.run_id) if self._bus.connected else ""
        if not wanted or not self._may_be_read(call, wanted):
            return await proceed(call)
        subject = tokens_subject(request.org_id, request.run_id)
        one = Watched(request, lambda data: self._bus.publish(subject, data), lambda: self._is_read(wanted))
        self._open[wanted].add(one)
        try:
            return await proceed(structs.replace(call, on_delta=one, watched=True))
        finally:
            self._open[wanted].discard(one)
            if not self._open[wanted]:
                del self._open[wanted]

    def _may_be_read(self, call: Call, wanted: str) -> bool:
        # What is sealed for a person is shown in clear to no reader.
        if call.subject or call.on_delta is not None:
            return False
        # To look at a stream costs something where it is guarded or redacted, so there must be a reader.
        free = call.content.stream and call.guards is None and call.private is None
        return free or self._is_read(wanted)

    def _is_read(self, wanted: str) -> bool:
        return self._until.get(wanted, 0) > self._clock.now_ms()

    def _wanted(self, subject: str, data: bytes) -> None:
        now_ms = self._clock.now_ms()
        if len(self._until) >= MAX_READERS:
            self._until = {one: until for one, until in self._until.items() if until > now_ms}
        self._until[subject] = now_ms + int(WATCH_S * 1000)
        for one in self._open.get(subject, ()) if data == NEW else ():
            one.say(0)
