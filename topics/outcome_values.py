"""The rules of values for outcomes of attempts: workers in other languages write them by themselves, without a gate.

The record is read already, by its types. It keeps the last of two equal keys, U+0000 and integers of any length; byte
scans find the few texts that may have one of these, and only those are read again, strictly.
"""

from schemas.errors import BadValue
from schemas.payload import Inline
from schemas.records.base import Json
from schemas.records.run_events import StepFailed, StepSucceeded
from schemas.values.bounds import MAX_DEPTH
from schemas.values.check import value_problems
from schemas.values.json_text import check_text

Outcome = StepSucceeded | StepFailed


def check_outcome(outcome: Outcome, data: bytes, written: bytes, brackets: int) -> None:
    """Raise ``BadValue`` for a value in an outcome that breaks a rule.

    ``data`` is the record as it came, with so many ``brackets``, ``written`` the same record as AgentFlow writes it.
    """
    check_text(data, written)
    if brackets > MAX_DEPTH:
        for value in _values(outcome):
            for problem in value_problems(value):
                raise BadValue("depth", problem)


def _values(outcome: Outcome) -> list[Json]:
    if isinstance(outcome, StepFailed):
        return [outcome.error.details]
    output = [outcome.output.value] if isinstance(outcome.output, Inline) else []
    return [*output, *(call.args for call in outcome.tool_calls)]
