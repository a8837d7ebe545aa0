"""State read from the topics record by record: enough to check the promises, and no more."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import msgspec

from connectors.ports.engine import InRecord
from schemas.errors import BadRecord
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.run_events import RunSubmitted, StepFailed, StepSucceeded
from schemas.records.run_views import RunView
from schemas.records.spans import TraceSpans
from topics import catalogue
from topics.codec import decode

TERMINAL = {"succeeded", "failed", "canceled"}
STEP_TERMINAL = {"succeeded", "failed", "skipped", "canceled"}
TOPICS = (
    catalogue.RUN_EVENTS,
    catalogue.RUN_VIEWS,
    catalogue.COST_EVENTS,
    catalogue.PROVIDER_CALLS,
    catalogue.TRACE_SPANS,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A provider call as it was recorded."""

    key: str
    outcome: str
    cached: bool


@dataclass
class Seen:
    """Everything is keyed by the records' own ids, so that a record which is there twice counts once."""

    #: When runs were submitted, in milliseconds, and in which partition.
    submitted: dict[str, tuple[int, int]] = field(default_factory=dict)
    ends: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Digests of the outputs that views showed, by run and step.
    results: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    #: Version, status and cost of each run's newest view.
    newest: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    #: Why runs failed, by error code.
    failures: Counter[str] = field(default_factory=Counter)
    #: Times of steps' results, in milliseconds, by run.
    result_times: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    costs: list[CostEvent] = field(default_factory=list)
    cost_ids: set[str] = field(default_factory=set)
    calls: dict[str, Call] = field(default_factory=dict)
    spans: set[int] = field(default_factory=set)
    step_events: set[int] = field(default_factory=set)

    def take(self, record: InRecord) -> None:
        """Add one record; what cannot be decoded is somebody else's subject."""
        try:
            event = decode(record.topic, record.value)
        except BadRecord:
            return
        match event:
            case RunSubmitted():
                self.submitted.setdefault(event.run_id, (record.timestamp_ms, record.partition))
            case StepSucceeded() | StepFailed():
                self.result_times[event.run_id].append(record.timestamp_ms)
            case RunView():
                self._view(event)
            case CostEvent():
                if event.event_id not in self.cost_ids:
                    self.cost_ids.add(event.event_id)
                    self.costs.append(event)
            case ProviderCall():
                self.calls[event.call_id] = Call(event.idempotency_key, event.outcome, event.cached)
            case TraceSpans():
                self.spans.update(hash((event.trace_id, span.span_id)) for span in event.spans)

    def _view(self, view: RunView) -> None:
        known = self.newest.get(view.run_id)
        if known is None or view.version >= known[0]:
            self.newest[view.run_id] = (view.version, view.status, view.cost_nano)
        if view.status in TERMINAL:
            if view.run_id not in self.ends and view.error is not None:
                self.failures[view.error.code] += 1
            self.ends[view.run_id].add(view.status)
        for step in view.steps:
            self.step_events.add(hash((view.run_id, step.step_id, view.version)))
            if step.state in STEP_TERMINAL and step.output is not None:
                self.results[view.run_id, step.step_id].add(hash(msgspec.json.encode(step.output)))
