"""What went wrong in an attempt, as the error of its step."""

import logging

from connectors.tools.isolation.raised import described, one_line, user_frames
from schemas.errors import BadRecord, Rejected, StepError, SubjectErased, TryLater
from schemas.records.steps import FunctionCall, StepRequest, ToolCall
from schemas.spec.error_codes import POLICY_DENIED, POLICY_FAILED, PRIVACY_REFUSED, SUBJECT_ERASED

log = logging.getLogger(__name__)

_FINAL = (POLICY_DENIED, POLICY_FAILED, PRIVACY_REFUSED, SUBJECT_ERASED)


def as_step_error(request: StepRequest, exc: Exception) -> StepError:
    match exc:
        case StepError():
            return _checked(exc)
        case SubjectErased():
            return StepError(SUBJECT_ERASED, str(exc))
        case TryLater():
            return StepError("unavailable", str(exc), retryable=True, retry_after_ms=int(exc.retry_after_s * 1000))
        case Rejected() | BadRecord():
            return StepError("rejected", str(exc))
    if request.subject:
        # Its text may quote the data, which must not be in a log.
        log.warning("step %s of run %s raised %s", request.step_id, request.run_id, type(exc).__name__)
    else:
        log_raised(f"step {request.step_id} of run {request.run_id}", exc, "step_raised")
    # A function is pure, so that what it raised once it raises again; the world of a tool may be better then.
    retryable = not isinstance(request.work, FunctionCall)
    return StepError("exception", described(exc), retryable=retryable)


def as_wanted(request: StepRequest, error: StepError) -> StepError:
    """Return the error of an attempt, retryable if its node wants its code retried.

    A policy's no is final, and so is an erasure.
    """
    if error.code in request.retry_on and error.code not in _FINAL:
        error.retryable = True
    return error


def _checked(exc: StepError) -> StepError:
    """Return a step's error as a record can carry it: user code may have put anything into its fields."""
    after_ms, details = exc.retry_after_ms, exc.details
    is_named = type(exc.code) is str and exc.code != "" and type(details) is dict
    if is_named and (after_ms is None or (type(after_ms) is int and 0 <= after_ms < 1 << 53)):
        return exc
    return StepError(
        "exception",
        f"it raised a StepError with code {exc.code!r:.100} and retry_after_ms {after_ms!r:.100}; "
        f"a code is a text and a time a number of milliseconds: {described(exc)}",
        retryable=bool(exc.retryable),
    )


def log_raised(what: str, exc: Exception, action: str) -> None:
    """Write one line with the frames of the user's code, since ours tell its author nothing."""
    frames = user_frames(exc) or "no frame of its own"
    log.warning("%s raised %s; at %s", what, one_line(described(exc)), one_line(frames), extra={"action": action})


def not_started(work: ToolCall | FunctionCall, seconds: float) -> StepError:
    return StepError(
        "not_started",
        f"{work.kind} {work.name!r} was not called: every place for plain calls was taken for {seconds:g} s; "
        "run more workers, or allow more time (policy.timeout_ms)",
        retryable=True,
    )
