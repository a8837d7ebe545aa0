"""Signals: events from outside, and the steps that wait for them.

A signal goes to the first step that waits for its name, in the order of the plan, children by index. One that nobody
waits for is kept and given to the first step that begins to. That step has the signal's data in its entry at once and
a timer that is due at once, which ends it: so a step is never done before it has begun, here as everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from schemas.ids import child_step_id
from schemas.payload import Inline, Payload, inline
from schemas.records.base import ErrorInfo
from schemas.records.timers import SignalTimeout
from schemas.spec.loops import iteration_prefix
from schemas.spec.model import SignalNode
from schemas.tables.signals import GIVEN_MOST
from streams.core.runs.nodes.kind import Compiled, Compiling, Ended, KindRules
from streams.core.runs.plan.arguments import Datum
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step
from streams.core.runs.state.reader import RunReader


@dataclass(frozen=True, slots=True)
class Signal:
    """An event from outside; ``default`` is what the step gives when it did not come in time, ``None``: it fails."""

    name: str
    timeout_ms: int | None
    default: Any
    answers: bool = False


def compile_signal(node: SignalNode, _compiling: Compiling) -> Compiled:
    """Return a wait for a signal."""
    config = node.config
    return Compiled(own=Signal(config.name, config.timeout_ms, config.default, config.answer is not None))


def start(run: RunChanges, node: PlanNode, step_id: str, step: Step, _item: Datum | None) -> Step:
    """Return a step that waits for a signal: with its data when one was kept."""
    signal = node.data(Signal)
    timer = SignalTimeout(step_id, step.attempt)
    waits: dict[str, Any] = {"state": "waiting", "waiting_for": f"signal {signal.name}", "timer": None, "due_ms": None}
    kept = next((one for one in run.signals.kept if one.name == signal.name), None)
    if kept is not None:
        left = tuple(one for one in run.signals.kept if one is not kept)
        run.set_signals(replace(run.signals, kept=left, given=given(run, node, kept.id, step_id)))
        waits |= output_of(kept.payload) | {"timer": timer, "due_ms": run.now_ms}
    elif signal.timeout_ms is not None:
        waits |= {"timer": timer, "due_ms": run.now_ms + signal.timeout_ms}
    return msgspec.structs.replace(step, **waits)


def given(run: RunReader, node: PlanNode, signal_id: str, step_id: str) -> tuple[tuple[str, str], ...]:
    """Return which updates steps got, with this one if the node answers it."""
    found = run.signals.given
    return (*found, (signal_id, step_id))[-GIVEN_MOST:] if node.data(Signal).answers else found


def end_of_signal(run: RunChanges, step_id: str, step: Step) -> Ended:
    """End a step whose signal was there before it, or did not come in time."""
    signal = run.node_of(step).data(Signal)
    if step.output is not None:
        return Ended(step_id, output=step.output)
    if signal.default is not None:
        return Ended(step_id, output=inline(signal.default))
    message = f"the signal '{signal.name}' did not come within {signal.timeout_ms} ms; give the node a `default`"
    return Ended(step_id, error=ErrorInfo(code="signal_timeout", message=message, step_id=step_id))


def received(_turn: RunChanges, step_id: str, _step: Step, payload: Payload) -> Ended:
    """End the step that a signal is for; its data is the output."""
    return Ended(step_id, output=payload)


def output_of(payload: Payload) -> dict[str, Any]:
    """Return a payload as the fields of a step."""
    return {"value": payload} if isinstance(payload, Inline) else {"stored": payload}


def is_known(run: RunReader, name: str) -> bool:
    """Return whether any node waits for signals of this name, now or later."""
    nodes = run.plan.nodes.values()
    return any(_is_of(one, name) for node in nodes for one in (node, *(node.body or {}).values()))


def _is_of(node: PlanNode, name: str) -> bool:
    return isinstance(node.own, Signal) and node.own.name == name


def _nodes_now(run: RunReader) -> Iterator[PlanNode]:
    """Yield the nodes of the plan, each loop followed by those of its current iteration."""
    for node in run.plan.nodes.values():
        yield node
        counts = run.maps.get(node.id) if node.body is not None else None
        if counts is not None and counts.open:
            yield from (run.plan.nodes[f"{iteration_prefix(node.id, counts.asked)}{one}"] for one in node.body or ())


def waiting(run: RunReader, name: str) -> tuple[str, Step] | None:
    """Return the step that a signal of this name is for now, if one waits for it."""
    for node in _nodes_now(run):
        if not _is_of(node, name):
            continue
        whole = run.step(node.id)
        for step_id in _step_ids(node, whole):
            step = run.step(step_id)
            if step is not None and step.state == "waiting" and step.output is None:
                return step_id, step
    return None


def _step_ids(node: PlanNode, whole: Step | None) -> list[str]:
    total = whole.total if whole is not None else None
    return [node.id] if total is None else [child_step_id(node.id, index) for index in range(total)]


SIGNAL = KindRules(compile_signal, start, {SignalTimeout: end_of_signal}, on_result=received)
