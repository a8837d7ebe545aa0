"""A workflow's nodes and edges as text, for Mermaid, and for Graphviz."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentflow.cli.columns import printable

FORMS = ("text", "mermaid", "dot")
Edges = Sequence[tuple[str, str]]


def drawn(spec: Mapping[str, Any], form: str) -> str:
    """Return a workflow's document as a drawing."""
    nodes = {str(node["id"]): str(node["type"]) for node in spec["dag"]["nodes"]}
    edges = [(str(edge["from"]), str(edge["to"])) for edge in spec["dag"].get("edges") or ()]
    return {"text": _text, "mermaid": _mermaid, "dot": _dot}[form](nodes, edges)


def _text(nodes: Mapping[str, str], edges: Edges) -> str:
    rows = []
    for node in _ordered(nodes, edges):
        before = [start for start, end in edges if end == node]
        rows.append(f"{node} ({nodes[node]})" + (f" <- {', '.join(before)}" if before else ""))
    return "\n".join(map(printable, rows))


def _mermaid(nodes: Mapping[str, str], edges: Edges) -> str:
    number = {node: f"n{at}" for at, node in enumerate(nodes)}
    rows = [f'    {number[node]}["{_quoted(node)}<br/>{kind}"]' for node, kind in nodes.items()]
    rows += [f"    {number[start]} --> {number[end]}" for start, end in edges]
    return "\n".join(["flowchart TD", *rows])


def _dot(nodes: Mapping[str, str], edges: Edges) -> str:
    rows = [f'  "{_quoted(node)}" [label="{_quoted(node)}\\n{kind}"];' for node, kind in nodes.items()]
    rows += [f'  "{_quoted(start)}" -> "{_quoted(end)}";' for start, end in edges]
    return "\n".join(["digraph workflow {", *rows, "}"])


def _quoted(text: str) -> str:
    return printable(text).replace('"', "'")


def _ordered(nodes: Mapping[str, str], edges: Edges) -> list[str]:
    """Return nodes after all that come before them; the order of the document decides between equals."""
    order: list[str] = []
    left = list(nodes)
    while left:
        ready = [node for node in left if all(start in order for start, end in edges if end == node and start in nodes)]
        order += ready or left
        left = [node for node in left if node not in order]
    return order
