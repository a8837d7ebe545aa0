"""A workflow of the model world: 12 to 40 steps with maps and agents, made from a seed."""

import random
from dataclasses import dataclass, field, replace
from typing import Literal

from schemas.ids import content_hash

WorkKind = Literal["llm", "tool", "function", "agent", "timer"]
ROUTES = (("openai", "gpt-4o-mini"), ("anthropic", "claude-haiku-4-5"), ("google", "gemini-2.5-flash"))
TOOLS = ("search", "crm_lookup", "price_feed", "fetch_page")
_KINDS: tuple[WorkKind, ...] = ("llm", "llm", "llm", "tool", "tool", "function", "function", "agent")


@dataclass(frozen=True)
class WorldNode:
    """A node. ``width``: children of a map, 0 for no map. ``typical_ms`` is the median time of one try.
    ``turns`` of an agent: 0 for two to five, by its inputs. ``varies``: equal inputs have another answer each time.
    ``guarded``: guards look at its calls.

    ``strict``: it fails on a bad value among its inputs. ``binding`` and ``settings`` stand for what its definition
    says about its inputs and about itself.
    """

    id: str
    kind: WorkKind
    needs: tuple[str, ...] = ()
    width: int = 0
    turns: int = 0
    route: tuple[str, str] = ROUTES[0]
    tool: str = ""
    prompt_version: int = 1
    typical_ms: float = 400.0
    strict: bool = False
    optional: bool = False
    varies: bool = False
    guarded: bool = False
    binding: str = ""
    settings: str = ""

    @property
    def hash(self) -> str:
        """The hash of what the node says."""
        said = (self.id, self.kind, self.needs, self.prompt_version, self.binding, self.settings, self.tool)
        return content_hash(repr(said).encode())


@dataclass(frozen=True)
class World:
    """A workflow as one version of it says. ``deadline_ms``: how long a run may take; 0 for no limit."""

    name: str
    nodes: tuple[WorldNode, ...]
    version: int = 1
    deadline_ms: float = 0.0
    tags: dict[str, str] = field(default_factory=lambda: {"environment": "production"})

    @property
    def hash(self) -> str:
        """The hash of the definition."""
        return content_hash("".join(node.hash for node in self.nodes).encode())

    @property
    def by_id(self) -> dict[str, WorldNode]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    def with_node(self, node: WorldNode) -> "World":
        """Return the next version, in which one node is another."""
        nodes = tuple(node if one.id == node.id else one for one in self.nodes)
        return replace(self, nodes=nodes, version=self.version + 1)

    def below(self, node_id: str) -> list[str]:
        """Return the nodes that wait for a node, directly or not, in topological order."""
        found: list[str] = []
        for node in self.nodes:
            if node_id in node.needs or any(one in found for one in node.needs):
                found.append(node.id)
        return found


def random_world(rng: random.Random, name: str = "model-world") -> World:
    """Return a workflow of 12 to 40 steps: layers of nodes, one or two maps, maybe an agent and a timer."""
    steps = rng.randint(12, 40)
    nodes: list[WorldNode] = []
    maps = rng.randint(1, 2)
    used = 0
    while used < steps:
        width = 0
        if maps and len(nodes) >= 2 and (rng.random() < 0.3 or steps - used < 10):
            width, maps = min(rng.randint(3, 8), max(3, steps - used - 1)), maps - 1
        node = _random_node(rng, len(nodes), [one.id for one in nodes], width)
        nodes.append(node)
        used += 1 + width
    ends = [one.id for one in nodes if not any(one.id in other.needs for other in nodes)]
    nodes.append(WorldNode(f"n{len(nodes)}", "function", needs=tuple(ends), strict=True, typical_ms=30.0))
    return World(name, tuple(nodes))


def _random_node(rng: random.Random, number: int, before: list[str], width: int) -> WorldNode:
    kind: WorkKind = rng.choice(_KINDS)
    if width and kind == "agent":
        kind = "llm"
    needs = tuple(rng.sample(before[-6:], min(len(before), rng.choice((1, 1, 2, 3))))) if number else ()
    typical = {"llm": 900.0, "tool": 250.0, "function": 20.0, "agent": 900.0, "timer": 1_000.0}[kind]
    return WorldNode(
        f"n{number}",
        kind,
        needs=needs,
        width=width,
        route=rng.choice(ROUTES),
        tool=rng.choice(TOOLS) if kind in {"tool", "agent"} else "",
        prompt_version=rng.randint(1, 9),
        typical_ms=typical * rng.uniform(0.5, 2.0),
        strict=rng.random() < 0.4,
        optional=rng.random() < 0.1,
        guarded=kind == "llm" and rng.random() < 0.3,
    )
