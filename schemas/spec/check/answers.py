"""Validates the answers of signals: each is a reference to a node that runs after the signal."""

from collections.abc import Iterator

from schemas.errors import Problem
from schemas.spec.model import Node, SignalNode
from schemas.spec.references import parse_reference
from schemas.spec.text.outline import Outline


def answer_problems(path: str, node: Node, outline: Outline) -> Iterator[Problem]:
    """Yield the problems of a signal's ``answer``; nothing for other nodes. ``path`` is that of its config."""
    if not isinstance(node, SignalNode) or node.config.answer is None or outline.cycle is not None:
        return
    where, text = f"{path}.answer", node.config.answer
    reference = parse_reference(text)
    if reference is None:
        yield Problem(where, f"'{text}' is no reference", "write <node>.output, of a node after this one")
        return
    if node.config.parallel:
        yield Problem(where, "a mapped signal has no answer: several of its children may get one", "remove `answer`")
    if reference.node not in outline.before:
        yield Problem(where, f"there is no node '{reference.node}' beside '{node.id}'", "name a node after this one")
    elif node.id not in outline.above.get(reference.node, frozenset()):
        said = f"'{reference.node}' does not run after '{node.id}'"
        yield Problem(where, said, f"add edges that lead from '{node.id}' to '{reference.node}'")
