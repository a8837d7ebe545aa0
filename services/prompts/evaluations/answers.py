"""What a version answered, as scorers take it: from an output as a map collects it, or from a step in history."""

from schemas.prompts.evaluations import Answered, Case
from schemas.records.base import Json

_ERROR_FIELDS = frozenset({"code", "message"})


def answered_of(case: Case, repeat: int, output: Json, *, cost_nano: int = 0, latency_ms: int = 0) -> Answered:
    """Return an answer. What a map collects of a child that failed is an answer with an error, and no output."""
    error = error_of(output)
    return Answered(
        case_id=case.id,
        repeat=repeat,
        output=None if error else output,
        cost_nano=cost_nano,
        latency_ms=latency_ms,
        error=error,
    )


def error_of(output: Json) -> str:
    """Return the error that a map collected in place of an output, ``""`` if it is an output."""
    match output:
        case {"error": {"code": str() as code, "message": str() as message}} if len(output) == 1:
            return f"{code}: {message}" if set(output["error"]) <= _ERROR_FIELDS else ""
        case _:
            return ""
