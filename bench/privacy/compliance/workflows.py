"""Workflows of a seed whose truth is known by construction: which nodes can send a class to a provider that may not.

Nodes give a class (a tool's declaration, an input's label), pass on what they read, or ask a model. Truth is what can
be reached over references, lists and conditions, computed here by sets of node ids and not by labels. A condition tells
of what it reads by all that runs after it.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.compliance.facts import Facts, FactsDocument, FactsEntry
from schemas.compliance.shipped import SHIPPED
from schemas.policies.document import Policy
from schemas.policies.read import read_policy
from schemas.records.security.pinned import ToolSecurity
from schemas.spec.hash import resolve
from schemas.spec.inputs.known_inputs import ArgumentNames
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec

PROMPTS = {"ask@1": PinnedPrompt(name="ask", version=1, template="Read {{word}}", hash="0" * 64)}
TOOLS: Final = {
    "people": ToolSecurity(source=["user", "class:pii"]),
    "vault": ToolSecurity(source=["user", "class:secret"]),
    "weather": ToolSecurity(source=["user"]),
}
TAKES: Final = ArgumentNames({("tool", name): frozenset({"q"}) for name in TOOLS})
#: Providers and what an organisation states of them; of the last one nothing is known.
STATED: Final = FactsDocument(
    providers=(
        FactsEntry(route="europe", regions=("eu-west-1",), retention_days=0, trains=False),
        FactsEntry(route="america", regions=("us-east-1",), retention_days=0, trains=False),
        FactsEntry(route="keeper", regions=("eu",), retention_days=90, trains=False),
        FactsEntry(route="trainer", regions=("eu",), retention_days=0, trains=True),
    )
)
ROUTES: Final = ("europe/m", "america/m", "keeper/m", "trainer/m", "nobody/m", "local/local-silver")
#: By class, the providers that meet the demands below.
MEETS: Final = {"pii": {"europe", "local"}, "secret": {"local"}}
POLICY: Final[Policy] = read_policy(
    {
        "name": "bench",
        "effects": "allow",
        "inputs": {"*": {"$.person": ["user", "class:pii"]}},
        "compliance": {
            "residency": {"pii": ["eu"]},
            "retention": {"pii": 30},
            "no_training": ["pii", "secret"],
            "providers": {"secret": ["local"]},
        },
    }
)
FACTS: Final = Facts(SHIPPED, STATED, 1)


@dataclass(frozen=True, slots=True)
class Known:
    """A workflow and its truth: by node and class, the routes that it can send the class to and may not.

    ``sources`` are, by node and class, the nodes or inputs where data of the class may come in on a way to it.
    """

    workflow: ResolvedSpec
    forbidden: dict[tuple[str, str], set[str]]
    sources: dict[tuple[str, str], set[str]]


@dataclass(slots=True)
class _Making:
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)
    #: By node, the sources of each class in what it gives.
    gives: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    #: The same in what decided that it runs.
    control: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    forbidden: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    sources: dict[tuple[str, str], set[str]] = field(default_factory=dict)


def known_workflow(seed: int) -> Known:
    """Return the workflow of a seed."""
    rng, making = random.Random(seed), _Making()  # noqa: S311 - workflows of a seed
    for n in range(rng.randint(4, 12)):
        _add(making, f"n{n}", rng)
    document = {"name": "flow", "version": 1, "allow_unknown_inputs": True}
    spec = WorkflowSpec.model_validate(document | {"dag": {"nodes": making.nodes, "edges": making.edges}})
    return Known(resolve(spec, PROMPTS), making.forbidden, making.sources)


def _add(making: _Making, id_: str, rng: random.Random) -> None:
    earlier = [node["id"] for node in making.nodes]
    read = sorted(rng.sample(earlier, min(len(earlier), rng.randint(1, 2)))) if earlier and rng.random() < 0.85 else []
    making.edges += [{"from": one, "to": id_} for one in read]
    node, bound, own = _node(id_, read, rng)
    content = _joined([own, *(making.gives[one] for one in bound)])
    chosen = _joined(making.control[one] for one in read)
    if read and rng.random() < 0.2:
        node["config"]["condition"] = f"{read[0]}.output != 'x'"
        chosen = _joined([chosen, making.gives[read[0]]])
    if node["type"] == "llm":
        _judge(making, node, content, rng)
    making.nodes.append(node)
    making.gives[id_] = _joined([content, chosen])
    making.control[id_] = chosen


def _node(id_: str, read: list[str], rng: random.Random) -> tuple[dict[str, Any], list[str], dict[str, set[str]]]:
    """Return a node, the nodes whose outputs it binds, and what it brings in by itself, by class."""
    kind = rng.choice(["tool", "function", "function", "llm", "llm"])
    own: dict[str, set[str]] = {}
    bound = read[: rng.randint(0, 2)]
    values: list[str] = [f"{one}.output" for one in bound]
    if rng.random() < 0.25:
        values.append("{{person}}")
        own["pii"] = {"inputs.person"}
    value: Any = values[0] if len(values) == 1 else values
    if kind == "tool":
        name = rng.choice(sorted(TOOLS))
        found = {"people": "pii", "vault": "secret"}.get(name)
        if found is not None:
            own = {**own, found: own.get(found, set()) | {id_}}
        config: dict[str, Any] = {"tool_name": name, "tool_args": {"q": value}, "inputs": {}}
    elif kind == "function":
        config = {"function_name": "f", "function_args": {"x": value}, "inputs": {}}
    else:
        config = {"prompt_ref": "ask@1", "inputs": {"word": value}}
    if kind != "llm" and rng.random() < 0.2:
        # Without inputs of its own a node takes what is before it, or else what the run was given.
        del config["inputs"]
        bound = read
        if not read:
            own = {**own, "pii": own.get("pii", set()) | {"inputs"}}
    return {"id": id_, "type": kind, "config": config}, bound, own


def _judge(making: _Making, node: dict[str, Any], content: dict[str, set[str]], rng: random.Random) -> None:
    """Let a node ask one route, one of a list, or the default; note what it may not."""
    how = rng.choice(["pinned", "pinned", "listed", "default"])
    asked = ["local/local-silver"]
    if how == "pinned":
        asked = [rng.choice(ROUTES)]
        node["config"]["provider"], node["config"]["model"] = asked[0].split("/")
    elif how == "listed":
        asked = sorted(rng.sample(ROUTES, 2))
        node["policy"] = {"route": {"by": "best", "models": asked}}
    for name, sources in content.items():
        bad = {route for route in asked if route.partition("/")[0] not in MEETS[name]}
        if sources and bad:
            making.forbidden[node["id"], name] = bad
            making.sources[node["id"], name] = set(sources)


def _joined(parts: Iterable[dict[str, set[str]]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in parts:
        for name, sources in part.items():
            found[name] = found.get(name, set()) | sources
    return found
