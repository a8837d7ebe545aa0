"""Switches compiled: which successors a case chooses. Data only; ``deciding`` asks the cases."""

from dataclasses import dataclass

from schemas.spec.check.flow import targets
from schemas.spec.conditions import Condition, compile_condition
from schemas.spec.model import Node, SwitchNode


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


def compile_switch(node: Node, above: frozenset[str]) -> Switch | None:
    """Return the switch that a node is, ``None`` for others. Raises ``BadCondition``."""
    if not isinstance(node, SwitchNode):
        return None
    config = node.config
    cases = tuple(Case(compile_condition(case.when, above), targets(case.to)) for case in config.cases)
    return Switch(cases, None if config.default is None else targets(config.default))


def chose(output: object, target: str) -> bool:
    """Return whether a switch with this output chose a successor."""
    to = output.get("to") if isinstance(output, dict) else None
    return isinstance(to, list) and target in to
