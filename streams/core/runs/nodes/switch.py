"""Nodes of type ``switch``: the first case whose condition holds chooses the successors. It succeeds at once."""

from dataclasses import dataclass

from schemas.payload import Inline
from schemas.records.base import Json
from schemas.spec.check.flow import targets
from schemas.spec.conditions import Condition, compile_condition
from schemas.spec.model import SwitchNode
from streams.core.runs.nodes.decide import ask
from streams.core.runs.nodes.kind import Compiled, Compiling, KindRules
from streams.core.runs.plan.arguments import Datum, Scope
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.requests.step_request import node_scope
from streams.core.runs.state.changes import RunChanges
from streams.core.runs.state.entries import Step


@dataclass(frozen=True, slots=True)
class Case:
    """A condition and the successors that it chooses."""

    when: Condition
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """Cases in their order, and what is chosen where none holds."""

    cases: tuple[Case, ...]
    default: tuple[str, ...] | None


def compile_switch(node: SwitchNode, compiling: Compiling) -> Compiled:
    """Return a switch. Raises ``BadCondition``."""
    config = node.config
    cases = tuple(Case(compile_condition(case.when, compiling.above), targets(case.to)) for case in config.cases)
    own = Switch(cases, None if config.default is None else targets(config.default))
    return Compiled(own=own, cases=tuple(case.when for case in cases))


def start(run: RunChanges, node: PlanNode, _step_id: str, step: Step, _item: Datum | None) -> Step:
    """Return a switch's step, which has chosen. Raises ``BindingError``."""
    output, note = _choice(node.id, node.data(Switch), node_scope(run, node, step))
    now = run.now_ms
    return Step(
        node.id,
        "succeeded",
        value=Inline(value=output),
        note=note,
        requested_at_ms=now,
        started_at_ms=now,
        finished_at_ms=now,
    )


def chose(output: object, target: str) -> bool:
    """Return whether a switch with this output chose a successor."""
    to = output.get("to") if isinstance(output, dict) else None
    return isinstance(to, list) and target in to


def _choice(node_id: str, switch: Switch, scope: Scope) -> tuple[dict[str, Json], str | None]:
    notes: list[str] = []
    for number, case in enumerate(switch.cases):
        answer = ask(node_id, case.when, scope)
        if answer.holds:
            return {"case": number, "to": list(case.to)}, _joined(notes)
        if answer.note is not None:
            notes.append(f"case {number}: {answer.note}")
    if switch.default is not None:
        return {"case": "default", "to": list(switch.default)}, _joined(notes)
    return {"case": None, "to": []}, _joined([*notes, "no case holds and there is no default"])


def _joined(notes: list[str]) -> str | None:
    return "; ".join(notes)[:1000] or None


SWITCH = KindRules(compile_switch, start, chooses=True)
