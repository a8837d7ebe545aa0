"""Lines of calls that a policy allowed: what the web says never changes their trusted arguments."""

from collections.abc import Mapping, Sequence

from bench.flow.dags import random_workflow
from bench.flow.differences import changed
from bench.flow.play import Allows, play
from bench.lines import Line
from bench.prove.area import Aim, at_least, at_most
from deploy.local.engines.progress import Progress
from schemas.labels.label import label_of
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.policies.facts import ToolFacts, Where
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.security.pinned import UNDECLARED
from schemas.records.steps import StepRequest, ToolCall

DAGS, QUICK_DAGS = 1_000, 150
POLICY = {"name": "bench", "extends": ["default"]}
AIMS = (
    Aim("noninterference_changed", "calls", at_most(0), at_most(0)),
    Aim("noninterference_allowed", "calls", at_least(50)),
    Aim("noninterference_denied", "calls", at_least(50)),
    Aim("interference_without_policy", "calls", at_least(10)),
)


def allowed_by(document: Mapping[str, Json]) -> Allows:
    """Return what a policy's document allows."""
    rules = compile_policy(read_policy(document))

    def allows(request: StepRequest) -> bool:
        said = request.security
        if not isinstance(request.work, ToolCall) or said is None:
            return True
        labels, tool = Labels.read(said.args), said.tool or UNDECLARED
        facts = ToolFacts(
            where=Where(
                org=request.org_id,
                workflow=request.workflow_name,
                node=request.node_id,
                kind="agent" if said.agent else "tool",
            ),
            tool=request.work.name,
            security=tool,
            # Of what comes by itself a call takes only what it names, and these tools name their sinks.
            args={name: value for name, value in request.args.items() if name in tool.sinks},
            labels=labels,
            control=label_of(said.control),
            context=label_of(said.context) if said.context else labels.whole,
        )
        return rules.tool_call(facts).verdict == "allow"

    return allows


def measure(quick: bool, progress: Progress) -> Sequence[Line]:
    """Play random DAGs twice by the default pack, the web being another one, and once more without any policy."""
    dags = QUICK_DAGS if quick else DAGS
    progress(f"flow: {dags} DAGs in two worlds by the default pack")
    allows = allowed_by(POLICY)
    allowed, denied, differing, without = 0, 0, 0, 0
    first = ""
    for seed in range(dags):
        resolved = random_workflow(seed, hasty=False)
        plays = play(resolved, "a", allows), play(resolved, "b", allows)
        for one, other in (plays, plays[::-1]):
            count, found = changed(one, other)
            allowed, differing = allowed + count, differing + len(found)
            denied += len(one.denied)
            first = first or (f"; first in {seed}: {found[0]}" if found else "")
        without += _changed_without(seed)
    note = f"{dags} DAGs, twice each{first}"
    return [
        Line("noninterference_changed", "calls", (float(differing),), note),
        Line("noninterference_allowed", "calls", (float(allowed),), "with effects"),
        Line("noninterference_denied", "calls", (float(denied),), "a question is answered by no"),
        Line("interference_without_policy", "calls", (float(without),), "whose sinks the web changes: the control"),
    ]


def _changed_without(seed: int) -> int:
    """Return how many calls another web changes in an argument that decides an effect, or leaves out."""
    resolved = random_workflow(seed, hasty=False)
    _, found = changed(play(resolved, "a"), play(resolved, "b"), whatever=True)
    return len(found)
