"""Which records a target gets."""

from fnmatch import fnmatchcase

from connectors.otlp.targets import Filter
from schemas.records.spans import TraceSpans
from services.observability.otlp.incoming.records import FROM_OTLP, ORIGIN

_RANDOM_BITS = 56


def wants(chosen: Filter, record: TraceSpans) -> bool:
    """Return whether a target with this filter gets a record."""
    if not record.spans or (chosen.organisations and record.org_id not in chosen.organisations):
        return False
    if chosen.workflows and not any(fnmatchcase(record.workflow_name, one) for one in chosen.workflows):
        return False
    if chosen.statuses and not any(span.status in chosen.statuses for span in record.spans):
        return False
    if not chosen.external and record.spans[0].attributes.get(ORIGIN) == FROM_OTLP:
        return False
    return in_share(record.trace_id, chosen.share)


def in_share(trace_id: str, share: float) -> bool:
    """Return whether a trace is in a share of all: decided by its id, so that whole traces are sent or not.

    The last 56 bits are random, as W3C Trace Context has it, and OpenTelemetry samples by them, too.
    """
    if share >= 1:
        return True
    try:
        return int(trace_id[-_RANDOM_BITS // 4 :], 16) < share * float(1 << _RANDOM_BITS)
    except ValueError:
        return True  # it is no trace id, which the exporter reports
