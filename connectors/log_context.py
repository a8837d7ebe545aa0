"""Whose work a log line is about: the organisation, the run and the trace of the current task."""

from contextvars import ContextVar
from typing import NamedTuple

from schemas.ids import trace_id, trace_of


class LogContext(NamedTuple):
    """What JSON log lines say beside their event; what is empty is left out."""

    org_id: str = ""
    run_id: str = ""
    trace: str = ""

    def fields(self) -> dict[str, str]:
        """Return the fields that are known; a run's trace derives from its id."""
        trace = self.trace or (trace_id(self.run_id) if self.run_id else "")
        named = (("org_id", self.org_id), ("run_id", self.run_id), ("trace_id", trace))
        return {name: value for name, value in named if value}


_NOBODY = LogContext()
_current: ContextVar[LogContext] = ContextVar("log_context", default=_NOBODY)


def log_for(org_id: str, run_id: str = "", traceparent: str = "") -> None:
    """Say whose work the current task does from here on. A ``traceparent`` that is no W3C trace context is ignored."""
    _current.set(LogContext(org_id, run_id, trace_of(traceparent) or ""))


def log_context() -> LogContext:
    """Return whose work the current task does."""
    return _current.get()
