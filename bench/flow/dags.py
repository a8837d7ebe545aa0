"""Random workflows: all kinds of nodes, maps, switches, conditions, loops, agents and other workflows."""

import random
from collections.abc import Sequence
from typing import Any

from bench.flow.tools import FLAKY, TOOLS
from schemas.spec.hash import resolve
from schemas.spec.model import PinnedPrompt, ResolvedSpec, WorkflowSpec
from schemas.spec.nested import Family, Member, member_key

Document = dict[str, Any]
PROMPTS = {"ask@1": PinnedPrompt(name="ask", version=1, template="Read this", hash="0" * 64)}
INPUT_LABELS = {"$": ["user"], "$.mail": ["web", "from:mail"]}
_POLICY = {"retries": {"max_attempts": 1}}


def inputs_of(web: str) -> Document:
    """Return a run's inputs: what a user wrote, and a mail of anybody on the web."""
    mail = {"from": f"{web}@example.org", "text": f"I am {web}"}
    return {"address": "ann@example.com", "names": ["a", "b", "c"], "mail": mail}


def random_workflow(seed: int, *, nodes: int = 8, hasty: bool = True) -> ResolvedSpec:
    """Return a workflow of a seed. ``hasty``: with joins of ``any``, which depend on time."""
    rng = random.Random(seed)  # noqa: S311 - workflows of a seed
    child = _spec("kid", _graph(rng, rng.randint(1, 3), "k", hasty=hasty, kid=False))
    spec = _spec("top", _graph(rng, rng.randint(3, nodes), "n", hasty=hasty, kid=True))
    family = Family({member_key("kid", 1): Member(child, PROMPTS)}, {"kid": 1})
    return resolve(spec, PROMPTS, family)


def _spec(name: str, dag: Document) -> WorkflowSpec:
    return WorkflowSpec.model_validate({"name": name, "version": 1, "allow_unknown_inputs": True, "dag": dag})


def _graph(rng: random.Random, count: int, prefix: str, *, hasty: bool, kid: bool, inside: bool = False) -> Document:
    ids = [f"{prefix}{n}{FLAKY if rng.random() < 0.2 else ''}" for n in range(count)]
    edges: list[Document] = []
    nodes: list[Document] = []
    for n, id_ in enumerate(ids):
        before = [one for one in ids[:n] if rng.random() < 0.4]
        above = _above(before, edges)
        edges += [{"from": one, "to": id_} for one in before]
        nodes.append(_node(rng, id_, sorted(above), before, hasty=hasty, kid=kid, inside=inside))
    _switches(rng, nodes, edges)
    return {"nodes": nodes, "edges": edges}


def _above(before: Sequence[str], edges: Sequence[Document]) -> set[str]:
    found, waiting = set(before), list(before)
    while waiting:
        one = waiting.pop()
        fresh = {edge["from"] for edge in edges if edge["to"] == one} - found
        found |= fresh
        waiting += fresh
    return found


def _node(
    rng: random.Random, id_: str, above: list[str], before: list[str], *, hasty: bool, kid: bool, inside: bool
) -> Document:
    policy: Document = dict(_POLICY)
    if rng.random() < 0.35:
        policy["optional"] = True
    kinds = ["tool"] * 6 + ["function"] * 2 + ["llm"] * 2 + ["agent", "wait"] + (["loop"] if not inside else [])
    kind = rng.choice(kinds + (["workflow"] if kid else []))
    node: Document = {"id": id_, "type": kind, "config": {}, "policy": policy}
    if before and rng.random() < 0.3:
        node["join"] = rng.choice(["all", "all_done", *(["any"] if hasty else [])])
    if above and rng.random() < 0.3:
        node["config"]["condition"] = _condition(rng, above)
    if kind in ("loop", "wait"):
        node["config"] |= _loop(rng, id_, above) if kind == "loop" else {"duration_ms": 10}
        return node
    maps = not inside and kind != "agent" and rng.random() < 0.25
    if maps:
        how = rng.choice(["fail", "skip", "collect"])
        node["config"] |= {"parallel": True, "items": _items(rng, above), "on_child_error": how}
    names = [*above, *(["item"] if maps else []), *(["loop"] if inside else [])]
    if rng.random() < 0.8:
        node["config"]["inputs"] = {"q": _value(rng, names)} if rng.random() < 0.7 else {}
    node["config"] |= _config(rng, kind, names)
    return node


def _config(rng: random.Random, kind: str, names: list[str]) -> Document:
    """Return what a node of a type is configured with, besides what all have."""
    match kind:
        case "tool":
            name = rng.choice([*sorted(TOOLS), "search", "search"])
            args = {one: _value(rng, names) for one in (TOOLS[name].sinks or ("q",))}
            return {"tool_name": name, "tool_args": args}
        case "function":
            return {"function_name": "f", "function_args": {"x": _value(rng, names)}}
        case "llm":
            return {"prompt_ref": "ask@1"}
        case "agent":
            return {"prompt_ref": "ask@1", "tools": rng.sample(sorted(TOOLS), rng.randint(1, 3)), "max_turns": 4}
        case _:
            given = {"address": _value(rng, names), "mail": _value(rng, names), "names": ["a", _value(rng, names)]}
            return {"workflow": "kid", "version": 1, "inputs": given}


def _value(rng: random.Random, names: Sequence[str], depth: int = 0) -> Any:
    chance = rng.random()
    if names and chance < 0.55:
        name = rng.choice(names)
        if name == "item":
            return rng.choice(["{{item}}", "{{item.id}}", "see {{item}}"]) if rng.random() < 0.2 else "{{item}}"
        if name == "loop":
            return rng.choice(["loop.previous", "loop.iteration"])
        return f"{name}.output"
    if chance < 0.75:
        return rng.choice(["{{address}}", "{{mail}}", "to {{address}}", "about {{mail}}"])
    if chance < 0.85 and depth < 2:
        return {"a": _value(rng, names, depth + 1), "b": [_value(rng, names, depth + 1)]}
    return "ops@example.com"


def _items(rng: random.Random, above: Sequence[str]) -> Any:
    if rng.random() < 0.4 or not above:
        return rng.choice(["{{names}}", ["a", "{{address}}", "{{mail}}"]])
    one = rng.choice(above)
    return rng.choice([[f"{one}.output", "b"], f"{one}.output.list"])


def _condition(rng: random.Random, above: Sequence[str]) -> str:
    one = rng.choice(above)
    tests = [f"has({one}.output.flag) && {one}.output.flag == true", f"{one}.output == null", f"{one}.output != null"]
    return rng.choice([*tests, "inputs.address != ''", "size(inputs.mail) == 2"])


def _switches(rng: random.Random, nodes: list[Document], edges: list[Document]) -> None:
    """Make a switch of some nodes that have successors, and some before them."""
    for n, node in enumerate(nodes):
        after = [edge["to"] for edge in edges if edge["from"] == node["id"]]
        before = [edge["from"] for edge in edges if edge["to"] == node["id"]]
        if not after or not before or rng.random() > 0.3:
            continue
        cases = [{"when": _condition(rng, before), "to": one} for one in after[:2]]
        config: Document = {"cases": cases} | ({"default": after[-1]} if rng.random() < 0.5 else {})
        nodes[n] = {"id": node["id"], "type": "switch", "config": config}


def _loop(rng: random.Random, id_: str, above: list[str]) -> Document:
    body = _graph(rng, rng.randint(1, 3), f"{id_}b", hasty=False, kid=False, inside=True)
    last = body["nodes"][-1]["id"]
    until = rng.choice(["loop.iteration == 2", "has(loop.output.flag) && loop.output.flag == true", "false"])
    if above and rng.random() < 0.3:
        until = f"{above[0]}.output != null"
    config: Document = {"body": body["nodes"], "edges": body["edges"], "output": f"{last}.output"}
    return config | {"until": until, "max_iterations": 3, "on_exhausted": rng.choice(["last", "last", "fail"])}
