"""Which record goes on which topic under which key."""

from pydantic import BaseModel

from connectors.ports import OutRecord
from schemas.records.definitions import AuditEvent, Definition
from schemas.records.money import CostEvent, ProviderCall
from schemas.records.run_events import (
    CancelRequested,
    RunSubmitted,
    StepDeferred,
    StepFailed,
    StepSucceeded,
    TimerFired,
)
from schemas.records.run_views import RunView
from schemas.records.spans import TraceSpans
from schemas.records.steps import StepRequest
from topics import catalogue
from topics.codec import encode

_RUN_EVENTS = (RunSubmitted, StepSucceeded, StepFailed, StepDeferred, TimerFired, CancelRequested)


def to_out(record: BaseModel) -> OutRecord:
    """Return a record as it is appended: topic and key by its model, value encoded."""
    topic, key = _where(record)
    return OutRecord(topic, key.encode(), encode(record))


def _where(record: BaseModel) -> tuple[str, str]:
    match record:
        case StepRequest():
            return catalogue.lane(record.tier), f"{record.run_id}:{record.step_id}"
        case RunView():
            return catalogue.RUN_VIEWS, record.run_id
        case TraceSpans():
            return catalogue.TRACE_SPANS, record.trace_id
        case ProviderCall():
            return catalogue.PROVIDER_CALLS, record.route
        case CostEvent():
            return catalogue.COST_EVENTS, record.org_id
        case Definition():
            return catalogue.DEFINITIONS, record.key
        case AuditEvent():
            return catalogue.AUDIT_EVENTS, record.org_id
        case _ if isinstance(record, _RUN_EVENTS):
            return catalogue.RUN_EVENTS, record.run_id
    raise TypeError(f"{type(record).__name__} has no topic; declare it in topics/catalogue.py and here")
