"""What the fold decides by conditions, such as whether a node that is due runs.

A condition sees what a reference would bind, null where that is nothing. It reads only what is here: an output
or an input that is stored outside of its record fails the step that would have to decide by it, rather than decide it
wrong.
"""

from collections.abc import Iterator, Mapping

from schemas.payload import INLINE_LIMIT, Inline, Payload, Reference
from schemas.privacy.sealed import condition_key, is_sealed
from schemas.records.base import Json
from schemas.spec.conditions import Answer, Condition
from streams.core.runs.plan.arguments import BindingError, Output, Outputs, Scope
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.sizes import KIB, json_size

_SHOWN_CHARS = 200


def why_not(node: PlanNode, scope: Scope) -> str | None:
    """Return why a node's condition skips it; ``None`` when it runs. Raises ``BindingError``."""
    condition = node.condition
    if condition is None:
        return None
    answer = ask(node.id, condition, scope)
    if answer.holds:
        return None
    return f"condition: {answer.note or f'{condition.text[:_SHOWN_CHARS]} is false'}"


def ask(node_id: str, condition: Condition, scope: Scope) -> Answer:
    """Return what a condition is now. Raises ``BindingError`` (``condition_unreadable``)."""
    try:
        outputs = {source: _value(node_id, source, scope.outputs(source)) for source in condition.nodes}
        inputs = _inputs(node_id, condition, scope)
    except BindingError:
        # What is sealed cannot be read; then the answer is beside it, if one could be given.
        if (decided := recorded(condition, scope)) is None:
            raise
        return decided
    return condition.evaluate(inputs, outputs)


def recorded(condition: Condition, scope: Scope) -> Answer | None:
    """Return the answer that was found when the values were sealed, ``None`` without one."""
    stored = scope.stored or {}
    names = stored.keys() if condition.inputs is None else condition.inputs & stored.keys()
    read = {name: stored[name] for name in names if is_sealed(stored[name])}
    references = [*read.values(), *_sealed_outputs(condition, scope)]
    key = condition_key(condition.text, key_inputs(read))
    for reference in references:
        holds = reference.decided.get(key)
        if isinstance(holds, bool):
            return Answer(holds)
    return None


def key_inputs(read: Mapping[str, Reference]) -> list[tuple[str, str]]:
    """Return what the name of an answer has of the sealed inputs that a condition reads."""
    return [(name, reference.sha256) for name, reference in read.items()]


def _sealed_outputs(condition: Condition, scope: Scope) -> Iterator[Reference]:
    for source in condition.nodes:
        output = scope.outputs(source)
        if isinstance(output, Reference) and is_sealed(output):
            yield output


def _inputs(node_id: str, condition: Condition, scope: Scope) -> dict[str, Json]:
    inputs, stored = scope.inputs, scope.stored or {}
    names = inputs.keys() if condition.inputs is None else condition.inputs & inputs.keys()
    for name in sorted(names & stored.keys()):
        raise _unreadable(node_id, f"inputs.{name}", stored[name].size, ", which is stored outside of its record")
    return {name: _readable(node_id, f"inputs.{name}", inputs[name]) for name in names}


def _value(node_id: str, source: str, output: Output) -> Json:
    if output is None:
        return None
    if isinstance(output, Outputs):
        return _listed(node_id, source if "." in source else f"{source}.output", output)
    name = source if "." in source else f"{source}.output"
    return _readable(node_id, name, _near(node_id, name, output))


def _listed(node_id: str, name: str, outputs: Outputs) -> list[Json]:
    values: list[Json] = []
    size = 0
    for child in outputs:
        values.append(_near(node_id, name, child))
        size += json_size(values[-1])
        if size > INLINE_LIMIT:
            raise _unreadable(node_id, name, size, f" and more, and the most is {INLINE_LIMIT // KIB}")
    return values


def _near(node_id: str, name: str, payload: Payload) -> Json:
    if isinstance(payload, Inline):
        return payload.value
    raise _unreadable(node_id, name, payload.size, ", which is stored outside of its record")


def _readable(node_id: str, name: str, value: Json) -> Json:
    """Return a value that is not too large to be asked: texts are cheap to read, lists and objects are not."""
    size = json_size(value) if isinstance(value, list | dict) else 0
    if size > INLINE_LIMIT:
        raise _unreadable(node_id, name, size, f", more than {INLINE_LIMIT // KIB}")
    return value


def _unreadable(node_id: str, name: str, size: int, why: str) -> BindingError:
    return BindingError(
        "condition_unreadable",
        f"a condition of '{node_id}' reads {name} with {size // KIB} KiB{why}; let a function return the small part "
        "that decides, and read that",
    )
