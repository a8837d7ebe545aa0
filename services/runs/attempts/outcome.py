"""How an attempt ended."""

from dataclasses import dataclass

from schemas.errors import StepError
from schemas.payload import Payload
from schemas.records.base import ErrorInfo

#: A message in words is cut here; what is longer belongs in a log.
MESSAGE_LIMIT = 2_048


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: an output, or an error. Times are milliseconds since the Unix epoch.

    ``exposed``: its prompt, which is in a rollout, was rendered.
    """

    started_at_ms: int
    finished_at_ms: int
    output: Payload | None = None
    error: ErrorInfo | None = None
    exposed: bool = False


def error_info(error: StepError, step_id: str) -> ErrorInfo:
    """Return a step's error as records carry it, its message cut to ``MESSAGE_LIMIT`` bytes."""
    message = str(error).encode("utf-8", "replace")[:MESSAGE_LIMIT].decode("utf-8", "ignore")
    return ErrorInfo(
        code=error.code,
        message=message,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        step_id=step_id,
        details={name: str(value) for name, value in error.details.items()},
    )
