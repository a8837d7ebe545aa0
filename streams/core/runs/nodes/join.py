"""When a node runs and when it is skipped: its join over the edges that lead to it.

An edge is *open* until its source is settled. Then it is *taken* if the source succeeded, and, of a switch, chose it.
Else it is *untaken*: the source was skipped, is optional and failed, or is a switch that chose others.

| join | runs | is skipped |
|---|---|---|
| none given | no edge is open, and one is taken | no edge is open, and none is taken |
| ``all`` | all edges are taken | as soon as one edge is untaken |
| ``any`` | as soon as one edge is taken | no edge is open, and none is taken |
| ``all_done`` | no edge is open | never |

What a join says stays said: edges are only ever closed. A node without predecessors runs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from schemas.run_states import TERMINAL_STEP
from schemas.spec.model import Join
from streams.core.runs.nodes.switch import chose
from streams.core.runs.plan.model import PlanNode
from streams.core.runs.state.reader import RunReader

Edge = Literal["open", "taken", "untaken"]
Verdict = Literal["wait", "run", "skip"]


def verdict(run: RunReader, node: PlanNode) -> Verdict:
    """Return what the edges that lead to a node say of it now."""
    return JOINS[node.join]([edge(run, source, node) for source in node.predecessors])


def edge(run: RunReader, source: str, node: PlanNode) -> Edge:
    """Return what the edge is that leads from ``source`` to a node."""
    step = run.step(source)
    if step is None or step.state not in TERMINAL_STEP:
        return "open"
    taken = step.state == "succeeded"
    if taken and source in node.switches:
        taken = step.value is not None and chose(step.value.value, node.name)
    return "taken" if taken else "untaken"


def why_skipped(run: RunReader, node: PlanNode) -> str:
    """Return the note of a node that its join skips."""
    untaken = [source for source in node.predecessors if edge(run, source, node) == "untaken"]
    elsewhere = next((source for source in untaken if source in node.switches and run.succeeded(source)), None)
    if elsewhere is not None:
        return f"'{elsewhere}' did not choose it"
    return f"'{untaken[0]}' did not succeed, and it joins all" if node.join == "all" else "no step before it succeeded"


def unseen(run: RunReader, node: PlanNode) -> tuple[str, ...]:
    """Return the ancestors that still run when a node starts early."""
    return tuple(source for source in node.ancestors if not run.settled(source))


def _one_of_all(edges: Sequence[Edge]) -> Verdict:
    if "open" in edges:
        return "wait"
    return "run" if "taken" in edges or not edges else "skip"


def _all(edges: Sequence[Edge]) -> Verdict:
    if "untaken" in edges:
        return "skip"
    return "wait" if "open" in edges else "run"


def _any(edges: Sequence[Edge]) -> Verdict:
    if "taken" in edges:
        return "run"
    return "wait" if "open" in edges else "skip"


def _all_done(edges: Sequence[Edge]) -> Verdict:
    return "wait" if "open" in edges else "run"


JOINS: Mapping[Join | None, Callable[[Sequence[Edge]], Verdict]] = {
    None: _one_of_all,
    "all": _all,
    "any": _any,
    "all_done": _all_done,
}
