"""What a policy says of the calls of played runs: only what it allows is done, a question is answered by no."""

from collections.abc import Mapping

from bench.flow.play import Allows
from schemas.labels.label import label_of
from schemas.labels.mapped import Labels
from schemas.policies.compiled import compile_policy
from schemas.policies.facts import ToolFacts, Where
from schemas.policies.read import read_policy
from schemas.records.base import Json
from schemas.records.security.pinned import UNDECLARED
from schemas.records.steps import StepRequest, ToolCall


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
