"""Which record goes on which topic under which key."""

from collections.abc import Callable
from typing import Any, get_args

from connectors.ports.engine import OutRecord
from schemas.records.admissions import (
    EVERYBODY,
    AdmissionAsked,
    AdmissionContinued,
    AdmissionReleased,
    FlowDue,
    LimitsSet,
    PoolSet,
)
from schemas.records.base import Record
from schemas.records.budgets import BudgetEvent, BudgetThreshold
from schemas.records.definitions import AuditEvent, Definition
from schemas.records.money import CallStarted, CostEvent, ProviderCall
from schemas.records.quality import AnswerScored, QualityDrifted
from schemas.records.rollouts.deployments import (
    DeploymentDecided,
    DeploymentOverridden,
    DeploymentStarted,
    DeploymentStepped,
    RunAssigned,
    RunOutcome,
    RunScored,
)
from schemas.records.rollouts.events import RolloutEvent
from schemas.records.routes import RouteOutcome, RouteScored
from schemas.records.run_caps import RunCapEvent
from schemas.records.run_events import (
    CallSettled,
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
from schemas.records.run_notices import RunNotice
from schemas.records.run_views import RunView
from schemas.records.security.audit import AuditCheckpoint
from schemas.records.spans import TraceSpans
from schemas.records.steps import StepRequest
from streams.runtime.label_headers import label_headers
from topics import catalogue
from topics.codec import encode

Place = tuple[str, str]


def to_out(record: Record) -> OutRecord:
    """Return a record as it is appended: topic and key by its model, value encoded. Raises ``TypeError``."""
    place = _PLACES.get(type(record))
    if place is None:
        raise TypeError(f"{type(record).__name__} has no topic; declare it in topics/catalogue.py and here")
    topic, key = place(record)
    return OutRecord(topic, key.encode(), encode(record), label_headers(record))


def _request(record: StepRequest) -> Place:
    return catalogue.lane(record.queue or record.tier), f"{record.run_id}:{record.step_id}"


def _of_run(record: Any) -> Place:
    return catalogue.RUN_EVENTS, record.run_id


_PLACES: dict[type, Callable[[Any], Place]] = {
    StepRequest: _request,
    RunView: lambda view: (catalogue.RUN_VIEWS, view.run_id),
    TraceSpans: lambda spans: (catalogue.TRACE_SPANS, spans.trace_id),
    ProviderCall: lambda call: (catalogue.PROVIDER_CALLS, call.route),
    **dict.fromkeys(
        (CostEvent, CallStarted, *get_args(BudgetEvent), *get_args(RunCapEvent)),
        lambda event: (catalogue.COST_EVENTS, event.org_id),
    ),
    **dict.fromkeys(
        (BudgetThreshold, *get_args(RolloutEvent), *get_args(RunNotice)),
        lambda event: (catalogue.events_topic(event.organisation), event.subject),
    ),
    **dict.fromkeys((RouteOutcome, RouteScored), lambda event: (catalogue.ROUTE_OUTCOMES, event.group)),
    **dict.fromkeys(
        (DeploymentStarted, DeploymentStepped, DeploymentOverridden, RunAssigned, RunOutcome, RunScored),
        lambda event: (catalogue.DEPLOYMENT_OUTCOMES, event.rollout),
    ),
    DeploymentDecided: lambda event: (catalogue.DEPLOYMENT_DECISIONS, event.rollout),
    AnswerScored: lambda event: (catalogue.QUALITY_SCORES, event.group),
    QualityDrifted: lambda event: (catalogue.events_topic(event.organisation), event.subject),
    AuditCheckpoint: lambda event: (catalogue.events_topic(event.organisation), event.subject),
    Definition: lambda definition: (catalogue.DEFINITIONS, definition.key),
    AuditEvent: lambda event: (catalogue.AUDIT_EVENTS, event.org_id),
    **dict.fromkeys(
        (
            RunSubmitted,
            RunAdmitted,
            StepSucceeded,
            StepFailed,
            StepDeferred,
            TimerFired,
            CancelRequested,
            SignalReceived,
            ChildFinished,
            CallSettled,
        ),
        _of_run,
    ),
    **dict.fromkeys(
        (AdmissionAsked, AdmissionReleased, LimitsSet, FlowDue), lambda event: (catalogue.ADMISSIONS, event.org_id)
    ),
    **dict.fromkeys((PoolSet, AdmissionContinued), lambda _: (catalogue.ADMISSIONS, EVERYBODY)),
}
