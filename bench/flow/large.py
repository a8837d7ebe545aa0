"""A workflow of as many nodes as one may have: each reads some nodes before it, some have conditions, some effects."""

import random
from typing import Any

from schemas.spec.hash import resolve
from schemas.spec.model import MAX_NODES, ResolvedSpec, WorkflowSpec


def large_workflow(nodes: int = MAX_NODES, *, reads: int = 3, seed: int = 1) -> ResolvedSpec:
    """Return a workflow in which each node reads up to so many of the 30 before it."""
    rng = random.Random(seed)  # noqa: S311 - a workflow of a seed
    documents: list[dict[str, Any]] = []
    edges: list[dict[str, str]] = []
    for n in range(nodes):
        before = sorted(rng.sample(range(max(0, n - 30), n), min(n, reads)))
        edges += [{"from": f"n{one}", "to": f"n{n}"} for one in before]
        documents.append(_node(n, before))
    dag = {"nodes": documents, "edges": edges}
    return resolve(WorkflowSpec.model_validate({"name": "large", "version": 1, "dag": dag}), {})


def _node(n: int, before: list[int]) -> dict[str, Any]:
    read = f"n{before[0]}.output" if before else "{{address}}"
    config: dict[str, Any] = {"condition": f"n{before[0]}.output == 'x'"} if n % 7 == 3 else {}
    if n % 50 == 0 or n % 10 == 9:
        name, argument = ("search", "q") if n % 50 == 0 else ("mail", "to")
        return {"id": f"n{n}", "type": "tool", "config": config | {"tool_name": name, "tool_args": {argument: read}}}
    return {"id": f"n{n}", "type": "function", "config": config | {"function_name": "f", "function_args": {"x": read}}}
