"""Says on the bus what ``run-views`` says: changes of runs that somebody watches, and ends that calls in flight should
hear of.

All of it may be lost, so nothing is kept, nothing is waited for, and what comes late is left out: history
has everything. The record is decoded only when there is something to say, which is seldom.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import structs

from connectors.ports.engine import Clock, InRecord
from connectors.ports.pubsub import WATCH_S, WATCHES, PubSub, cancel_subject, run_subject
from schemas.errors import BadRecord, NewerMajor
from schemas.records.run_views import RunView
from schemas.run_states import UNSUCCESSFUL_RUN
from streams.process.context import RoleContext
from streams.process.role import RoleApp
from streams.process.spec import Dependency, RoleSpec
from streams.runtime.consumer.transport import Reads
from streams.runtime.sink import SinkAgent, SinkSpec, batch_delay
from topics.catalogue import RUN_VIEWS
from topics.codec import decode

#: History has what is older, and nobody waits for it here any more.
STALE_MS = 30_000
#: A record without any of them is of no run that ended badly; one with them may be all the same.
_BAD_ENDS = tuple(f'"status":"{state}"'.encode() for state in sorted(UNSUCCESSFUL_RUN))
MAX_WATCHED = 100_000
#: Watchers see a change at most this much later. With nobody watching, polls are most of what the role costs: at 20 ms
#: it was 0.037 ms of CPU a run of three steps at 900 runs/s, and 0.072 ms at 300 runs/s.
DELAY_MS = 50.0, 100.0


class Live:
    """The sink. Its records are not decoded before."""

    def __init__(self, bus: PubSub, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._watched: dict[bytes, int] = {}
        bus.subscribe(WATCHES, self._watch)

    async def write(self, items: Sequence[tuple[InRecord, Any]]) -> None:
        """Say what is worth it. Nothing here blocks or fails."""
        if not self._bus.connected:
            return
        now_ms = self._clock.now_ms()
        for record, _ in items:
            value = record.value or b""
            if record.timestamp_ms + STALE_MS < now_ms:
                continue
            watched = self._watched.get(record.key or b"", 0) > now_ms
            if watched or any(mark in value for mark in _BAD_ENDS):
                self._open(record, watched=watched)

    def _open(self, record: InRecord, *, watched: bool) -> None:
        try:
            view = decode(record.topic, record.value)
        except (BadRecord, NewerMajor):
            return  # history tells its operators
        self._say(view, watched=watched)

    def _say(self, view: RunView, *, watched: bool) -> None:
        if has_calls_to_end(view):
            self._bus.publish(cancel_subject(view.org_id), view.run_id.encode())
        if watched:
            self._bus.publish(run_subject(view.org_id, view.run_id), msgspec.json.encode(without_values(view)))

    def _watch(self, subject: str, run_id: bytes) -> None:
        now_ms = self._clock.now_ms()
        if len(self._watched) >= MAX_WATCHED:
            self._watched = {run: until for run, until in self._watched.items() if until > now_ms}
        self._watched[run_id] = now_ms + int(WATCH_S * 1000)


def has_calls_to_end(view: RunView) -> bool:
    """Return whether a run ended while attempts of its steps may be in flight."""
    ended = view.status in UNSUCCESSFUL_RUN
    return ended and any(step.state == "canceled" and step.attempt > 0 for step in view.steps)


def without_values(view: RunView) -> RunView:
    """Return a view without inputs and outputs, which may be large and are read from history."""
    return structs.replace(
        view,
        inputs=None,
        stored_inputs=None,
        output=None,
        steps=[structs.replace(step, output=None) for step in view.steps],
    )


def build(ctx: RoleContext) -> RoleApp:
    """Return the role's app."""
    write = Live(ctx.bus(SPEC.name), ctx.clock).write
    spec = SinkSpec(name=SPEC.name, write=write, gathering=batch_delay(*DELAY_MS))
    return ctx.app(SPEC.name, SinkAgent(spec, ctx.log, ctx.clock), Reads(topics=SPEC.reads))


SPEC = RoleSpec(
    name="live",
    summary="publishes changes of runs that somebody watches to NATS",
    build=build,
    reads=(RUN_VIEWS,),
    needs=(Dependency.KAFKA,),
    uses=(Dependency.NATS,),
)
