"""What was open at the cut: step requests without an outcome, and calls without a settlement. Pure.

A group's place in a lane is behind what its workers had begun and not finished. So what is between that place and the
cut, and has no outcome in ``run-events``, was waiting or in a worker's hands. A restore gives it out once more; what a
worker may have begun, as far as workers read ahead, gets the claim of a start that left no outcome, so that each node's
``policy.on_unknown`` decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.ports.archive import LogRow, Where
from schemas.errors import BadRecord, NewerMajor
from schemas.ids import request_id
from schemas.records.run_events import StepDeferred, StepFailed, StepSucceeded
from schemas.records.steps import StepRequest
from topics.catalogue import RUN_EVENTS
from topics.codec import decode

#: As far as a worker takes requests ahead of its oldest open one; see ``streams.roles.worker.poll_handler.MAX_SPAN``.
READ_AHEAD = 1_000
_OUTCOME = b'"type":"step.'
#: Nothing but an outcome begins like this, and the type is among the first fields.
_HEAD = 200


@dataclass(frozen=True)
class OpenRequest:
    """One request without an outcome. ``begun``: a worker may have started it."""

    where: Where
    row: LogRow
    request: StepRequest
    begun: bool


@dataclass
class Lanes:
    """Takes requests and outcomes of a cut; answers which requests are open.

    ``places`` are where groups were in each lane's partition, the lowest of several.
    """

    places: Mapping[Where, int]
    _asked: dict[tuple[str, int], OpenRequest] = field(default_factory=dict)
    _done: set[tuple[str, int]] = field(default_factory=set)

    def take_requests(self, where: Where, rows: Iterable[LogRow]) -> None:
        """Take records of a lane."""
        place = self.places.get(where, 0)
        for row in rows:
            if row.offset < place:
                continue
            request = _decoded(where[0], row)
            if isinstance(request, StepRequest):
                begun = row.offset < place + READ_AHEAD
                self._asked[request.request_id, request.deferral] = OpenRequest(where, row, request, begun)

    def take_events(self, rows: Iterable[LogRow]) -> None:
        """Take records of ``run-events``, after those of the lanes."""
        since = self.since_ms()
        for row in rows:
            if row.value is None or row.at_ms < since or _OUTCOME not in row.value[:_HEAD]:
                continue
            event = _decoded(RUN_EVENTS, row)
            if isinstance(event, StepSucceeded | StepFailed):
                self._done.add((request_id(event.run_id, event.step_id, event.attempt), -1))
            elif isinstance(event, StepDeferred):
                self._done.add((request_id(event.run_id, event.step_id, event.attempt), event.deferral - 1))

    def since_ms(self) -> int:
        """Return the time before which no outcome of these requests can be."""
        # Clocks of brokers and roles differ by less than this.
        return min((one.request.requested_at_ms for one in self._asked.values()), default=2**53) - 600_000

    def open(self) -> list[OpenRequest]:
        """Return the requests without an outcome, in the order in which they were made."""
        found = [one for (name, n), one in self._asked.items() if not {(name, n), (name, -1)} & self._done]
        return sorted(found, key=lambda one: (one.request.requested_at_ms, one.request.request_id))


def lowest_places(groups: Mapping[str, Mapping[str, Mapping[int, int]]]) -> dict[Where, int]:
    """Return the lowest place of any group in each partition; ``groups`` by group, topic and partition."""
    found: dict[Where, int] = {}
    for topics in groups.values():
        for topic, places in topics.items():
            for partition, offset in places.items():
                where = (topic, partition)
                found[where] = min(offset, found.get(where, offset))
    return found


def _decoded(topic: str, row: LogRow) -> object:
    try:
        return decode(topic, row.value)
    except (BadRecord, NewerMajor):
        return None
