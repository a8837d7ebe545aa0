"""The static check against workflows whose truth is known."""

from dataclasses import dataclass
from itertools import pairwise

from bench.privacy.compliance.workflows import FACTS, POLICY, STATED, TAKES, TOOLS, Known, known_workflow
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.records.security.pinned import UNDECLARED, ToolSecurity
from services.security.flow.check import FlowCheck
from services.security.flow.finding import Finding
from services.security.flow.findings import findings_of
from services.security.flow.ground import USER, Ground
from services.security.flow.judge import Judge
from services.security.flow.walk import flow_of
from services.security.policies.active import Active
from services.security.policies.pinning import security_of
from services.security.policies.surface import Surface


@dataclass(slots=True)
class Checked:
    """How often the check was right. A *send* is a node, a class and a route that may not get it.

    ``ways_wrong`` are ways that do not begin where data of the class comes in, do not end at the node, or take a step
    that is no edge of the workflow.
    """

    workflows: int = 0
    bad_workflows: int = 0
    found_workflows: int = 0
    false_workflows: int = 0
    sends: int = 0
    found: int = 0
    false: int = 0
    ways_wrong: int = 0


def checked(seeds: range) -> Checked:
    """Return what the check says of the workflows of these seeds."""
    result = Checked()
    for seed in seeds:
        _compare(known_workflow(seed), result)
    return result


def _compare(known: Known, result: Checked) -> None:
    said = {(one.node, one.data_class, one.subject): one for one in _findings(known)}
    true = {(node, name, route) for (node, name), routes in known.forbidden.items() for route in routes}
    result.workflows += 1
    result.bad_workflows += bool(true)
    result.found_workflows += bool(true) and true <= said.keys()
    result.false_workflows += not true and bool(said)
    result.sends += len(true)
    result.found += len(true & said.keys())
    result.false += len(said.keys() - true)
    for key in true & said.keys():
        node, name, _ = key
        way = said[key].way
        well = way and way[-1] == node and way[0] in known.sources[node, name]
        result.ways_wrong += not (well and _is_path(known, way))


def _is_path(known: Known, way: tuple[str, ...]) -> bool:
    edges = {(edge.source, edge.target) for edge in known.workflow.spec.dag.edges}
    steps = pairwise(one for one in way if not one.startswith("inputs"))
    return all(step in edges for step in steps)


def _findings(known: Known) -> list[Finding]:
    def declared(_kind: str, name: str) -> ToolSecurity:
        return TOOLS.get(name, UNDECLARED)

    active, surface = Active(POLICY, 1, "enforce", POLICY.hash), Surface.of(known.workflow)
    door = Labels.of_whole(USER)
    security = security_of(active, POLICY.declarations, door, known.workflow.spec.name, surface, declared)
    ground = Ground(security.tools, Labels.read(security.inputs), arguments=TAKES)
    judge = Judge(compile_policy(POLICY), "acme", FACTS)
    found = findings_of(flow_of(known.workflow, ground), ground, judge)
    return [one for one in found if one.data_class]


def registration_check() -> FlowCheck:
    """Return the same check as a registration has it."""
    return FlowCheck("acme", "bench@1", POLICY, TOOLS, TAKES, STATED)
