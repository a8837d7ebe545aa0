"""The numbers of admitted runs over time, read from the topics by the broker's time: the limits must hold."""

from collections.abc import Iterable
from typing import Any

from schemas.records.admissions import AdmissionReleased
from schemas.records.run_events import RunAdmitted, RunSubmitted
from tests.support.topics import read_topic
from topics.catalogue import ADMISSIONS, RUN_EVENTS
from topics.codec import decode


class TurnsSeen:
    """Who had its turn from when to when. A run has it from its first admission until it first gives it back."""

    def __init__(self, events: Iterable[tuple[int, Any]]) -> None:
        moments: list[tuple[int, bool, str]] = []
        self.of: dict[str, tuple[str, str]] = {}
        for at_ms, event in events:
            if isinstance(event, RunSubmitted):
                self.of[event.run_id] = event.org_id, event.workflow_name
            elif isinstance(event, RunAdmitted | AdmissionReleased):
                # What was given back in a millisecond may have been given again in it.
                moments.append((at_ms, isinstance(event, RunAdmitted), event.run_id))
        self._moments = sorted(moments)

    def most(self, org: str | None = None, workflow: str | None = None) -> int:
        """Return how many runs had their turn at once, at most; of an organisation, of a workflow."""
        now: set[str] = set()
        over: set[str] = set()
        most = 0
        for _, admitted, run in self._moments:
            of_org, of_workflow = self.of[run]
            if org not in (None, of_org) or workflow not in (None, of_workflow):
                continue
            if not admitted:
                over.add(run)
                now.discard(run)
            elif run not in over:
                now.add(run)
                most = max(most, len(now))
        return most

    def admitted(self) -> list[str]:
        """Return every run that had its turn, in order."""
        return list(dict.fromkeys(run for _, admitted, run in self._moments if admitted))


def turns_seen(bootstrap: str) -> TurnsSeen:
    """Read both topics from their beginning."""
    topics = (RUN_EVENTS, ADMISSIONS)
    return TurnsSeen((r.timestamp_ms, _decoded(r)) for topic in topics for r in read_topic(bootstrap, topic))


def _decoded(record: Any) -> Any:
    # Nothing else of a run's inbox matters here, and there may be hundreds of thousands of it.
    if record.topic == RUN_EVENTS and b'"run.submitted"' not in record.value and b'"run.admitted"' not in record.value:
        return None
    return decode(record.topic, record.value)
