"""Validates the error codes that a node retries on."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.errors import Problem
from schemas.records.base import Json
from schemas.spec.check.nodes import queue_of
from schemas.spec.check.shape import similar
from schemas.spec.error_codes import CODES, is_known
from schemas.spec.loops import placed_nodes
from schemas.spec.model import WorkflowSpec
from schemas.spec.policy import NO_CODE


def retry_problems(spec: WorkflowSpec, own: frozenset[str]) -> Iterator[Problem]:
    """Yield a problem for each code in a ``retry_on`` that no error has.

    ``own`` are the codes that tools and functions declare. Those of workers of a queue are unknown here.
    """
    for place, node in placed_nodes(spec):
        if queue_of(node) is not None:
            continue
        for n, code in enumerate(node.policy.retries.retry_on):
            if code != NO_CODE and code not in own and not is_known(code):
                path = f"{place}.policy.retries.retry_on[{n}]"
                fix = f"{similar(code, CODES | own)}; a code of your own tool is declared by @tool(name, codes=[...])"
                yield Problem(path, f"no error has the code '{code}'", fix)


def with_no_codes(document: Mapping[str, Json]) -> dict[str, Json]:
    """Return a document in which an empty ``retry_on`` says that nothing is retried.

    A stored workflow has an empty list where its document said nothing, which retries everything.
    """
    found: dict[str, Json] = dict(document)
    dag: Any = found.get("dag")
    if isinstance(dag, dict) and isinstance(dag.get("nodes"), list):
        found["dag"] = {**dag, "nodes": [_node(node) for node in dag["nodes"]]}
    return found


def _node(node: Any) -> Json:
    match node:
        case {"config": {"body": [*body]}}:
            config: dict[str, Any] = node["config"]
            return {**node, "config": {**config, "body": [_node(inner) for inner in body]}}
        case {"policy": {"retries": {"retry_on": []}}}:
            policy: dict[str, Any] = node["policy"]
            return {**node, "policy": {**policy, "retries": {**policy["retries"], "retry_on": [NO_CODE]}}}
    found: Json = node
    return found
