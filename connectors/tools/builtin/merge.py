"""``result_merger``: several results merged into one, in the order of the inputs."""

from collections.abc import Callable
from typing import Any, Literal

from connectors.tools.registry import function
from schemas.errors import StepError

Strategy = Literal["priority", "concat", "deep"]


@function("result_merger", blocking=False)
def merge(*, strategy: Strategy = "priority", **inputs: Any) -> Any:
    """Merge the inputs: ``priority`` (the first that is there), ``concat`` (all in a row), ``deep`` (objects into one).

    ``concat`` joins texts by an empty line and lists end to end; a mixture becomes a list. ``deep`` merges objects key
    by key and lists end to end; where both say something else, the later input wins.
    """
    if not inputs:
        raise StepError("bad_arguments", "result_merger needs at least one input; name the nodes to merge in 'inputs'")
    return _STRATEGIES[strategy]([value for value in inputs.values() if value is not None])


def _priority(values: list[Any]) -> Any:
    return next((value for value in values if value not in ("", [], {})), values[0] if values else None)


def _concat(values: list[Any]) -> Any:
    if all(isinstance(value, str) for value in values):
        return "\n\n".join(values)
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _deep(values: list[Any]) -> Any:
    merged: Any = None
    for value in values:
        merged = _merged(merged, value)
    return merged


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    return old if new is None else new


_STRATEGIES: dict[Strategy, Callable[[list[Any]], Any]] = {"priority": _priority, "concat": _concat, "deep": _deep}
