"""Runs whose data has labels: their security, and what a test asks of them."""

from typing import Any

from schemas.labels.label import TRUSTED, UNLABELLED, Integrity, Label, joined, label_of
from schemas.labels.mapped import Labels
from schemas.records.security.pinned import RunSecurity, ToolSecurity
from schemas.records.steps import StepRequest
from schemas.spec.rules_version import LABELS
from tests.support.runs import World, submitted

USER = Label(Integrity.USER)
WEB = Label(Integrity.WEB)

#: What the tests' tools are: a search that brings in the web, a table of our own, a mail that has an effect.
TOOLS = {
    "search": ToolSecurity(source=["web", "from:search"], fields={"$.id": ["trusted"]}),
    "table": ToolSecurity(source=["trusted", "class:pii"]),
    "mail": ToolSecurity(source=["trusted"], effects=True, sinks={"to": "recipient"}),
}


def security(inputs: dict[str, list[str]] | None = None, **more: Any) -> RunSecurity:
    """The security of a run; its inputs are a user's unless told otherwise."""
    fields: dict[str, Any] = {"policy": "p@1", "policy_hash": "h", "tools": TOOLS, "inputs": inputs or {"$": ["user"]}}
    return RunSecurity(**(fields | more))


def tool(id_: str, name: str, policy: dict[str, Any] | None = None, *, join: str = "", **config: Any) -> dict[str, Any]:
    """A node of type tool."""
    node = {"id": id_, "type": "tool", "config": {"tool_name": name} | config, "policy": policy or {}}
    return node | {"join": join} if join else node


class Labelled(World):
    """A run whose data has labels."""

    def begin(self, spec: Any, inputs: dict[str, Any] | None = None, **more: Any) -> None:
        """Submit a run of a resolved spec."""
        fields: dict[str, Any] = {"security": security(), "rules_version": LABELS, "inputs": inputs or {}}
        self.feed(submitted(spec, **(fields | more)))

    def asked_of(self, step_id: str) -> StepRequest:
        """The last request for a step."""
        return next(one for one in reversed(self.requests) if one.step_id == step_id)

    def args(self, step_id: str) -> Labels:
        """The labels of a step's arguments."""
        said = self.asked_of(step_id).security
        assert said is not None
        return Labels.read(said.args)

    def control(self, step_id: str) -> Label:
        """The label of what decided a step, as its request says."""
        said = self.asked_of(step_id).security
        assert said is not None
        return label_of(said.control)

    def decided(self, step_id: str) -> Label:
        """The label of what decided a step, as it is stored."""
        return label_of(self.step(step_id).decided)

    def given(self, step_id: str) -> Labels:
        """The labels of a step's output, as they are stored."""
        return Labels.read(self.step(step_id).output.labels)


__all__ = ["TOOLS", "TRUSTED", "UNLABELLED", "USER", "WEB", "Labelled", "joined", "security", "tool"]
