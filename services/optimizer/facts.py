"""What happened: one fact for each call, grouped by the node that made it and the model that answered."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from connectors.clickhouse.call_facts import CallFact
from schemas.prompts.effective import effective
from schemas.spec.model import LlmConfig, LlmNode, PinnedPrompt

_NO_PROMPTS: Mapping[str, PinnedPrompt] = {}


class Place(NamedTuple):
    """Where calls are made and who answers them."""

    workflow: str
    node_id: str
    provider: str
    model: str

    @property
    def route(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model}"


class Group(Struct, frozen=True, kw_only=True):
    """The calls of a place, oldest first, and the node as the newest version of the workflow has it.

    ``prompt`` is what its ``prompt_ref`` names now.
    """

    place: Place
    node: LlmNode
    calls: tuple[CallFact, ...]
    prompt: PinnedPrompt | None = None

    @property
    def config(self) -> LlmConfig:
        """The node's configuration with what its prompt's version gives."""
        return effective(self.node, self.prompt)

    @property
    def cost_nano(self) -> int:
        """What the calls cost."""
        return sum(call.cost_nano for call in self.calls)


def grouped(
    facts: Iterable[CallFact],
    nodes: Mapping[tuple[str, int, str], LlmNode],
    prompts: Mapping[str, PinnedPrompt] = _NO_PROMPTS,
) -> list[Group]:
    """Return the groups, the dearest first. ``prompts`` are what the nodes' references name now.

    ``nodes`` has the newest form of a node, by workflow, version and id, for the versions in which it is the same:
    calls of others say nothing about the node of today.
    """
    found: dict[Place, list[CallFact]] = {}
    forms: dict[Place, LlmNode] = {}
    for fact in facts:
        node = nodes.get((fact.workflow, fact.version, fact.node_id))
        if node is None:
            continue
        place = Place(fact.workflow, fact.node_id, fact.provider, fact.model)
        forms[place] = node
        found.setdefault(place, []).append(fact)
    groups = [
        Group(
            place=place,
            node=forms[place],
            calls=tuple(sorted(calls, key=lambda call: call.at_ms)),
            prompt=prompts.get(forms[place].config.prompt_ref),
        )
        for place, calls in found.items()
    ]
    return sorted(groups, key=lambda group: (-group.cost_nano, group.place))
