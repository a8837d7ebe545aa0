"""Topics as evidence: each record reduced to what is judged. What cannot be decoded is somebody else's subject."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.ports.engine import InRecord
from schemas.errors import BadRecord
from schemas.ids import run_id
from schemas.records.admissions import AdmissionReleased
from schemas.records.money import CallStarted, CostEvent, ProviderCall
from schemas.records.routes import RouteOutcome, RouteScored
from schemas.records.run_events import (
    CancelRequested,
    ChildFinished,
    RunAdmitted,
    RunSubmitted,
    SignalReceived,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.run_views import RunView
from schemas.records.spans import TraceSpans
from schemas.records.steps import StepRequest
from schemas.records.timers import Deadline
from tests.chaos.collect.offsets import read_commit
from tests.chaos.collect.views import plain, with_view
from tests.chaos.records import Commit, DeadLetter, Event, Moment, Money, Posted, Request, RouteSeen, RunSeen
from topics.catalogue import DLQ_SUFFIX, SUBMISSIONS, organisation_of
from topics.codec import decode
from topics.dead_letters.letter import MESSAGE, REASON

OFFSETS = "__consumer_offsets"


@dataclass
class TopicsRead:
    """All that the topics said so far. A record that is there twice counts once where its id says so."""

    events: list[Event] = field(default_factory=list)
    money: list[Money] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    route_events: list[RouteSeen] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    runs: dict[str, RunSeen] = field(default_factory=dict)
    #: Ids of the rows that ClickHouse must have, by table and run.
    rows: dict[str, dict[str, set[Any]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    _acked: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, record: InRecord) -> None:
        """Add one record."""
        if record.topic == OFFSETS:
            self._commit(record)
        elif record.topic.endswith(DLQ_SUFFIX):
            self.dead_letters.append(_dead_letter(record))
        elif record.topic.startswith(f"{SUBMISSIONS}."):
            self.posted.append(_posted(record))
        else:
            self._take_ours(record)

    def _take_ours(self, record: InRecord) -> None:
        try:
            said = decode(record.topic, record.value)
        except BadRecord:
            return
        match said:
            case RunView():
                self._view(said)
            case CostEvent() | CallStarted():
                self.money.append(_money(said, record))
                if isinstance(said, CostEvent):
                    self.rows["cost_events"][said.run_id].add(said.event_id)
            case ProviderCall():
                self.rows["provider_calls"][said.run_id].add(said.call_id)
            case TraceSpans():
                self.rows["trace_spans"][said.run_id].update(hash(span.span_id) for span in said.spans)
            case StepRequest():
                self.requests.append(_request(said, record))
            case AdmissionReleased():
                self.moments.append(Moment(at_ms=record.timestamp_ms, admitted=False, run=said.run_id))
            case RouteOutcome() | RouteScored():
                self.route_events.append(_route(said, record))
                self.rows["route_outcomes"][said.run_id].add((record.partition, record.offset))
            case _:
                self._event(said, record)

    def _event(self, said: Any, record: InRecord) -> None:
        event = _event(said, record)
        if event is not None:
            self.events.append(event)
        if isinstance(said, RunAdmitted):
            self.moments.append(Moment(at_ms=record.timestamp_ms, admitted=True, run=said.run_id))

    def _view(self, view: RunView) -> None:
        self.rows["step_events"][view.run_id].update((step.step_id, view.version) for step in view.steps)
        self.runs[view.run_id] = with_view(self.runs.get(view.run_id), view)

    def _commit(self, record: InRecord) -> None:
        commit = read_commit(record)
        if commit is None:
            return
        where = commit.topic, commit.partition
        if commit.offset > self._acked.get(where, 0):
            self._acked[where] = commit.offset
            self.commits.append(commit)


def _event(said: Any, record: InRecord) -> Event | None:
    fields = _fields(said)
    if fields is None:
        return None
    where = {"partition": record.partition, "offset": record.offset, "at_ms": record.timestamp_ms}
    return Event(run=said.run_id, org=said.org_id, **where, **fields)


def _fields(said: Any) -> dict[str, Any] | None:
    match said:
        case RunSubmitted():
            return {"kind": "submitted", "workflow": said.workflow_name, **_parent(said)}
        case StepSucceeded():
            return {"kind": "succeeded", "output": plain(said.output), **_outcome(said)}
        case StepFailed():
            return {"kind": "failed", "code": said.error.code, **_outcome(said)}
        case StepDeferred():
            return {"kind": "deferred", "step": said.step_id, "attempt": said.attempt, "deferral": said.deferral}
        case TimerFired():
            return {"kind": "timer", "step": "" if isinstance(said.timer, Deadline) else said.timer.step_id}
        case CancelRequested():
            return {"kind": "cancel"}
        case SignalReceived():
            return {"kind": "signal", "signal": said.signal_id, "step": said.name, "output": plain(said.payload)}
        case ChildFinished():
            return {"kind": "child", **_end_of_child(said)}
    return None


def _parent(said: RunSubmitted) -> dict[str, Any]:
    parent = said.parent
    if parent is None:
        return {}
    where = {"parent": parent.run_id, "parent_step": parent.step_id, "attempt": parent.attempt}
    return where | {"detached": parent.detached}


def _end_of_child(said: ChildFinished) -> dict[str, Any]:
    return {
        "step": said.step_id,
        "attempt": said.attempt,
        "child": said.child_run_id,
        "status": said.status,
        "cost": said.cost_nano,
        "code": said.error.code if said.error is not None else "",
        "output": plain(said.output) if said.output is not None else None,
        "version": said.version,
    }


def _outcome(said: StepSucceeded | StepFailed) -> dict[str, Any]:
    return {
        "step": said.step_id,
        "attempt": said.attempt,
        "cost": said.cost_nano,
        "calls": said.call_ids,
        "chain": said.chain or "",
    }


def _money(said: CostEvent | CallStarted, record: InRecord) -> Money:
    return Money(
        kind=said.kind if isinstance(said, CostEvent) else "started",
        call=said.call_id,
        org=said.org_id,
        run=said.run_id,
        step=said.step_id,
        workflow=said.workflow_name,
        provider=said.provider,
        model=said.model,
        amount=said.amount_nano,
        booked_at_ms=said.booked_at_ms,
        partition=record.partition,
        offset=record.offset,
        at_ms=record.timestamp_ms,
    )


def _request(said: StepRequest, record: InRecord) -> Request:
    return Request(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        run=said.run_id,
        step=said.step_id,
        attempt=said.attempt,
        requested_at_ms=said.requested_at_ms,
        deferral=said.deferral,
        cap_left=said.run_budget_nano,
        rides=[ride.node_id for ride in said.continuation],
    )


def _route(said: RouteOutcome | RouteScored, record: InRecord) -> RouteSeen:
    return RouteSeen(
        partition=record.partition,
        offset=record.offset,
        run=said.run_id,
        group=said.group,
        outcome=said.decision_id if isinstance(said, RouteOutcome) else "",
        value=(record.value or b"").decode(),
    )


def _posted(record: InRecord) -> Posted:
    headers = {name: (value or b"").decode() for name, value in record.headers}
    if "ce_id" in headers:
        id_, source = headers["ce_id"], headers["ce_source"]
    else:
        event = orjson.loads(record.value or b"{}")
        id_, source = event["id"], event["source"]
    run = run_id(organisation_of(record.topic), source, id_)
    return Posted(topic=record.topic, partition=record.partition, offset=record.offset, id=id_, run=run)


def _dead_letter(record: InRecord) -> DeadLetter:
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    key = (record.key or b"").decode("utf-8", "replace")
    message = headers.get(MESSAGE, "")[:200]
    return DeadLetter(topic=record.topic, key=key, reason=headers.get(REASON, ""), message=message)
