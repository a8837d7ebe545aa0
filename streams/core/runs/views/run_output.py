"""Whether the output of a run that is done fits the schema that its workflow has for it."""

from typing import Any

from schemas.payload import Inline, Payload
from schemas.records.base import ErrorInfo
from schemas.values.strict_schemas import broken_keywords
from streams.core.runs.plan.arguments import Outputs
from streams.core.runs.state.reader import RunReader


def output_error(run: RunReader) -> ErrorInfo | None:
    """Return why a run whose nodes are all settled has failed all the same; ``None`` if its output fits.

    The output is an object of what its last nodes gave, by their ids. What is stored outside of its record is not
    there to be checked, so it does not fit.
    """
    schema = run.plan.resolved.spec.output_schema
    if schema is None:
        return None
    values: dict[str, Any] = {}
    for node in run.plan.sinks:
        output = run.output(node.id)
        if output is None:
            continue
        found = _values(output)
        if found is None:
            return _error(
                f"what '{node.id}' gave is stored outside of its record (over 64 KiB), so it cannot be checked"
            )
        values[node.id] = found[0]
    broken = broken_keywords(schema, values)
    return _error("; ".join(broken)) if broken else None


def _values(output: Payload | Outputs) -> tuple[Any] | None:
    """Return an output's value in a tuple, ``None`` where a part of it is stored outside."""
    if isinstance(output, Outputs) and output.gathered is not None:
        output = output.gathered
    if not isinstance(output, Outputs):
        return (output.value,) if isinstance(output, Inline) else None
    values = []
    for one in output:
        if not isinstance(one, Inline):
            return None
        values.append(one.value)
    return (values,)


def _error(said: str) -> ErrorInfo:
    return ErrorInfo(code="bad_output", message=f"the output of the run breaks its `output_schema`: {said}")
