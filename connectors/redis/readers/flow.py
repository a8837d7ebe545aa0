"""Why a run waits at a gate of flow control: pure, of the entries of ``schemas.tables.flow``."""

from schemas.records.flow import FlowGate
from schemas.tables.flow import FlowKey, FlowRun
from schemas.tables.wait_reasons import Wait


def gate_of(run: FlowRun) -> FlowGate | None:
    """Return the gate that a run has not passed, ``None`` behind the last."""
    return run.gates[run.passed] if run.passed < len(run.gates) else None


def why_at_gate(run: FlowRun, gate: FlowGate, key: FlowKey) -> Wait:
    """Return why a run waits at a gate, with those before it in the line of its key."""
    on = f"key {gate.rule}" if gate.rule else f"workflow {run.workflow}"
    if run.end is not None:
        return Wait("admission", detail=f"flow control ends it ({run.end.code}): {run.end.message}")
    if gate.kind == "debounce":
        detail = f"debounce {on}: it starts when no other run of the key is submitted for {gate.period_ms} ms"
        return Wait("debounce", on, key.due_ms or None, detail)
    before = run.number - key.head
    place = f"; at most {before} runs are before it" if before > 0 else "; it is the first"
    if gate.kind == "rate":
        said = f"{key.last - key.first} of {key.limit} runs have started within {key.per_ms} ms"
        return Wait("rate", on, key.due_ms or None, f"rate {on}: {said}{place}")
    said = f"{key.held} of {key.limit} runs hold it"
    return Wait("concurrency", on, None, f"concurrency {on}: {said}{place}")


def room_at_gate(gate: FlowGate, key: FlowKey, now_ms: int) -> Wait | None:
    """Return why a run that is submitted now would not pass a gate, ``None`` if it would."""
    on = f"key {gate.rule}" if gate.rule else "workflow"
    if gate.kind == "debounce":
        return Wait("debounce", on, now_ms + gate.period_ms, f"debounce {on}: it waits {gate.period_ms} ms for others")
    held, most = (key.last - key.first if gate.kind == "rate" else key.held), (key.limit or gate.limit)
    if held < most and not key.waiting:
        return None
    becomes = {"queue": "it would wait", "reject": "it would be refused"}.get(gate.on_excess, "the oldest is canceled")
    return Wait(gate.kind, on, None, f"{gate.kind} {on}: {held} of {most} are taken and {key.waiting} wait; {becomes}")
