"""Keys of flow control: CEL over ``inputs``, ``tags`` and ``organisation``, evaluated once, when a run is submitted.

``inputs.customer`` or ``has(inputs.tenant) ? inputs.tenant : tags.team``. The language is that of conditions, see
``schemas.spec.conditions``. A key is a text, a number, true, false or null. Only its hash is recorded, so that every
reader of the record decides alike.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import orjson
from cel_expr_python import cel

from schemas.errors import InvalidInput, Problem
from schemas.records.base import Json
from schemas.records.flow import FlowGate, GateKind, RunFlow
from schemas.spec.conditions import BadCondition, compile_in, config_of_conditions, unreadable
from schemas.spec.flow import ConcurrencyRule, DebounceRule, RateRule
from schemas.spec.inputs.condition_inputs import NOTHING_READ, InputsRead, inputs_of_texts
from schemas.spec.model import WorkflowSpec

NAMES = ("inputs", "tags", "organisation")
_KINDS = (cel.Type.STRING, cel.Type.INT, cel.Type.UINT, cel.Type.DOUBLE, cel.Type.BOOL, cel.Type.NULL, cel.Type.DYN)
_FIX = "write an expression whose value is a text, a number, true, false or null, such as inputs.customer"
#: Of the SHA-256: enough that no two keys of a deployment are ever equal by chance.
_KEY_CHARS = 32
_ERROR_CHARS = 300


@lru_cache(maxsize=1_000)
def compile_key(text: str) -> cel.Expression:
    """Compile a key. Raises ``BadCondition``."""
    program = compile_in(_environment(), text, lambda: ", ".join(NAMES))
    if program.return_type() not in _KINDS:
        raise BadCondition(f"it gives a value of type {program.return_type().name()}", _FIX)
    return program


def run_flow(
    spec: WorkflowSpec, org_id: str, inputs: Mapping[str, Json], tags: Mapping[str, str], submitted_at_ms: int
) -> RunFlow | None:
    """Return the gates of a run, ``None`` for a workflow without flow control. ``inputs`` are complete.

    Raises ``InvalidInput`` for a key that cannot be computed: a run without a key would pass the rule.
    """
    flow = spec.flow
    if flow is None:
        return None
    values = {"inputs": inputs, "tags": dict(tags), "organisation": org_id}
    problems: list[Problem] = []
    gates: list[FlowGate] = []
    for path, rule in flow.rules:
        value, fault = _value(rule.key, values)
        if fault:
            fix = (
                f"send what it reads, or write the key so that it has a value without, as with has(); it is {rule.key}"
            )
            problems.append(Problem(f"flow.{path}.key", f"cannot be computed of this submission: {fault}", fix))
        else:
            gates.append(_gate(rule, f"{org_id}\0{spec.name}", value))
    if problems:
        raise InvalidInput.of(*problems)
    return RunFlow(version=spec.version, submitted_at_ms=submitted_at_ms, gates=sorted(gates, key=_order))


def check_without_inputs(spec: WorkflowSpec) -> None:
    """Raise ``InvalidInput`` for keys that read inputs: those of a run with a data subject are sealed in the log."""
    said = "reads inputs, which are sealed in a run with a data subject"
    fix = "write the key over tags, and send what tells runs apart as a tag that is no personal data"
    _refuse(spec, lambda read: read != NOTHING_READ, said, fix)


def check_are_inline(spec: WorkflowSpec, stored: Collection[str]) -> None:
    """Raise ``InvalidInput`` for keys that read inputs which are stored outside of the record."""
    said = f"reads inputs that are stored as objects: {', '.join(sorted(stored)[:20])}"
    fix = "write the key over a short input or a tag, or submit a run of its own"
    _refuse(spec, lambda read: bool(stored) and (read.whole or not read.named.isdisjoint(stored)), said, fix)


def _refuse(spec: WorkflowSpec, is_refused: Callable[[InputsRead], bool], said: str, fix: str) -> None:
    rules = [] if spec.flow is None else spec.flow.rules
    keys = [(path, inputs_of_texts([rule.key])) for path, rule in rules if rule.key is not None]
    if problems := [Problem(f"flow.{path}.key", said, fix) for path, read in keys if is_refused(read)]:
        raise InvalidInput.of(*problems)


def _value(text: str | None, values: Mapping[str, Any]) -> tuple[Json, str]:
    """Return the value of a key, and why there is none."""
    if text is None:
        return None, ""
    if fault := unreadable([values["inputs"], values["tags"]]):
        return None, fault
    result = compile_key(text).eval(data=values)
    kind = result.type()
    if kind == cel.Type.ERROR:
        return None, str(result.value()).partition(": ")[2][:_ERROR_CHARS] or "it has no value"
    if kind not in _KINDS:
        return None, f"it gives a value of type {kind.name()}, not a text, a number, true, false or null"
    value = result.value()
    return (value if isinstance(value, str | bool | int | float) else None), ""


def _gate(rule: ConcurrencyRule | RateRule | DebounceRule, scope: str, value: Json) -> FlowGate:
    text = rule.key or ""

    def key(kind: GateKind) -> str:
        named = f"{scope}\0{kind}\0{text}\0".encode() + orjson.dumps(value)
        return hashlib.sha256(named).hexdigest()[:_KEY_CHARS]

    if isinstance(rule, ConcurrencyRule):
        kind: GateKind = "concurrency"
        return FlowGate(kind=kind, key=key(kind), rule=text, limit=rule.limit, on_excess=rule.on_excess)
    if isinstance(rule, RateRule):
        kind, per_ms = "rate", rule.per_ms
        return FlowGate(kind=kind, key=key(kind), rule=text, limit=rule.limit, on_excess=rule.on_excess, per_ms=per_ms)
    kind, most_ms = "debounce", rule.max_wait_ms
    return FlowGate(kind=kind, key=key(kind), rule=text, period_ms=rule.period_ms, max_wait_ms=most_ms)


_PLACES: Mapping[str, int] = {"debounce": 0, "concurrency": 1, "rate": 2}


def _order(gate: FlowGate) -> tuple[int, bool, str]:
    """Return the place of a gate: one order for all versions of a workflow, so that no two runs wait for each other.

    Keys of some runs come before that of all runs.
    """
    return _PLACES[gate.kind], not gate.rule, gate.rule


@lru_cache(maxsize=1)
def _environment() -> cel.Env:
    variables = {
        "inputs": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
        "tags": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
        "organisation": cel.Type.STRING,
    }
    return cel.NewEnv(config=config_of_conditions(), variables=variables)
